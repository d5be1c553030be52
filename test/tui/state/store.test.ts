import { describe, expect, it } from 'vitest';
import { ConsoleStore } from '../../../src/tui/state/store.ts';
import { createFakeOperator } from '../fake-operator.ts';
import { busySnapshot, NOW, pairingView, sessionView, snapshotOf } from '../fixtures.ts';
import { ManualTimers } from '../harness.ts';

describe('the store', () => {
  it('tells React at most four times a second about 5,000 events a second, and loses none', () => {
    const timers = new ManualTimers();
    const operator = createFakeOperator({ snapshot: busySnapshot() });
    const store = new ConsoleStore(operator, { timers });
    let told = 0;
    store.subscribe(() => {
      told += 1;
    });
    for (let ms = 0; ms < 2_000; ms += 1) {
      for (let n = 0; n < 5; n += 1)
        operator.push({ type: 'traffic', direction: 'in', platform: 'telegram', at: timers.now() });
      timers.advance(1);
    }
    timers.advance(300);
    expect(told).toBeLessThanOrEqual(9);
    expect(store.getSlices().events).toBe(10_000);
    expect(store.getSlices().traffic.in).toBe(10_000);
  });

  it('notices within two seconds that a remote gateway answers no more, and takes its state anew when it does', () => {
    const timers = new ManualTimers();
    const operator = createFakeOperator({ snapshot: snapshotOf() });
    operator.setLink({ kind: 'remote', url: 'ws://box:3847', connected: true });
    const store = new ConsoleStore(operator, { timers });
    // What the app does after each frame.
    store.subscribe(() => store.wakeAt(undefined));
    store.wakeAt(undefined);
    operator.setLink({ kind: 'remote', url: 'ws://box:3847', connected: false });
    timers.advance(2_300);
    expect(store.getSlices().link.connected).toBe(false);
    operator.setSnapshot(snapshotOf({ sessions: [sessionView('new')] }));
    operator.setLink({ kind: 'remote', url: 'ws://box:3847', connected: true });
    timers.advance(2_300);
    expect(store.getSlices().link.connected).toBe(true);
    expect(store.getSlices().sessions.map((row) => row.id)).toEqual(['new']);
  });

  it('stops listening and runs no timer after its end', () => {
    const timers = new ManualTimers();
    const operator = createFakeOperator({ snapshot: snapshotOf() });
    const store = new ConsoleStore(operator, { timers });
    operator.push({ type: 'pairing', request: pairingView('p1') });
    store.stop();
    expect(operator.subscribers).toBe(0);
    expect(timers.waiting).toBe(0);
  });

  it('keeps its own notes apart from the count of events', () => {
    const timers = new ManualTimers(NOW);
    const store = new ConsoleStore(createFakeOperator({ snapshot: snapshotOf() }), { timers });
    store.note('warn', 'stderr', 'a library printed this');
    store.flush();
    expect(store.getSlices().log.at(-1)?.text).toBe('a library printed this');
    expect(store.getSlices().events).toBe(0);
  });
});
