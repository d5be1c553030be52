import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { BusyMode } from '../../../src/gateway/config/schema.ts';
import { tries } from '../../support/tries.ts';
import type { RunPlan } from './scripted-model.ts';
import { LaneWorld } from './turn-queue-world.ts';

const RUNS = 1500;
const SESSIONS = 2;
const MAX_WAITING = 5;
const SLOTS = 1;

const plan: fc.Arbitrary<RunPlan> = fc.record({
  reachMs: fc.constantFrom(0, 5, 400),
  missesFirst: fc.constantFrom(0, 0, 1, 4),
  steps: fc.array(fc.constantFrom('text' as const, 'tool' as const, 'take' as const, 'take' as const), {
    maxLength: 8,
  }),
  stepMs: fc.constantFrom(0, 3, 60, 900),
  end: fc.constantFrom(
    'answer' as const,
    'answer' as const,
    'fail' as const,
    'throw' as const,
    'hang' as const,
  ),
  abortMs: fc.constantFrom(0, 4, 3000, Number.POSITIVE_INFINITY),
  steerMs: fc.constantFrom(0, 2, 700),
  takesSteers: fc.boolean(),
});

type Action =
  | { readonly type: 'push'; readonly session: number; readonly sender: string; readonly mode: BusyMode }
  | { readonly type: 'stop'; readonly session: number; readonly sender: string | undefined }
  | { readonly type: 'drop'; readonly session: number; readonly at: number }
  | { readonly type: 'pause' | 'resume'; readonly session: number }
  | { readonly type: 'pass'; readonly ms: number }
  | { readonly type: 'store'; readonly up: boolean }
  | { readonly type: 'crash' }
  | { readonly type: 'restart'; readonly graceMs: number };

const session = fc.nat({ max: SESSIONS - 1 });
const sender = fc.constantFrom('ada', 'bob');
const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      type: fc.constant('push' as const),
      session,
      sender,
      mode: fc.constantFrom<BusyMode>('steer', 'steer', 'queue', 'interrupt'),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant('pass' as const),
      ms: fc.constantFrom(0, 1, 4, 50, 300, 950, 2000, 10_000),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('stop' as const),
      session,
      sender: fc.option(sender, { nil: undefined }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('drop' as const), session, at: fc.nat({ max: 3 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constantFrom('pause' as const, 'resume' as const), session }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('store' as const), up: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('crash' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('restart' as const), graceMs: fc.constantFrom(0, 100, 30_000) }),
  },
);

const scenario = fc.record({
  plans: fc.array(plan, { minLength: 1, maxLength: 5 }),
  storeMs: fc.constantFrom(0, 2, 30, 800),
  prepareMs: fc.constantFrom(0, 25),
  acceptMs: fc.constantFrom(0, 0, 3, 60),
  actions: fc.array(action, { minLength: 1, maxLength: 40 }),
});

interface Run {
  readonly world: LaneWorld;
  /** What a `stop` or `drop` took out, and in which life: a crash may come before that is stored. */
  readonly dropped: Map<string, number>;
}

async function play({
  plans,
  storeMs,
  prepareMs,
  acceptMs,
  actions,
}: {
  plans: readonly RunPlan[];
  storeMs: number;
  prepareMs: number;
  acceptMs: number;
  actions: readonly Action[];
}): Promise<Run> {
  const world = new LaneWorld({
    sessions: SESSIONS,
    plans,
    slots: SLOTS,
    maxWaiting: MAX_WAITING,
    storeMs,
    prepareMs,
    acceptMs,
  });
  const dropped = new Map<string, number>();
  for (const each of actions) {
    await act(world, each, dropped);
    for (let i = 0; i < SESSIONS; i += 1)
      expect(world.queue(i).waiting.length, 'waiting messages of a session').toBeLessThanOrEqual(
        MAX_WAITING + plans.length,
      );
    expect(world.running).toBeLessThanOrEqual(SLOTS);
  }
  world.storeUp();
  for (let i = 0; i < SESSIONS; i += 1) world.queue(i).resume();
  // Every turn ends by its deadline at the latest, and no more than these wait.
  await vi.advanceTimersByTimeAsync(world.accepted.length * 200_000 + 10_000);
  return { world, dropped };
}

