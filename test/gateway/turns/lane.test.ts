import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { GIVE_UP_MS } from '../../../src/gateway/turns/turn.ts';
import { LaneWorld, type WorldOptions } from './lane-world.ts';
import type { RunPlan } from './scripted-model.ts';

const ANSWER: RunPlan = {
  reachMs: 10,
  missesFirst: 0,
  steps: ['text'],
  stepMs: 100,
  end: 'answer',
  abortMs: 5,
  steerMs: 0,
  takesSteers: true,
};
const HANG: RunPlan = { ...ANSWER, end: 'hang' };

function world(plans: readonly RunPlan[], options: Partial<WorldOptions> = {}): LaneWorld {
  return new LaneWorld({
    sessions: 1,
    plans,
    slots: 1,
    maxWaiting: 3,
    storeMs: 1,
    prepareMs: 0,
    acceptMs: 0,
    ...options,
  });
}

const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);
const outcomes = (of: LaneWorld): string[] => of.outcomes.map(({ id, kind }) => `${id} ${kind}`);
const seen = (of: LaneWorld): string[] =>
  of.sessions.flatMap(({ model }) => model.seen.map(({ id, how }) => `${id} ${how}`));

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('while a turn runs', () => {
  it('a message in queue mode waits for its own turn', async () => {
    const lane = world([ANSWER]);
    lane.push(0, 'ada', 'queue');
    await pass(50);
    lane.push(0, 'ada', 'queue');
    await pass(1000);
    expect(seen(lane)).toEqual(['m1 prompt', 'm2 prompt']);
    expect(outcomes(lane)).toEqual(['m1 answered', 'm2 answered']);
  });

  it('a message in steer mode is handed to it, and splits the answer where the model takes it', async () => {
    const lane = world([{ ...ANSWER, steps: ['text', 'take', 'text'] }]);
    lane.push(0, 'ada', 'steer');
    await pass(50);
    lane.push(0, 'ada', 'steer');
    await pass(1000);
    expect(seen(lane)).toEqual(['m1 prompt', 'm2 steer']);
    expect(outcomes(lane)).toEqual(['m1 answered', 'm2 answered']);
  });

  it('a message that is joined before a word was said leaves the earlier one joined', async () => {
    const lane = world([{ ...ANSWER, steps: ['tool', 'take', 'text'] }]);
    lane.push(0, 'ada', 'steer');
    await pass(50);
    lane.push(0, 'ada', 'steer');
    await pass(1000);
    expect(outcomes(lane)).toEqual(['m1 joined', 'm2 answered']);
  });

  it('a steered message that the model did not take becomes the next turn, before what came after it', async () => {
    const lane = world([{ ...ANSWER, steps: ['text', 'text'] }]);
    lane.push(0, 'ada', 'steer');
    await pass(50);
    lane.push(0, 'ada', 'steer');
    await pass(10);
    lane.push(0, 'ada', 'queue');
    expect(lane.lane(0).waiting.map(({ id }) => id)).toEqual(['m2', 'm3']);
    await pass(3000);
    expect(seen(lane)).toEqual(['m1 prompt', 'm2 prompt', 'm3 prompt']);
  });

  it('nobody is handed to the turn of somebody else, and nobody overtakes', async () => {
    const lane = world([{ ...ANSWER, steps: ['text', 'take', 'take', 'text'] }]);
    lane.push(0, 'ada', 'steer');
    await pass(50);
    lane.push(0, 'bob', 'steer');
    lane.push(0, 'ada', 'steer');
    await pass(3000);
    expect(seen(lane)).toEqual(['m1 prompt', 'm2 prompt', 'm3 prompt']);
  });

  it('a message that asked to be queued is not handed over because a later one asks for it', async () => {
    const lane = world([{ ...ANSWER, steps: ['text', 'take', 'take', 'text'] }]);
    lane.push(0, 'ada', 'steer');
    await pass(50);
    lane.push(0, 'ada', 'queue');
    lane.push(0, 'ada', 'steer');
    await pass(3000);
    expect(seen(lane)).toEqual(['m1 prompt', 'm2 prompt', 'm3 steer']);
  });

  it('a message in interrupt mode ends it and comes next', async () => {
    const lane = world([HANG, ANSWER]);
    lane.push(0, 'ada', 'interrupt');
    await pass(200);
    lane.push(0, 'ada', 'interrupt');
    await pass(1000);
    expect(outcomes(lane)).toEqual(['m1 aborted', 'm2 answered']);
  });

  it('there is room for a number of messages and no more', async () => {
    const lane = world([HANG]);
    expect(lane.push(0, 'ada', 'queue')).toBe(true); // it runs at once
    expect([1, 2, 3, 4, 5].map(() => lane.push(0, 'ada', 'queue'))).toEqual([true, true, true, false, false]);
  });

  it('an operator who takes over stops the handing over, and what waits goes on when the operator is done', async () => {
    const lane = world([{ ...ANSWER, steps: ['text', 'take', 'text'] }]);
    lane.push(0, 'ada', 'steer');
    await pass(50);
    lane.lane(0).pause();
    lane.push(0, 'ada', 'steer');
    await pass(5000);
    expect(outcomes(lane)).toEqual(['m1 answered']);
    lane.lane(0).resume();
    await pass(1000);
    expect(outcomes(lane)).toEqual(['m1 answered', 'm2 answered']);
  });
});

