import { describe, expect, it } from 'vitest';
import type { OperatorEvent } from '../../../src/gateway/operator/operator.ts';
import { Projection } from '../../../src/tui/state/projection.ts';
import type { LinkSlice } from '../../../src/tui/state/slices.ts';
import {
  adapterView,
  gatewayView,
  NOW,
  outboxView,
  pairingView,
  refusalView,
  sessionView,
  snapshotOf,
  taskView,
} from '../fixtures.ts';

const LOCAL: LinkSlice = { kind: 'local', connected: true };

function logged(text: string): OperatorEvent {
  return { type: 'log', line: { at: NOW, level: 'info', source: 'test', text } };
}

describe('the projection', () => {
  it('takes rows over whole and drops what was closed', () => {
    const projection = new Projection(snapshotOf({ pairing: [pairingView('p1')] }));
    projection.fold({ type: 'pairing', request: pairingView('p2', { createdAt: NOW }) }, NOW);
    projection.fold({ type: 'pairing-closed', id: 'p1', outcome: 'approved', actor: 'operator' }, NOW);
    projection.fold({ type: 'adapter', adapter: adapterView({ state: 'parked' }) }, NOW);
    projection.fold({ type: 'adapter', adapter: adapterView({ state: 'connected' }) }, NOW);
    const slices = projection.publish(NOW, LOCAL);
    expect(slices.pairing.map((row) => row.id)).toEqual(['p2']);
    expect(slices.adapters.map((row) => row.state)).toEqual(['connected']);
  });

  it('hands out the same slice while nothing in it changed', () => {
    const projection = new Projection(snapshotOf({ sessions: [sessionView('s1')], tasks: [taskView('t1')] }));
    const before = projection.publish(NOW, LOCAL);
    projection.fold(logged('one'), NOW);
    const after = projection.publish(NOW + 250, LOCAL);
    expect(after.sessions).toBe(before.sessions);
    expect(after.tasks).toBe(before.tasks);
    expect(after.log).not.toBe(before.log);
    expect(projection.publish(NOW + 500, LOCAL).log).toBe(after.log);
  });

  it('lists sessions at work first, then the most recently used', () => {
    const projection = new Projection(
      snapshotOf({
        sessions: [
          sessionView('old', { lastUserAt: NOW - 9_000 }),
          sessionView('ended', { state: 'ended', lastUserAt: NOW }),
          sessionView('new', { lastUserAt: NOW - 1_000 }),
        ],
      }),
    );
    const ids = (): string[] => projection.publish(NOW, LOCAL).sessions.map((row) => row.id);
    expect(ids()).toEqual(['new', 'old', 'ended']);
    projection.fold({ type: 'session', session: sessionView('old', { state: 'running' }) }, NOW);
    expect(ids()).toEqual(['old', 'new', 'ended']);
    projection.fold({ type: 'session-removed', id: 'new' }, NOW);
    expect(ids()).toEqual(['old', 'ended']);
  });

  it('counts answers and errors of several gateways apart, and shows only failures of their sessions', () => {
    const projection = new Projection(snapshotOf());
    const running = sessionView('work›s1', { state: 'running', current: 'hello', turns: 1 });
    projection.fold({ type: 'session', session: running }, NOW);
    projection.fold({ type: 'session', session: sessionView('work›s1', { turns: 1 }) }, NOW + 2_000);
    const error = { at: NOW, level: 'error', source: 'work›telegram', text: 'x' } as const;
    projection.fold({ type: 'log', line: error }, NOW + 2_000);
    const { sessions, pulse } = projection.publish(NOW + 3_000, LOCAL);
    expect(sessions).toEqual([]);
    expect(Object.keys(pulse.platforms)).toEqual(['work›telegram']);
    expect(Object.values(pulse.platforms)[0]).toMatchObject({ answers: 1, meanMs: 2_000 });
    expect(Object.values(pulse.platforms)[0]?.errors.at(-1)).toBe(1);
    const failed = { ...running, state: 'idle', lastFailure: { at: NOW, reason: 'no model' } } as const;
    projection.fold({ type: 'session', session: failed }, NOW + 4_000);
    expect(projection.publish(NOW + 5_000, LOCAL).sessions).toHaveLength(1);
    projection.fold({ type: 'session', session: running }, NOW + 6_000);
    expect(projection.publish(NOW + 7_000, LOCAL).sessions).toEqual([]);
  });

  it('keeps what is not delivered and forgets what is', () => {
    const projection = new Projection(snapshotOf({ outbox: [outboxView('o1')] }));
    projection.fold({ type: 'outbox', item: outboxView('o2', { state: 'pending' }) }, NOW);
    projection.fold({ type: 'outbox', item: outboxView('o1', { state: 'delivered' }) }, NOW);
    expect(projection.publish(NOW, LOCAL).outbox.map((row) => row.id)).toEqual(['o2']);
  });

  it('shows the newest refusal first and forgets the oldest', () => {
    const projection = new Projection(snapshotOf(), { log: 10, refusals: 3, finishedTasks: 10 });
    for (let n = 0; n < 9; n += 1) projection.fold({ type: 'refusal', refusal: refusalView(`r${n}`) }, NOW);
    expect(projection.publish(NOW, LOCAL).refusals.map((row) => row.id)).toEqual(['r8', 'r7', 'r6']);
  });

  it('keeps every open task and a bounded number of finished ones', () => {
    const projection = new Projection(snapshotOf(), { log: 10, refusals: 3, finishedTasks: 2 });
    for (let n = 0; n < 6; n += 1) {
      projection.fold({ type: 'task', task: taskView(`open${n}`, { createdAt: NOW + n }) }, NOW);
      projection.fold(
        { type: 'task', task: taskView(`done${n}`, { status: 'succeeded', completedAt: NOW + n }) },
        NOW,
      );
    }
    projection.publish(NOW, LOCAL);
    const ids = projection.publish(NOW, LOCAL).tasks.map((row) => row.id);
    expect(ids).toEqual(['open0', 'open1', 'open2', 'open3', 'open4', 'open5', 'done5', 'done4']);
  });

  it('numbers log lines for good, also when old ones are forgotten', () => {
    const projection = new Projection(snapshotOf(), { log: 4, refusals: 3, finishedTasks: 2 });
    for (let n = 0; n < 100; n += 1) projection.fold(logged(`line ${n}`), NOW);
    const { log } = projection.publish(NOW, LOCAL);
    expect(log.map((row) => row.seq)).toEqual([96, 97, 98, 99]);
    expect(log.map((row) => row.text)).toEqual(['line 96', 'line 97', 'line 98', 'line 99']);
  });

  it('counts a minute of 5,000 events a second exactly, with bounded memory', () => {
    const projection = new Projection(snapshotOf());
    let now = NOW;
    for (let n = 0; n < 300_000; n += 1) {
      now = NOW + Math.floor(n / 5);
      if (n % 2 === 0)
        projection.fold({ type: 'traffic', direction: 'in', platform: 'telegram', at: now }, now);
      else projection.fold(logged(`line ${n}`), now);
      if (n % 1_250 === 0) projection.publish(now, LOCAL);
    }
    const slices = projection.publish(now, LOCAL);
    expect(slices.events).toBe(300_000);
    expect(slices.traffic.in).toBe(150_000);
    expect(slices.traffic.history).toHaveLength(12);
    expect(slices.log).toHaveLength(5_000);
    expect(slices.log.at(-1)?.seq).toBe(149_999);
  });

  it('forgets the traffic of a minute ago and says when that changes the figures', () => {
    const projection = new Projection(snapshotOf());
    projection.fold({ type: 'traffic', direction: 'in', platform: 'slack', at: NOW }, NOW);
    projection.fold({ type: 'traffic', direction: 'out', platform: 'slack', at: NOW }, NOW);
    const busy = projection.publish(NOW, LOCAL).traffic;
    expect(busy).toMatchObject({ in: 1, out: 1, perMinute: 1 });
    expect(busy.nextChangeAt).toBe(NOW + 5_000);
    const quiet = projection.publish(NOW + 60_000, LOCAL).traffic;
    expect(quiet.perMinute).toBe(0);
    expect(quiet.nextChangeAt).toBeUndefined();
  });

  it('counts messages at their adapter between two looks at its health, and believes the adapter', () => {
    const projection = new Projection(snapshotOf({ adapters: [adapterView({ received: 5, sent: 1 })] }));
    const first = () => projection.publish(NOW, { kind: 'local', connected: true }).adapters[0];
    for (const direction of ['in', 'in', 'out'] as const)
      projection.fold({ type: 'traffic', direction, platform: 'telegram', at: NOW }, NOW);
    projection.fold({ type: 'traffic', direction: 'in', platform: 'slack', at: NOW }, NOW);
    expect(first()).toMatchObject({ received: 7, sent: 2 });
    projection.fold({ type: 'adapter', adapter: adapterView({ received: 9, sent: 2 }) }, NOW);
    expect(first()).toMatchObject({ received: 9, sent: 2 });
  });

  it('survives events that a newer gateway invents', () => {
    const projection = new Projection(snapshotOf());
    const unknown: OperatorEvent = JSON.parse('{"type":"weather","sunny":true}');
    expect(projection.fold(unknown, NOW)).toBe(false);
  });

  it('starts anew from a snapshot and goes on counting', () => {
    const projection = new Projection(snapshotOf({ sessions: [sessionView('s1')] }));
    projection.fold({ type: 'gateway', gateway: gatewayView({ state: 'stopping' }) }, NOW);
    projection.load(snapshotOf({ sessions: [sessionView('s2')] }));
    const slices = projection.publish(NOW, LOCAL);
    expect(slices.sessions.map((row) => row.id)).toEqual(['s2']);
    expect(slices.gateway.state).toBe('running');
    expect(slices.events).toBe(1);
  });

  it('sorts the changed rows into 20,000 others without sorting them all', () => {
    let reads = 0;
    const row = (id: string, at: number) =>
      Object.defineProperty({ ...sessionView(id) }, 'lastUserAt', {
        enumerable: true,
        get() {
          reads += 1;
          return at;
        },
      });
    const sessions = Array.from({ length: 20_000 }, (_, n) => row(`s${n}`, NOW - ((n * 7_919) % 20_000)));
    const projection = new Projection(snapshotOf({ sessions }));
    projection.publish(NOW, LOCAL);
    const all = reads;
    for (let n = 0; n < 5; n += 1) {
      reads = 0;
      for (let change = 0; change < 20; change += 1)
        projection.fold({ type: 'session', session: row(`s${n * 397 + change * 31}`, NOW + n) }, NOW);
      const published = projection.publish(NOW, LOCAL);
      expect(reads).toBeLessThan(all / 4);
      expect(published.sessions[0]?.lastUserAt).toBe(NOW + n);
    }
  });
});
