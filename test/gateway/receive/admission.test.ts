import { describe, expect, it } from 'vitest';
import type { ChatPolicy } from '../../../src/gateway/config/settings.ts';
import type { InboundMessage } from '../../../src/gateway/model.ts';
import { type AdmissionFacts, admit } from '../../../src/gateway/receive/admission.ts';

const POLICY: ChatPolicy = {
  dmPolicy: 'pairing',
  groupPolicy: 'allowlist',
  groups: ['g1'],
  requireMention: true,
  allowFrom: [],
  groupSessionsPerUser: true,
  toolActivity: 'brief',
};

const DM: InboundMessage = {
  dedupeKey: '1',
  chat: { platform: 'telegram', accountId: 'default', chatId: '7' },
  chatKind: 'dm',
  sender: { id: '7', name: 'Ada' },
  text: 'hello',
  messageId: '1',
  mentioned: true,
};
const GROUP: InboundMessage = { ...DM, chatKind: 'group', chat: { ...DM.chat, chatId: 'g1' } };

interface Case {
  readonly message?: Partial<InboundMessage>;
  readonly policy?: Partial<ChatPolicy>;
  readonly facts?: Partial<AdmissionFacts>;
}

function decide(base: InboundMessage, { message, policy, facts }: Case = {}): string {
  const verdict = admit({
    message: { ...base, ...message },
    policy: { ...POLICY, ...policy },
    allowAll: false,
    blocked: false,
    allowlisted: false,
    control: false,
    rate: () => 'allowed',
    botMuted: () => false,
    ...facts,
  });
  return 'code' in verdict ? `${verdict.decision} ${verdict.code}` : verdict.decision;
}

const known = { facts: { allowlisted: true } };

describe('in a direct message', () => {
  it.each<[string, Case, string]>([
    ['a stranger is paired', {}, 'pair'],
    ['an allowed person speaks', known, 'allow'],
    ['a person listed in the configuration speaks', { policy: { allowFrom: ['7'] } }, 'allow'],
    ['everybody speaks with allowAll', { facts: { allowAll: true } }, 'allow'],
    ['everybody speaks when it is open', { policy: { dmPolicy: 'open' } }, 'allow'],
    [
      'a stranger is refused by the allowlist policy',
      { policy: { dmPolicy: 'allowlist' } },
      'refuse sender_not_listed',
    ],
    [
      'nobody speaks when it is disabled, allowed or not',
      { policy: { dmPolicy: 'disabled' }, ...known },
      'refuse dm_disabled',
    ],
    [
      'a blocked person is not heard, allowed or not',
      { facts: { blocked: true, allowlisted: true } },
      'ignore blocked',
    ],
    [
      'a blocked person is not heard even with allowAll',
      { facts: { blocked: true, allowAll: true } },
      'ignore blocked',
    ],
    [
      'our own message is ignored first of all',
      { message: { sender: { ...DM.sender, isSelf: true } }, facts: { blocked: true } },
      'ignore own_message',
    ],
    ['another bot is ignored', { message: { sender: { ...DM.sender, isBot: true } } }, 'ignore bot'],
    [
      'a bot that was allowed speaks',
      { message: { sender: { ...DM.sender, isBot: true } }, ...known },
      'allow',
    ],
    [
      'a bot in a loop is muted although it was allowed',
      {
        message: { sender: { ...DM.sender, isBot: true } },
        facts: { allowlisted: true, botMuted: () => true },
      },
      'ignore bot_loop',
    ],
    [
      'too many messages are refused',
      { facts: { allowlisted: true, rate: () => 'notice' } },
      'refuse rate_limited',
    ],
    [
      'a control word passes the rate limit',
      { facts: { allowlisted: true, control: true, rate: () => 'silent' } },
      'allow',
    ],
    [
      'a control word of a new user does not',
      { facts: { control: true, rate: () => 'silent' } },
      'refuse rate_limited',
    ],
    [
      'a new user who writes too much is not paired',
      { facts: { rate: () => 'notice' } },
      'refuse rate_limited',
    ],
  ])('%s', (_name, given, expected) => expect(decide(DM, given)).toBe(expected));
});