describe('a stop', () => {
  it('ends the turn and drops what waits; what comes later is kept', async () => {
    const lane = world([HANG, ANSWER]);
    lane.push(0, 'ada', 'queue');
    lane.push(0, 'ada', 'queue');
    await pass(200);
    const { aborted, dropped, stored } = lane.lane(0).stop('ada');
    expect({ aborted, dropped }).toEqual({ aborted: true, dropped: 1 });
    lane.push(0, 'ada', 'queue');
    await pass(1);
    await stored;
    expect(lane.state('m2')).toBe('done');
    await pass(1000);
    expect(outcomes(lane)).toEqual(['m2 dropped', 'm1 aborted', 'm3 answered']);
  });

  it('takes back what is on its way to the model', async () => {
    const lane = world([{ ...HANG, steerMs: 500 }, ANSWER]);
    lane.push(0, 'ada', 'steer');
    await pass(200);
    lane.push(0, 'ada', 'steer');
    await pass(100);
    expect(lane.lane(0).stop('ada')).toMatchObject({ aborted: true, dropped: 1 });
    expect(lane.lane(0).waiting).toEqual([]);
    await pass(2000);
    expect(seen(lane)).toEqual(['m1 prompt']);
  });

  it('finds what came too late for the turn while its outcome is still being stored', async () => {
    const lane = world([{ ...ANSWER, steps: ['text'] }], { storeMs: 400 });
    lane.push(0, 'ada', 'steer');
    await pass(50);
    lane.push(0, 'ada', 'steer');
    await pass(400); // the turn is over, the outcome on its way to the disk
    expect(lane.lane(0).stop('ada')).toMatchObject({ aborted: false, dropped: 1 });
    await pass(5000);
    expect(outcomes(lane)).toEqual(['m1 answered', 'm2 dropped']);
  });

  it('leaves other people alone', async () => {
    const lane = world([HANG, ANSWER]);
    lane.push(0, 'ada', 'queue');
    lane.push(0, 'bob', 'queue');
    await pass(200);
    expect(lane.lane(0).stop('bob')).toMatchObject({ aborted: false, dropped: 1 });
    expect(lane.lane(0).current?.id).toBe('m1');
    expect(lane.lane(0).stop('carol')).toMatchObject({ aborted: false, dropped: 0 });
  });
});

