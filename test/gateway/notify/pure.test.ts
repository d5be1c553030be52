import { describe, expect, it } from 'vitest';
import { type AgentQuestion, RAISE_LIMIT_TOOL, SEND_FILE_TOOL } from '../../../src/gateway/agent/question.ts';
import { raw, say } from '../../../src/gateway/language/chat-text.ts';
import type { AdapterState } from '../../../src/gateway/model.ts';
import {
  dueNow,
  isQuiet,
  type Notice,
  noticeText,
  together,
  wholeOr,
} from '../../../src/gateway/notify/notice.ts';
import { ownerFinding, readOwners } from '../../../src/gateway/notify/owners.ts';
import {
  adapterProblem,
  agentProblem,
  approvalNotice,
  diskProblem,
  endOf,
  pairingNotice,
  shortOf,
} from '../../../src/gateway/notify/watcher.ts';
import { dialogView } from '../../../src/gateway/questions/dialog.ts';

const MINUTE = 60_000;
const at = (time: string): number => Date.parse(`2026-05-06T${time}:00Z`);

describe('quiet hours', () => {
  const night = { from: 22 * 60, to: 7 * 60, zone: 'UTC' };
  it.each([
    ['21:59', false],
    ['22:00', true],
    ['03:00', true],
    ['06:59', true],
    ['07:00', false],
  ])('over midnight, at %s: %s', (time, quiet) => {
    expect(isQuiet(night, at(time))).toBe(quiet);
  });
  it('are those of their zone, and never where both times are the same', () => {
    expect(isQuiet({ ...night, zone: 'Asia/Tokyo' }, at('13:00'))).toBe(true);
    expect(isQuiet({ from: 60, to: 60, zone: 'UTC' }, at('01:00'))).toBe(false);
    expect(isQuiet({ from: 9 * 60, to: 17 * 60, zone: 'UTC' }, at('12:00'))).toBe(true);
  });
});

describe('folding', () => {
  const held = (count: number, urgent = false) =>
    Array.from({ length: count }, () => ({ kind: 'pairing' as const, urgent }));
  it.each([
    [1, 0, false, 'each'],
    [3, 0, false, 'each'],
    [4, 0, false, 'together'],
    [2, 2, false, 'together'],
    [1, 3, false, 'wait'],
    [1, 0, true, 'wait'],
    [0, 0, false, 'wait'],
  ] as const)('%i held, %i sent, quiet %s: %s', (count, sent, quiet, due) => {
    expect(dueNow(held(count), 'pairing', { sent, quiet })).toBe(due);
  });
  it('lets an urgent one through quiet hours', () => {
    expect(dueNow(held(1, true), 'disk', { sent: 0, quiet: true })).toBe('each');
  });
});

describe('what is worth a notice', () => {
  const view = (state: AdapterState, lastHeartbeatAt?: number) => ({
    platform: 'slack' as const,
    state,
    detail: 'token revoked',
    nextStep: 'Set a new token.',
    ingress: lastHeartbeatAt === undefined ? {} : { lastHeartbeatAt },
  });

  it.each([
    ['parked', undefined, undefined, 'Slack failed and needs your attention'],
    ['reconnecting', 5 * MINUTE, undefined, undefined],
    ['reconnecting', 5 * MINUTE + 1, undefined, 'Slack has not been connected for more than 5 minutes'],
    ['connected', undefined, 5 * MINUTE, undefined],
    ['connected', undefined, 6 * MINUTE + 1, 'Slack has been silent for more than 5 minutes'],
    ['connected', undefined, undefined, undefined],
    ['stopped', undefined, 60 * MINUTE, undefined],
  ] as const)('%s, away %s ms, last heard %s ms ago: %s', (state, away, heard, title) => {
    const now = at('12:00');
    const problem = adapterProblem(
      view(state, heard === undefined ? undefined : now - heard),
      away === undefined ? undefined : now - away,
      now,
    );
    expect(problem?.title.in('en')).toBe(title);
    if (problem !== undefined) expect(problem.notOver).toBe('slack');
  });

  it('the agent that fails its check, or three turns in a row', () => {
    expect(agentProblem({ ok: true, detail: '' }, 2)).toBeUndefined();
    expect(agentProblem({ ok: true, detail: '' }, 3)?.title.in('en')).toContain('last 3 turns');
    const problem = agentProblem({ ok: false, detail: 'no model', hint: 'Log in.' }, 0);
    expect(problem?.urgent).toBe(true);
    expect(problem?.text?.in('en')).toBe('no model\n\nLog in.');
  });

  it('a question to the operator, by what it is about', () => {
    const title = (question: Omit<AgentQuestion, 'kind' | 'title'>): string | undefined => {
      const asked: AgentQuestion = {
        kind: question.call ? 'approval' : 'select',
        title: 'bash',
        ...question,
      };
      const about = { id: 'q2abc', number: 1, sessionId: 's1', createdAt: 0, expiresAt: MINUTE };
      const dialog = { ...about, question: asked, chat: undefined, requester: undefined };
      return approvalNotice(dialogView(dialog), dialog)?.title.in('en');
    };
    const call = {
      tool: 'bash',
      argumentsJson: '{"command":"ls"}',
      hash: '',
      dangerous: true,
      reason: 'r',
      groupKey: 'k',
      group: 'g',
    };
    const raise = { ...call, tool: RAISE_LIMIT_TOOL };
    const file = { ...call, tool: SEND_FILE_TOOL, argumentsJson: '{"files":[]}' };
    expect(title({ call })).toBe('A tool call is waiting for approval (#1)');
    expect(title({ call: file })).toBe('Sending files is waiting for approval (#1)');
    expect(title({ call: raise })).toBe('Raising a spending limit is waiting for approval (#1)');
    expect(title({ options: ['Continue', 'Drop'], resume: true })).toBe(
      'An interrupted turn is waiting for a decision (#1)',
    );
    expect(title({ options: ['red', 'blue'] })).toBeUndefined();
  });

  it('a disk below 256 MiB, until there is clearly more', () => {
    const MIB = 1024 * 1024;
    expect(diskProblem(256 * MIB, false)).toBeUndefined();
    expect(diskProblem(255 * MIB, false)?.text?.in('en')).toContain('255 MiB');
    expect(diskProblem(300 * MIB, true)).toBeDefined();
    expect(diskProblem(384 * MIB, true)).toBeUndefined();
  });

  it('no code that the operator made', () => {
    const request = {
      id: 'r1',
      platform: 'telegram' as const,
      accountId: 'default',
      senderId: '7009',
      senderName: 'Eve',
      code: 'ABCD-EFGH',
      firstWords: 'hi',
      createdAt: 0,
      expiresAt: 1,
    };
    expect(pairingNotice({ ...request, kind: 'generated' })).toBeUndefined();
    expect(pairingNotice({ ...request, kind: 'invitation', platform: 'any' })).toBeUndefined();
    expect(JSON.stringify(pairingNotice(request))).not.toContain('ABCD');
  });
});

