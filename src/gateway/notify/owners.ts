/** Who the owners are: read from the configuration, and what one of them may do. */

import { ConfigError, GatewayError } from '../../base/errors.ts';
import { idFault } from '../chat.ts';
import { environmentName } from '../config/secrets.ts';
import type { NotifyConfig, OwnersConfig } from '../config/section-schemas.ts';
import { type ChatText, say } from '../language/chat-text.ts';
import type { InboundMessage, Platform } from '../model.ts';
import { parseTarget, type Target } from '../send/outbound.ts';
import type { QuietHours } from './notice.ts';

export type OwnerRight = 'pair' | 'approve' | 'stop';

export interface Owner {
  /** As the configuration writes the chat. */
  readonly name: string;
  readonly chat: Extract<Target, { readonly kind: 'chat' }>;
  /** Whose presses and words count, whatever chat they come from. */
  readonly person: string;
  readonly may: readonly OwnerRight[];
  readonly quiet: QuietHours | undefined;
}

/** Platforms on which a direct message has the id of the person. */
const CHAT_IS_PERSON: ReadonlySet<Platform> = new Set(['telegram', 'whatsapp', 'websocket']);

/** Throws a ConfigError that names the entry, the value and the fix. `zone` is that of quiet hours without one. */
export function readOwners(config: OwnersConfig | undefined, zone: () => string): readonly Owner[] {
  const owners = (config ?? []).map((entry, i): Owner => {
    const key = `owners.${i}`;
    const chat = readChat(entry.chat, `${key}.chat`);
    return {
      name: entry.chat.trim(),
      chat,
      person: readPerson(entry.person, chat, key),
      may: [...new Set(entry.may ?? [])],
      quiet:
        entry.quiet === undefined
          ? undefined
          : {
              from: minuteOf(entry.quiet.from),
              to: minuteOf(entry.quiet.to),
              zone: entry.quiet.timeZone ?? zone(),
            },
    };
  });
  const seen = new Set<string>();
  for (const [i, { chat }] of owners.entries()) {
    const id = JSON.stringify([chat.platform, chat.chatId, chat.threadId]);
    if (seen.has(id))
      throw new ConfigError(
        `owners.${i}.chat: "${owners[i]?.name}" is defined twice`,
        'Keep one entry for each chat.',
      );
    seen.add(id);
  }
  return owners;
}

function readChat(text: string, key: string): Owner['chat'] {
  const invalid = (expected: string, advice: string): never => {
    throw new ConfigError(
      `${key}: ${JSON.stringify(text.slice(0, 60).toWellFormed())} is invalid: expected ${expected}`,
      advice,
    );
  };
  const form = 'a direct message as <platform>:<chat>, such as telegram:81234567';
  let target: Target;
  try {
    target = parseTarget(text);
  } catch (error) {
    return invalid(form, (error instanceof GatewayError ? error.hint : undefined) ?? 'Name the chat.');
  }
  if (target.kind !== 'chat') return invalid(form, 'Name the chat itself.');
  const { platform, chatId } = target;
  if (platform === 'twitch')
    return invalid(form, 'Twitch has no direct messages: use another platform, or notify.webhook.');
  const fault = idFault(platform, 'chat', chatId);
  if (fault !== undefined) return invalid(fault.expected, fault.advice);
  if (isGroupId(platform, chatId))
    return invalid(form, 'Everyone in a group would read the notices: name a direct message.');
  return target;
}

/** Discord has one kind of id for all of its channels. */
function isGroupId(platform: Platform, chatId: string): boolean {
  return (
    (platform === 'telegram' && chatId.startsWith('-')) ||
    (platform === 'slack' && /^[CG]/.test(chatId)) ||
    (platform === 'whatsapp' && chatId.endsWith('@g.us'))
  );
}

function readPerson(text: string | undefined, { platform, chatId }: Owner['chat'], key: string): string {
  if (text === undefined) {
    if (CHAT_IS_PERSON.has(platform)) return chatId;
    throw new ConfigError(
      `${key}: person is missing`,
      `Set ${key}.person to the ${platform} user id of the owner: on ${platform} the id of a direct message names no person.`,
    );
  }
  const fault = idFault(platform, 'user', text);
  if (fault === undefined) return text;
  throw new ConfigError(
    `${key}.person: ${JSON.stringify(text.slice(0, 60).toWellFormed())} is invalid: expected ${fault.expected}`,
    fault.advice,
  );
}

function minuteOf(time: string): number {
  const [hours = 0, minutes = 0] = time.split(':').map(Number);
  return hours * 60 + minutes;
}

