/** Work is counted, not timed: the same on every machine. `bench/sessions.ts` has the milliseconds. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { SessionView } from '../../../src/gateway/operator/operator.ts';
import { SortedRows } from '../../../src/tui/state/projection.ts';
import { NOW, refusalView, sessionView, snapshotOf, taskView } from '../fixtures.ts';
import { type Harness, harness } from '../harness.ts';

const COUNT = 20_000;

/** How often the title of any row was read: once for each row drawn, once for each row whose text a filter needs. */
let reads = 0;

function counted(n: number, over: Partial<SessionView> = {}): SessionView {
  const row = sessionView(`s${n}`, { senderName: `User ${n}`, lastUserAt: NOW - n, ...over });
  return Object.defineProperty({ ...row }, 'title', {
    enumerable: true,
    get() {
      reads += 1;
      return `question ${n}`;
    },
  });
}

describe('20,000 sessions', () => {
  let h: Harness;

  beforeAll(() => {
    h = harness({ snapshot: snapshotOf({ sessions: Array.from({ length: COUNT }, (_, n) => counted(n)) }) });
    h.press('2');
  });

  /** Reads of titles while the keys are pressed and the screen is drawn. */
  function readsOf(work: () => void): number {
    reads = 0;
    work();
    h.screen(200, 54);
    return reads;
  }

  it('are drawn as a window: a step costs the rows that are seen', () => {
    for (const keys of ['j', 'pgdn', 'G', 'g', 'z', 'z'])
      expect(
        readsOf(() => h.press(keys)),
        keys,
      ).toBeLessThan(200);
  });

  it('are read once for a filter, half of them before its first character', () => {
    const opening = readsOf(() => h.press('/'));
    expect(opening).toBeGreaterThan(5_000);
    expect(opening).toBeLessThan(COUNT * 0.6);
    const first = readsOf(() => h.press('u'));
    expect(opening + first).toBeGreaterThan(COUNT - 1);
    expect(first).toBeLessThan(COUNT * 0.6);
    expect(readsOf(() => h.press('s e r space 1 9'))).toBeLessThan(1_000);
    expect(h.controller.rows('sessions').map((row) => row.senderName)).toContain('User 1900');
  });

  it('are not read again when one of them moves under a filter', () => {
    const moved = readsOf(() => {
      h.operator.push({ type: 'session', session: counted(7, { lastUserAt: NOW + 1 }) });
      h.store.flush();
    });
    expect(moved).toBeLessThan(200);
  });
});

it('typing on finds exactly what typing at once finds', () => {
  const sessions = Array.from({ length: 300 }, (_, n) =>
    sessionView(`s${n}`, { senderName: `User ${n} Üx` }),
  );
  const slow = harness({ snapshot: snapshotOf({ sessions }) });
  slow.press('2 /');
  for (const text of ['user 1', '!user 7', 'ÜX 2', '/user 2\\d /', '2 1']) {
    slow.type(text);
    const rows = slow.controller.rows('sessions');
    slow.press('ctrl+u');
    slow.controller.paste(text);
    expect(rows.length, text).toBeGreaterThan(0);
    expect(slow.controller.rows('sessions'), text).toEqual(rows);
    slow.press('ctrl+u');
    expect(slow.controller.rows('sessions')).toHaveLength(300);
  }
});

it('a thousand changed rows are merged, not sorted with all the others', () => {
  let compared = 0;
  const rows = new SortedRows<{ id: number; rank: number }>({
    key: (row) => String(row.id),
    compare(a, b) {
      compared += 1;
      return a.rank - b.rank || a.id - b.id;
    },
  });
  rows.replace(Array.from({ length: COUNT }, (_, id) => ({ id, rank: (id * 7_919) % COUNT })));
  rows.rows();
  compared = 0;
  for (let id = 0; id < 1_000; id += 1) rows.set({ id: id * 13, rank: (id * 31) % COUNT });
  for (let id = 0; id < 500; id += 1) rows.delete(String(id * 17 + 1));
  rows.set({ id: COUNT + 1, rank: -1 });
  const listed = rows.rows();
  expect(compared).toBeLessThan(3 * COUNT);
  expect(listed).toEqual([...listed].sort((a, b) => a.rank - b.rank || a.id - b.id));
  expect(listed).toHaveLength(rows.size);
  expect(listed[0]?.id).toBe(COUNT + 1);
});

it('60,000 events are counted exactly and leave no more rows than the limits allow', () => {
  const h = harness({ snapshot: snapshotOf() });
  const at = NOW;
  for (let n = 0; n < 10_000; n += 1) {
    const id = `${n}`;
    h.operator.push(
      { type: 'traffic', direction: n % 2 === 0 ? 'in' : 'out', platform: 'telegram', at },
      { type: 'log', line: { at, level: 'info', source: 'telegram', text: `message ${n}` } },
      { type: 'session', session: sessionView(`s${n % 50}`, { lastUserAt: at + n }) },
      { type: 'task', task: taskView(id, { status: 'succeeded', completedAt: at + n }) },
      { type: 'refusal', refusal: refusalView(id) },
      { type: 'turn', sessionId: 's1', event: { type: 'text_delta', delta: id } },
    );
    if (n % 100 === 0) h.timers.advance(250);
  }
  h.store.flush();
  const { events, traffic, log, sessions, tasks, refusals } = h.store.getSlices();
  expect(events).toBe(60_000);
  expect([traffic.in, traffic.out]).toEqual([5_000, 5_000]);
  expect([log.length, sessions.length, tasks.length, refusals.length]).toEqual([5_000, 50, 1_000, 500]);
  expect(tasks[0]?.id).toBe('9999');
});