async function act(world: LaneWorld, action: Action, dropped: Map<string, number>): Promise<void> {
  switch (action.type) {
    case 'push':
      world.push(action.session, action.sender, action.mode);
      break;
    case 'stop': {
      const before = new Set(world.queue(action.session).waiting.map(({ id }) => id));
      const current = world.queue(action.session).current;
      const result = world.queue(action.session).stop(action.sender);
      const after = new Set(world.queue(action.session).waiting.map(({ id }) => id));
      const gone = [...before].filter((id) => !after.has(id));
      expect(result.dropped, 'the number that is reported as dropped').toBe(gone.length);
      for (const id of gone) {
        const { sender: own } = world.accepted.find(({ item }) => item.id === id) ?? {};
        if (action.sender !== undefined) expect(own, 'only own messages are dropped').toBe(action.sender);
        dropped.set(id, world.life);
      }
      if (result.aborted && action.sender !== undefined)
        expect(current?.message.sender.id, 'only an own turn is ended').toBe(action.sender);
      // Nothing of the sender's that was accepted until now waits any more, wherever it was on its way.
      for (const id of after) {
        const { sender: own } = world.accepted.find(({ item }) => item.id === id) ?? {};
        expect(own === action.sender || action.sender === undefined, 'still waiting after a stop').toBe(
          false,
        );
      }
      break;
    }
    case 'drop': {
      const item = world.queue(action.session).waiting[action.at];
      if (item !== undefined && world.queue(action.session).drop(item.id)) dropped.set(item.id, world.life);
      break;
    }
    case 'pause':
      world.queue(action.session).pause();
      break;
    case 'resume':
      world.queue(action.session).resume();
      break;
    case 'pass':
      await vi.advanceTimersByTimeAsync(action.ms);
      break;
    case 'store':
      if (action.up) world.storeUp();
      else world.storeDown();
      break;
    case 'crash':
      world.crash();
      break;
    case 'restart': {
      world.storeUp();
      const up = world.restart(action.graceMs);
      await vi.advanceTimersByTimeAsync(action.graceMs + 60_000);
      await up;
      break;
    }
  }
}

/** What holds whatever happened: one outcome each, shown to the model once at most, in order, never mixed. */
function expectSound(world: LaneWorld): void {
  const ids = world.accepted.map(({ item }) => item.id);
  expect([...world.outcomes.map(({ id }) => id)].sort()).toEqual([...ids].sort());
  for (const id of ids) expect(world.state(id)).toBe('done');
  for (const { model } of world.sessions) {
    const { seen } = model;
    expect(new Set(seen.map(({ id }) => id)).size, 'shown to the model once').toBe(seen.length);
    expect(model.mostRunning, 'turns of one session at once').toBeLessThanOrEqual(1);
    for (const who of ['ada', 'bob']) {
      const order = seen.map(({ id }) => id).filter((id) => senderOf(world, id) === who);
      expect(order, 'order of one sender').toEqual([...order].sort(bySeq));
    }
    for (const [, run] of Map.groupBy(seen, (sight) => sight.run)) {
      expect(new Set(run.map(({ id }) => senderOf(world, id))).size, 'senders of one turn').toBe(1);
      for (const { id, how } of run)
        if (how === 'steer') expect(world.accepted.find(({ item }) => item.id === id)?.mode).toBe('steer');
    }
  }
}

describe('whatever arrives, whatever fails, whenever it is killed', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('gives every accepted message exactly one outcome, in order, and never shows one to the model twice', {
    timeout: 300_000,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(scenario, async (given) => {
        const { world, dropped } = await play(given);

        expectSound(world);

        // What was answered was seen by the model; what was dropped before its turn was not answered.
        const shown = new Set(world.sessions.flatMap(({ model }) => model.seen.map(({ id }) => id)));
        for (const { id, kind } of world.outcomes) {
          if (kind === 'answered' || kind === 'joined') expect(shown.has(id)).toBe(true);
          if (dropped.get(id) !== world.life) continue;
          expect(kind).toBe('dropped');
          expect(shown.has(id), 'shown to the model although it was dropped').toBe(false);
        }
      }),
      { numRuns: tries(RUNS) },
    );
  });

  it('never shows the model again what was on its way to it when it was killed', {
    timeout: 300_000,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(handingOver, async ({ plan: only, storeMs, pushes, killedAt }) => {
        const world = new LaneWorld({
          sessions: 1,
          plans: [only],
          slots: 1,
          maxWaiting: 20,
          storeMs,
          prepareMs: 0,
          acceptMs: 0,
        });
        const timeline = [...pushes.map((at) => ({ at, kill: false })), { at: killedAt, kill: true }];
        let now = 0;
        for (const { at, kill } of timeline.sort((a, b) => a.at - b.at)) {
          await vi.advanceTimersByTimeAsync(at - now);
          now = at;
          if (kill) world.crash();
          else world.push(0, 'ada', 'steer');
        }
        await vi.advanceTimersByTimeAsync(60_000);
        expectSound(world);
      }),
      { numRuns: tries(RUNS) },
    );
  });
});

/** One chat in which everything is handed to the running turn, over a slow store, killed at some moment. */
const handingOver = fc.record({
  plan: fc.record({
    reachMs: fc.constantFrom(0, 40),
    missesFirst: fc.constant(0),
    steps: fc.array(fc.constantFrom('take' as const, 'take' as const, 'text' as const), {
      minLength: 5,
      maxLength: 15,
    }),
    stepMs: fc.constantFrom(5, 40),
    end: fc.constant('answer' as const),
    abortMs: fc.constant(10),
    steerMs: fc.constantFrom(0, 30),
    takesSteers: fc.constant(true),
  }),
  storeMs: fc.constantFrom(1, 50, 120),
  pushes: fc.array(fc.nat({ max: 800 }), { minLength: 2, maxLength: 6 }),
  killedAt: fc.nat({ max: 1500 }),
});

function senderOf(world: LaneWorld, id: string): string | undefined {
  return world.accepted.find(({ item }) => item.id === id)?.sender;
}

function bySeq(a: string, b: string): number {
  return Number(a.slice(1)) - Number(b.slice(1));
}
