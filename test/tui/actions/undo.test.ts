import { describe, expect, it } from 'vitest';
import type { OperatorCommand } from '../../../src/gateway/operator/operator.ts';
import { undoneWords } from '../../../src/tui/state/decisions.ts';
import { busySnapshot, pairingView, scheduleView, snapshotOf } from '../fixtures.ts';
import { type Harness, harness } from '../harness.ts';

/** Three requests; a decision takes its row away, an undo brings it back, as a gateway does it. */
function desk(): Harness {
  const rows = ['p1', 'p2', 'p3', 'p4'].map((id, n) =>
    pairingView(id, { senderName: `Person ${n + 1}`, senderId: `${n + 1}`, createdAt: n }),
  );
  const h: Harness = harness({
    snapshot: snapshotOf({ pairing: rows }),
    answer(command: OperatorCommand) {
      if (!('requestId' in command) || command.requestId === undefined) return { message: 'done' };
      const request = rows.find((row) => row.id === command.requestId);
      if (request === undefined) return new Error('no such request');
      if (command.type === 'pairing.undo') h.operator.push({ type: 'pairing', request });
      else
        h.operator.push({ type: 'pairing-closed', id: request.id, outcome: 'approved', actor: 'operator' });
      return { message: 'done' };
    },
  });
  h.press('4 g');
  return h;
}

const ids = (h: Harness): string[] => h.controller.rows('pairing').map((row) => row.id);

/** Presses a key, and waits until its row has settled. */
async function decide(h: Harness, key: string): Promise<void> {
  h.press(key);
  await h.settle();
  h.timers.advance(1_000);
}

describe('undo', () => {
  it('is a stack: u takes one decision after the other back, and the cursor returns to its row', async () => {
    const h = desk();
    await decide(h, 'j');
    await decide(h, 'a');
    await decide(h, 'd');
    await decide(h, 'b');
    expect(ids(h)).toEqual(['p1']);
    for (const [left, at] of [
      [['p1', 'p4'], 'p4'],
      [['p1', 'p3', 'p4'], 'p3'],
      [['p1', 'p2', 'p3', 'p4'], 'p2'],
    ] as const) {
      await decide(h, 'u');
      expect(ids(h)).toEqual(left);
      expect(h.controller.lists.targetKey('pairing')).toBe(at);
    }
    expect(h.operator.commands.slice(3)).toEqual([
      { type: 'pairing.undo', requestId: 'p4' },
      { type: 'pairing.undo', requestId: 'p3' },
      { type: 'pairing.undo', requestId: 'p2' },
    ]);
    h.press('u');
    expect(h.text().at(-1)).toContain('nothing can be undone');
  });

  it('does not depend on its notice: others may come and go', async () => {
    const h = desk();
    await decide(h, 'a');
    h.press('y');
    h.timers.advance(10_000);
    h.store.flush();
    expect(h.text().at(-1)).toContain('u undo');
    await decide(h, 'u');
    expect(ids(h)).toEqual(['p1', 'p2', 'p3', 'p4']);
  });

  it('shows with U what can be taken back, and forgets it after 30 s', async () => {
    const h = desk();
    await decide(h, 'a');
    h.timers.advance(8_000);
    await decide(h, 'd');
    h.press('U');
    expect(h.text().join('\n')).toMatch(/Person 2 .* is denied[\s\S]*Person 1 .* is approved/u);
    h.timers.advance(22_000);
    h.store.flush();
    expect(h.text().join('\n')).not.toContain('Person 1 (');
    h.timers.advance(10_000);
    h.press('U');
    expect(h.text().join('\n')).toContain('Nothing can be undone.');
  });

  it('waits for the answer of the decision that it takes back', async () => {
    const h = desk();
    h.press('a u');
    expect(h.operator.commands).toHaveLength(1);
    await h.settle();
    expect(h.operator.commands.at(-1)).toEqual({ type: 'pairing.undo', requestId: 'p1' });
    expect(ids(h)).toHaveLength(4);
  });

  it('a held key decides once, and u brings that one back', async () => {
    const h = desk();
    for (let n = 0; n < 40; n += 1) {
      h.press('a');
      for (let turn = 0; turn < 4; turn += 1) await Promise.resolve();
      h.timers.advance(n === 0 ? 500 : 30);
    }
    expect(h.operator.commands).toEqual([{ type: 'pairing.approve', requestId: 'p1' }]);
    await decide(h, 'u');
    expect(ids(h)).toEqual(['p1', 'p2', 'p3', 'p4']);
  });

  it.each([
    ['a matched code', '4 m K Q 7 enter', { type: 'pairing.undo', requestId: 'px' }],
    ['a revoked person', 'w x y', { type: 'allow', platform: 'discord', userId: '9', note: 'ops' }],
    ['a cancelled task', '3 x y', { type: 'task.retry', id: 'bg-7f2' }],
    ['a reset session', '2 j r y', { type: 'session.reopen', id: 's2' }],
    ['a paused chat', '2 j P', { type: 'session.resume', id: 's2' }],
    ['a paused schedule', 't P', { type: 'schedule.resume', id: 'sc-1' }],
    ['a dropped message', '2 Q x y', { type: 'queue.restore', sessionId: 's1', messageId: 'm1' }],
  ])('takes back %s', async (_what, keys, expected) => {
    const h = harness({
      snapshot: { ...busySnapshot(), schedules: [scheduleView('sc-1')] },
      queries: { queue: [{ messageId: 'm1', senderName: 'Ada', text: 'next', at: 1 }] },
      answer: () => ({ message: 'done', data: { requestId: 'px' } }),
    });
    for (const key of keys.split(' ')) await decide(h, key);
    h.press('u');
    await h.settle();
    expect(h.operator.commands.at(-1)).toEqual(expected);
  });

  it('keeps what could not be taken back for another try', async () => {
    const h = harness({
      answer: ({ type }) => (type === 'task.retry' ? new Error('not yet') : { message: 'ok' }),
    });
    for (const key of ['3', 'x', 'y', 'u']) await decide(h, key);
    expect(h.text().at(-1)).toContain('not yet');
    await decide(h, 'u');
    expect(h.operator.commands.filter(({ type }) => type === 'task.retry')).toHaveLength(2);
  });

  it('says what is so afterwards, never the decision that no longer holds', async () => {
    const h = desk();
    for (const [key, left] of [
      ['a', 'is no longer approved'],
      ['d', 'is no longer denied'],
      ['b', 'is no longer blocked'],
    ] as const) {
      await decide(h, key);
      h.press('u');
      await h.settle();
      expect(h.text().at(-1)).toMatch(new RegExp(`Undone: Person 1 \\(.*\\) ${left}`, 'u'));
      h.timers.advance(1_000);
    }
    expect(undoneWords('Ada (telegram 7) is on the allowlist')).toBe(
      'Undone: Ada (telegram 7) is no longer on the allowlist.',
    );
    expect(undoneWords('x is blocked (slack U1) is paused')).toBe(
      'Undone: x is blocked (slack U1) is no longer paused.',
    );
    expect(undoneWords('revoked telegram:7')).toBe('Undid: "revoked telegram:7"');
  });
});