describe('the text of a notice', () => {
  const notice: Notice = {
    key: 'k',
    kind: 'pairing',
    title: say('notice.pairing', { platform: 'Telegram' }),
    text: raw('who'),
    ask: { about: 'pairing', id: 'r1', short: 'pabcde', whole: true },
  };
  const reader = { may: ['pair' as const], buttons: false, prefix: '/' };

  it('has the words to reply with where there are no buttons, until it is decided', () => {
    expect(String(noticeText(notice, reader))).toContain(
      '/owner approve pabcde\n/owner deny pabcde\n/owner block pabcde',
    );
    expect(String(noticeText(notice, { ...reader, buttons: true }))).not.toContain('/owner');
    expect(String(noticeText(notice, { ...reader, may: ['approve'] }))).not.toContain('/owner');
    const end = endOf('approved', 'telegram:1001 (owner)', '12:40');
    expect(String(noticeText(notice, reader, end))).toBe(
      '**A new user requests access on Telegram**\n\nwho\n\nApproved by telegram:1001 (owner) at 12:40.',
    );
    expect(endOf('expired', 'gateway (gateway)', '12:40').in('en')).toBe('Expired at 12:40.');
    expect(endOf('timed_out', 'gateway', '12:40').in('en')).toBe('Expired without an answer at 12:40.');
  });

  it('of a name that looks like markup or steers the terminal is only text', () => {
    const line = '**bold**\u202e```\n/owner approve pabcde';
    const text = String(together([{ ...notice, line }], 'pairing', 'k', '/').text);
    expect(text).not.toContain('\u202e');
    expect(text.split('\n')[0]).toMatch(/^`{4,}$/); // a fence that the name cannot close
  });

  it('is whole up to 12,000 characters', () => {
    expect(wholeOr('x'.repeat(12_000)).whole).toBe(true);
    expect(wholeOr('x'.repeat(12_001))).toMatchObject({ whole: false });
    expect(wholeOr('🎉'.repeat(7000)).text.isWellFormed()).toBe(true);
  });

  it('names a request by five symbols that stay the same', () => {
    const names = new Set(Array.from({ length: 2000 }, (_, i) => shortOf(`request-${i}`)));
    expect(names.size).toBeGreaterThan(1998);
    for (const name of names) expect(name).toMatch(/^p[a-km-np-z2-9]{5}$/);
    expect(shortOf('request-1')).toBe(shortOf('request-1'));
  });
});

describe('the doctor', () => {
  const [owner] = readOwners([{ chat: 'telegram:1001', may: ['pair'] }], () => 'UTC');
  it.each([
    [{ enabled: true, access: true, kind: 'dm' }, true, 'ok: may pair.'],
    [{ enabled: true, access: true, kind: undefined }, true, 'write to the bot from there once'],
    [{ enabled: true, access: false, kind: 'dm' }, false, 'pi-gateway-tui allow telegram 1001'],
    [{ enabled: true, access: true, kind: 'group' }, false, 'the chat is a group'],
    [{ enabled: false, access: true, kind: 'dm' }, false, 'telegram is not enabled'],
  ] as const)('says of an owner with %j: %s', (facts, ok, said) => {
    if (owner === undefined) throw new Error('no owner');
    const finding = ownerFinding(owner, facts);
    expect(finding.ok).toBe(ok);
    expect(finding.line).toContain(said);
  });
});