/** Addresses that are written out; what stands for one is judged when it is known. */
export function checkAddresses(notify: NotifyConfig | undefined, heartbeat: string | undefined): void {
  for (const [key, url] of [
    ['notify.webhook.url', notify?.webhook?.url],
    ['heartbeat.url', heartbeat],
  ] as const) {
    if (url === undefined || environmentName(url) !== undefined || url.startsWith('!')) continue;
    const fault = addressFault(url);
    if (fault !== undefined)
      throw new ConfigError(`${key}: the address is invalid: expected ${fault}`, `Correct ${key}.`);
  }
  const { url, format = 'ntfy' } = notify?.webhook ?? {};
  if (url !== undefined && format === 'ntfy' && URL.parse(url)?.pathname === '/')
    throw new ConfigError(
      'notify.webhook.url: the address names no topic',
      'Add the topic, as in https://ntfy.sh/<topic>, or set notify.webhook.format.',
    );
  if (notify?.webhook !== undefined && url === undefined)
    throw new ConfigError(
      'notify.webhook: url is missing',
      'Set notify.webhook.url, or remove notify.webhook.',
    );
}

/** What an address that carries notices has to be; undefined for one that is. The address itself may be a secret. */
export function addressFault(url: string): string | undefined {
  const parsed = URL.parse(url);
  if (parsed === null || parsed.hostname === '' || !/^https?:$/.test(parsed.protocol))
    return 'a URL that begins with https://';
  if (parsed.username !== '' || parsed.password !== '')
    return 'a URL without a user name and a password in it';
  if (parsed.protocol === 'https:' || isLoopback(parsed.hostname)) return undefined;
  return 'https:// (http:// is for addresses of this machine)';
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host);
}

export interface Acting {
  readonly owners: readonly Owner[];
  readonly message: Pick<InboundMessage, 'chat' | 'chatKind' | 'sender'>;
  /** The sender is approved, by the allowlist or the configuration. */
  readonly listed: boolean;
  /** Undefined: only to read what is waiting. */
  readonly right: OwnerRight | undefined;
}

export type Judgement =
  | { readonly allowed: true; readonly owner: Owner }
  | { readonly allowed: false; readonly code: string; readonly reason: string; readonly say: ChatText };

const no = (code: string, reason: string, text: ChatText): Judgement => ({
  allowed: false,
  code,
  reason,
  say: text,
});

/** May this person do that here, now? An owner is a person who has access, in a direct message. */
export function judgeAct({ owners, message, listed, right }: Acting): Judgement {
  const { chat, chatKind, sender } = message;
  const ids = [sender.id, ...(sender.aliases ?? [])];
  const mine = owners.filter((each) => each.chat.platform === chat.platform && ids.includes(each.person));
  const [first] = mine;
  if (first === undefined) return no('not_owner', 'the sender is not an owner', say('owner.onlyOwner'));
  if (chatKind !== 'dm')
    return no('owner_in_group', 'an owner can act only in a direct message', say('owner.dmOnly'));
  if (!listed) return no('owner_without_access', 'the owner is not an approved user', say('owner.noAccess'));
  if (right === undefined) return { allowed: true, owner: first };
  const owner = mine.find(({ may }) => may.includes(right));
  if (owner !== undefined) return { allowed: true, owner };
  return no(
    'owner_right',
    `the owner has no right to ${right} (owners.may)`,
    say('owner.noRight', { right }),
  );
}

/** A line of the doctor. */
export interface Finding {
  readonly line: string;
  readonly ok: boolean;
}

/** Whether notices reach an owner, and what they may do. Pure. */
export function ownerFinding(
  { name, chat, person, may }: Owner,
  facts: {
    readonly enabled: boolean;
    /** The person is an approved user. */
    readonly access: boolean;
    /** Undefined: no one wrote from that chat so far. */
    readonly kind: 'dm' | 'group' | undefined;
  },
): Finding {
  const bad = (what: string): Finding => ({ line: `owner ${name}: NOT OK: ${what}`, ok: false });
  if (!facts.enabled)
    return bad(`${chat.platform} is not enabled, so no notice arrives. Enable it, or use another chat.`);
  if (facts.kind === 'group')
    return bad('the chat is a group, so no notice is sent there. Name a direct message in owners.');
  if (!facts.access)
    return bad(
      `${person} is not an approved user, so no notice is sent. Run: pi-gateway-tui allow ${chat.platform} ${person}`,
    );
  const rights = may.length === 0 ? 'reads notices' : `may ${may.join(', ')}`;
  const unknown = 'No message came from this chat yet: check its id, and write to the bot from there once.';
  return { line: `owner ${name}: ok: ${rights}.${facts.kind === undefined ? ` ${unknown}` : ''}`, ok: true };
}