describe('in a group', () => {
  it.each<[string, Case, string]>([
    ['an allowed person who mentions the bot speaks', known, 'allow'],
    [
      'without a mention nothing happens',
      { message: { mentioned: false }, ...known },
      'ignore not_mentioned',
    ],
    [
      'without the mention gate a mention is not needed',
      { message: { mentioned: false }, policy: { requireMention: false }, ...known },
      'allow',
    ],
    [
      'a group that is not listed is refused before anything else',
      { policy: { groups: [] }, ...known },
      'refuse group_not_listed',
    ],
    [
      'a disabled policy refuses a listed group',
      { policy: { groupPolicy: 'disabled' }, ...known },
      'refuse group_disabled',
    ],
    ['a stranger is refused, never paired in public', {}, 'refuse sender_not_listed'],
    [
      'where the platform has no direct messages, who calls the bot is paired',
      { message: { pairsHere: true } },
      'pair',
    ],
    [
      'but nobody who does not call it',
      { message: { pairsHere: true, mentioned: false }, policy: { requireMention: false } },
      'refuse sender_not_listed',
    ],
    [
      'nor where pairing is off',
      { message: { pairsHere: true }, policy: { dmPolicy: 'allowlist' } },
      'refuse sender_not_listed',
    ],
    [
      'who writes in another chat that only shows up here is refused, whoever it is',
      {
        message: { fromElsewhere: true },
        policy: { groupPolicy: 'open' },
        facts: { allowlisted: true, allowAll: true },
      },
      'refuse other_chat',
    ],
    [
      'allowFrom may name any of a person’s ids',
      {
        message: { sender: { id: '9@lid', aliases: ['+1555'], name: 'Ada' } },
        policy: { allowFrom: ['+1555'] },
      },
      'allow',
    ],
    ['everybody speaks in an open one', { policy: { groupPolicy: 'open', groups: [] } }, 'allow'],
    ['direct-message policy has no say', { policy: { dmPolicy: 'disabled' }, ...known }, 'allow'],
  ])('%s', (_name, given, expected) => expect(decide(GROUP, given)).toBe(expected));
});

it('counts a bot towards the loop breaker only with messages that it would have answered', () => {
  let asked = 0;
  const botMuted = (): boolean => {
    asked += 1;
    return false;
  };
  const bot = { ...DM.sender, isBot: true };
  decide(DM, { message: { sender: bot }, facts: { botMuted } });
  decide(GROUP, {
    message: { sender: bot, mentioned: false },
    facts: { allowlisted: true, botMuted },
  });
  decide(DM, { message: { sender: bot }, facts: { allowlisted: true, rate: () => 'silent', botMuted } });
  expect(asked).toBe(0);
  decide(DM, { message: { sender: bot }, facts: { allowlisted: true, botMuted } });
  expect(asked).toBe(1);
});

it('counts towards the rate limit only messages that got that far', () => {
  let asked = 0;
  const rate = () => {
    asked += 1;
    return 'allowed' as const;
  };
  decide(DM, { facts: { blocked: true, rate } });
  decide(GROUP, { message: { mentioned: false }, facts: { rate } });
  expect(asked).toBe(0);
  decide(DM, { facts: { rate } }); // a new user counts before pairing
  decide(DM, { facts: { allowlisted: true, rate } });
  expect(asked).toBe(2);
});

it('tells the sender about the rate limit once, then is silent', () => {
  const notice = admit({
    message: DM,
    policy: POLICY,
    allowAll: true,
    blocked: false,
    allowlisted: false,
    control: false,
    rate: () => 'notice',
    botMuted: () => false,
  });
  const silent = admit({
    message: DM,
    policy: POLICY,
    allowAll: true,
    blocked: false,
    allowlisted: false,
    control: false,
    rate: () => 'silent',
    botMuted: () => false,
  });
  expect(notice).toHaveProperty('notice');
  expect(silent).not.toHaveProperty('notice');
});