describe('a turn', () => {
  it('that has not reached the model is tried again', async () => {
    const lane = world([{ ...ANSWER, missesFirst: 2 }]);
    lane.push(0, 'ada', 'queue');
    await pass(10_000);
    expect(outcomes(lane)).toEqual(['m1 answered']);
    expect(seen(lane)).toEqual(['m1 prompt']);
  });

  it('that never reaches it fails after the last try', async () => {
    const lane = world([{ ...ANSWER, missesFirst: 9 }]);
    lane.push(0, 'ada', 'queue');
    await pass(10_000);
    expect(outcomes(lane)).toEqual(['m1 failed']);
    expect(seen(lane)).toEqual([]);
  });

  it('that has reached it is not', async () => {
    const lane = world([{ ...ANSWER, end: 'fail' }]);
    lane.push(0, 'ada', 'queue');
    await pass(10_000);
    expect(outcomes(lane)).toEqual(['m1 failed']);
    expect(seen(lane)).toEqual(['m1 prompt']);
  });

  it('that takes longer than its deadline is timed out, also when it is never silent', async () => {
    const lane = world([{ ...ANSWER, steps: Array(700).fill('text') }]);
    lane.push(0, 'ada', 'queue');
    await pass(59_000);
    expect(outcomes(lane)).toEqual([]);
    await pass(1100);
    expect(outcomes(lane)).toEqual(['m1 timed_out']);
  });

  it('that is silent for too long is timed out', async () => {
    const lane = world([HANG]);
    lane.push(0, 'ada', 'queue');
    await pass(19_000);
    expect(outcomes(lane)).toEqual([]);
    await pass(1300);
    expect(outcomes(lane)).toEqual(['m1 timed_out']);
  });

  it('of an agent that ignores its end is given up, and the next one runs', async () => {
    const lane = world([{ ...HANG, abortMs: Number.POSITIVE_INFINITY }, ANSWER]);
    lane.push(0, 'ada', 'queue');
    lane.push(0, 'ada', 'queue');
    await pass(200);
    lane.lane(0).abort('stopped');
    await pass(GIVE_UP_MS - 500);
    expect(outcomes(lane)).toEqual([]);
    await pass(2000);
    expect(outcomes(lane)).toEqual(['m1 aborted', 'm2 answered']);
  });

  it('of an agent that throws fails alone', async () => {
    const lane = world([{ ...ANSWER, end: 'throw' }, ANSWER]);
    lane.push(0, 'ada', 'queue');
    lane.push(0, 'ada', 'queue');
    await pass(2000);
    expect(outcomes(lane)).toEqual(['m1 failed', 'm2 answered']);
  });

  it('is not hurried by a store that takes its time: the clock of a turn starts with its work', async () => {
    const lane = world([ANSWER, ANSWER]);
    lane.push(0, 'ada', 'queue');
    lane.push(0, 'ada', 'queue');
    lane.storeDown();
    await pass(300_000);
    expect(seen(lane)).toEqual(['m1 prompt']);
    lane.storeUp();
    await pass(1000);
    expect(outcomes(lane)).toEqual(['m1 answered', 'm2 answered']);
  });
});

describe('a stop of the gateway', () => {
  it('lets the turn end within its grace, and leaves the rest for the next start', async () => {
    const lane = world([ANSWER]);
    lane.push(0, 'ada', 'queue');
    lane.push(0, 'ada', 'queue');
    await pass(50);
    const closed = lane.lane(0).close();
    await pass(1000);
    await closed;
    expect(outcomes(lane)).toEqual(['m1 answered']);
    expect(lane.state('m2')).toBe('queued');
  });

  it('reports a turn that it has to cut off', async () => {
    const lane = world([HANG]);
    lane.push(0, 'ada', 'queue');
    await pass(200);
    lane.lane(0).abort('shutdown');
    await pass(100);
    expect(outcomes(lane)).toEqual(['m1 interrupted']);
  });

  it('keeps a message whose turn had not reached the model', async () => {
    const lane = world([{ ...ANSWER, reachMs: 60_000 }]);
    lane.push(0, 'ada', 'queue');
    await pass(200);
    const closed = lane.lane(0).close();
    lane.lane(0).abort('shutdown');
    await pass(100);
    await closed;
    expect(outcomes(lane)).toEqual([]);
    expect(lane.state('m1')).toBe('queued');
  });
});

describe('the operator', () => {
  it('drops and moves what waits, and nothing else', async () => {
    const lane = world([HANG]);
    for (let i = 0; i < 3; i += 1) lane.push(0, 'ada', 'queue');
    await pass(50);
    lane.push(0, 'ada', 'queue');
    expect(lane.lane(0).up('m4')).toBe(true);
    expect(lane.lane(0).waiting.map(({ id }) => id)).toEqual(['m2', 'm4', 'm3']);
    expect(lane.lane(0).up('m2')).toBe(true); // is first already
    expect(lane.lane(0).up('m1')).toBe(false); // runs
    expect(lane.lane(0).drop('m4')).toBe(true);
    expect(lane.lane(0).drop('m1')).toBe(false);
    expect(lane.lane(0).waiting.map(({ id }) => id)).toEqual(['m2', 'm3']);
  });

  it('sees an edit of a waiting message, and none of a running one', async () => {
    const lane = world([HANG]);
    lane.push(0, 'ada', 'queue');
    lane.push(0, 'ada', 'queue');
    await pass(50);
    expect(lane.lane(0).replaceText('m1', 'new')).toBeUndefined();
    expect(lane.lane(0).replaceText('m2', 'new')?.message.text).toBe('new');
    expect(lane.lane(0).waiting[0]?.message.text).toBe('new');
  });
});
