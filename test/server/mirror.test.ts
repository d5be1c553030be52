import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { GatewayEvent, OperatorSnapshot } from '../../src/gateway/operator/operator.ts';
import { eventsBetween, foldEvent, foldEvents, MIRROR_LIMITS } from '../../src/server/mirror.ts';
import { anyEvent, one, outboxRow, sessionRow, taskRow } from './arbitrary-state.ts';
import { emptySnapshot } from './fake-operator.ts';

/** Rows in the order of their keys: the order of a list says nothing. */
function sorted(snapshot: OperatorSnapshot): OperatorSnapshot {
  const by = <T>(rows: readonly T[], key: (row: T) => string): readonly T[] =>
    [...rows].sort((a, b) => key(a).localeCompare(key(b)));
  return {
    ...snapshot,
    adapters: by(snapshot.adapters, (row) => row.platform),
    sessions: by(snapshot.sessions, (row) => row.id),
    tasks: by(snapshot.tasks, (row) => row.id),
    pairing: by(snapshot.pairing, (row) => row.id),
    allowlist: by(snapshot.allowlist, (row) => `${row.platform} ${row.userId}`),
    outbox: by(snapshot.outbox, (row) => row.id),
  };
}

describe('folding events into a snapshot', () => {
  it('gives the same in one batch as one by one', () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 60 }), (events) => {
        const oneByOne = events.reduce(foldEvent, emptySnapshot());
        expect(sorted(foldEvents(emptySnapshot(), events))).toEqual(sorted(oneByOne));
      }),
    );
  });

  it('replaces a row where it stands, appends a new one, drops a removed one', () => {
    const [a, b, c] = ['a', 'b', 'c'].map((id) => ({ ...one(sessionRow), id }));
    if (a === undefined || b === undefined || c === undefined) throw new Error('no rows');
    const before = emptySnapshot({ sessions: [a, b] });
    const after = foldEvents(before, [
      { type: 'session', session: { ...a, title: 'new' } },
      { type: 'session', session: c },
      { type: 'session-removed', id: 'b' },
    ]);
    expect(after.sessions).toEqual([{ ...a, title: 'new' }, c]);
    expect(before.sessions).toEqual([a, b]);
  });

  it('leaves untouched lists the very same objects', () => {
    const before = emptySnapshot({ tasks: [one(taskRow)] });
    const after = foldEvent(before, { type: 'session', session: one(sessionRow) });
    expect(after.tasks).toBe(before.tasks);
    expect(after.log).toBe(before.log);
    expect(after.sessions).not.toBe(before.sessions);
  });

  it('keeps failed outbox rows and drops delivered and abandoned ones', () => {
    const rows = (['pending', 'failed', 'delivered', 'abandoned'] as const).map((state, index) => ({
      ...one(outboxRow),
      id: String(index),
      state,
    }));
    const after = foldEvents(
      emptySnapshot(),
      rows.map((item): GatewayEvent => ({ type: 'outbox', item })),
    );
    expect(after.outbox.map((row) => row.state)).toEqual(['pending', 'failed']);
  });

  it('stays bounded: log, refusals and ended tasks', () => {
    const events = Array.from({ length: 2_000 }, (_, index): GatewayEvent[] => [
      { type: 'log', line: { at: index, level: 'info', source: 's', text: String(index) } },
      {
        type: 'task',
        task: { ...one(taskRow), id: String(index), status: index === 0 ? 'running' : 'lost' },
      },
    ]).flat();
    const after = foldEvents(emptySnapshot(), events);
    expect(after.log.length).toBe(MIRROR_LIMITS.log);
    expect(after.log.at(-1)?.text).toBe('1999');
    expect(after.tasks.length).toBe(MIRROR_LIMITS.endedTasks);
    expect([after.tasks[0]?.id, after.tasks[1]?.id, after.tasks.at(-1)?.id]).toEqual(['0', '1001', '1999']);
  });

  it('ignores kinds of events that a newer gateway may send', () => {
    const unknown = { type: 'from-the-future' } as unknown;
    expect(foldEvents(emptySnapshot(), [unknown as GatewayEvent])).toEqual(emptySnapshot());
  });
});

describe('the events between two snapshots', () => {
  it('lead from the one to the other', () => {
    const state = fc.array(anyEvent, { maxLength: 60 });
    fc.assert(
      fc.property(state, state, (first, missed) => {
        const before = foldEvents(emptySnapshot(), first);
        const after = foldEvents(before, missed);
        expect(sorted(foldEvents(before, eventsBetween(before, after)))).toEqual(sorted(after));
        expect(eventsBetween(after, after)).toEqual([]);
      }),
    );
  });

  it('say what became of a pairing request as far as it can be known', () => {
    const request = {
      id: 'p1',
      platform: 'slack',
      accountId: 'default',
      senderId: 'U1',
      senderName: 'Bob',
      firstWords: 'hi',
      createdAt: 1,
      expiresAt: 2,
    } as const;
    const entry = { platform: 'slack', userId: 'U1', name: 'Bob', addedAt: 3, origin: 'pairing' } as const;
    const closed = (after: OperatorSnapshot) =>
      eventsBetween(emptySnapshot({ pairing: [request] }), after).find((e) => e.type === 'pairing-closed');
    expect(closed(emptySnapshot({ allowlist: [entry] }))).toMatchObject({ id: 'p1', outcome: 'approved' });
    expect(closed(emptySnapshot())).toMatchObject({ id: 'p1', outcome: 'expired' });
  });
});
