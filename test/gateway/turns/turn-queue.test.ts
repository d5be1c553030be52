import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { GIVE_UP_MS } from '../../../src/gateway/turns/turn.ts';
import type { RunPlan } from './scripted-model.ts';
import { LaneWorld, type WorldOptions } from './turn-queue-world.ts';

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
    const queue = world([ANSWER]);
    queue.push(0, 'ada', 'queue');
    await pass(50);
    queue.push(0, 'ada', 'queue');
    await pass(1000);
    expect(seen(queue)).toEqual(['m1 prompt', 'm2 prompt']);
    expect(outcomes(queue)).toEqual(['m1 answered', 'm2 answered']);
  });

  it('a message in steer mode is handed to it, and splits the answer where the model takes it', async () => {
    const queue = world([{ ...ANSWER, steps: ['text', 'take', 'text'] }]);
    queue.push(0, 'ada', 'steer');
    await pass(50);
    queue.push(0, 'ada', 'steer');
    await pass(1000);
    expect(seen(queue)).toEqual(['m1 prompt', 'm2 steer']);
    expect(outcomes(queue)).toEqual(['m1 answered', 'm2 answered']);
  });

  it('a message that is joined before a word was said leaves the earlier one joined', async () => {
    const queue = world([{ ...ANSWER, steps: ['tool', 'take', 'text'] }]);
    queue.push(0, 'ada', 'steer');
    await pass(50);
    queue.push(0, 'ada', 'steer');
    await pass(1000);
    expect(outcomes(queue)).toEqual(['m1 joined', 'm2 answered']);
  });

  it('a steered message that the model did not take becomes the next turn, before what came after it', async () => {
    const queue = world([{ ...ANSWER, steps: ['text', 'text'] }]);
    queue.push(0, 'ada', 'steer');
    await pass(50);
    queue.push(0, 'ada', 'steer');
    await pass(10);
    queue.push(0, 'ada', 'queue');
    expect(queue.queue(0).waiting.map(({ id }) => id)).toEqual(['m2', 'm3']);
    await pass(3000);
    expect(seen(queue)).toEqual(['m1 prompt', 'm2 prompt', 'm3 prompt']);
  });

  it('nobody is handed to the turn of somebody else, and nobody overtakes', async () => {
    const queue = world([{ ...ANSWER, steps: ['text', 'take', 'take', 'text'] }]);
    queue.push(0, 'ada', 'steer');
    await pass(50);
    queue.push(0, 'bob', 'steer');
    queue.push(0, 'ada', 'steer');
    await pass(3000);
    expect(seen(queue)).toEqual(['m1 prompt', 'm2 prompt', 'm3 prompt']);
  });

  it('a message that asked to be queued is not handed over because a later one asks for it', async () => {
    const queue = world([{ ...ANSWER, steps: ['text', 'take', 'take', 'text'] }]);
    queue.push(0, 'ada', 'steer');
    await pass(50);
    queue.push(0, 'ada', 'queue');
    queue.push(0, 'ada', 'steer');
    await pass(3000);
    expect(seen(queue)).toEqual(['m1 prompt', 'm2 prompt', 'm3 steer']);
  });

  it('a message in interrupt mode ends it and comes next', async () => {
    const queue = world([HANG, ANSWER]);
    queue.push(0, 'ada', 'interrupt');
    await pass(200);
    queue.push(0, 'ada', 'interrupt');
    await pass(1000);
    expect(outcomes(queue)).toEqual(['m1 aborted', 'm2 answered']);
  });

  it('there is room for a number of messages and no more', async () => {
    const queue = world([HANG]);
    expect(queue.push(0, 'ada', 'queue')).toBe(true); // it runs at once
    expect([1, 2, 3, 4, 5].map(() => queue.push(0, 'ada', 'queue'))).toEqual([
      true,
      true,
      true,
      false,
      false,
    ]);
  });

  it('an operator who takes over stops the handing over, and what waits goes on when the operator is done', async () => {
    const queue = world([{ ...ANSWER, steps: ['text', 'take', 'text'] }]);
    queue.push(0, 'ada', 'steer');
    await pass(50);
    queue.queue(0).pause();
    queue.push(0, 'ada', 'steer');
    await pass(5000);
    expect(outcomes(queue)).toEqual(['m1 answered']);
    queue.queue(0).resume();
    await pass(1000);
    expect(outcomes(queue)).toEqual(['m1 answered', 'm2 answered']);
  });
});

describe('a stop', () => {
  it('ends the turn and drops what waits; what comes later is kept', async () => {
    const queue = world([HANG, ANSWER]);
    queue.push(0, 'ada', 'queue');
    queue.push(0, 'ada', 'queue');
    await pass(200);
    const { aborted, dropped, stored } = queue.queue(0).stop('ada');
    expect({ aborted, dropped }).toEqual({ aborted: true, dropped: 1 });
    queue.push(0, 'ada', 'queue');
    await pass(1);
    await stored;
    expect(queue.state('m2')).toBe('done');
    await pass(1000);
    expect(outcomes(queue)).toEqual(['m2 dropped', 'm1 aborted', 'm3 answered']);
  });

  it('takes back what is on its way to the model', async () => {
    const queue = world([{ ...HANG, steerMs: 500 }, ANSWER]);
    queue.push(0, 'ada', 'steer');
    await pass(200);
    queue.push(0, 'ada', 'steer');
    await pass(100);
    expect(queue.queue(0).stop('ada')).toMatchObject({ aborted: true, dropped: 1 });
    expect(queue.queue(0).waiting).toEqual([]);
    await pass(2000);
    expect(seen(queue)).toEqual(['m1 prompt']);
  });

  it('finds what came too late for the turn while its outcome is still being stored', async () => {
    const queue = world([{ ...ANSWER, steps: ['text'] }], { storeMs: 400 });
    queue.push(0, 'ada', 'steer');
    await pass(50);
    queue.push(0, 'ada', 'steer');
    await pass(400); // the turn is over, the outcome on its way to the disk
    expect(queue.queue(0).stop('ada')).toMatchObject({ aborted: false, dropped: 1 });
    await pass(5000);
    expect(outcomes(queue)).toEqual(['m1 answered', 'm2 dropped']);
  });

  it('leaves other people alone', async () => {
    const queue = world([HANG, ANSWER]);
    queue.push(0, 'ada', 'queue');
    queue.push(0, 'bob', 'queue');
    await pass(200);
    expect(queue.queue(0).stop('bob')).toMatchObject({ aborted: false, dropped: 1 });
    expect(queue.queue(0).current?.id).toBe('m1');
    expect(queue.queue(0).stop('carol')).toMatchObject({ aborted: false, dropped: 0 });
  });
});

describe('a turn', () => {
  it('that has not reached the model is tried again', async () => {
    const queue = world([{ ...ANSWER, missesFirst: 2 }]);
    queue.push(0, 'ada', 'queue');
    await pass(10_000);
    expect(outcomes(queue)).toEqual(['m1 answered']);
    expect(seen(queue)).toEqual(['m1 prompt']);
  });

  it('that never reaches it fails after the last try', async () => {
    const queue = world([{ ...ANSWER, missesFirst: 9 }]);
    queue.push(0, 'ada', 'queue');
    await pass(10_000);
    expect(outcomes(queue)).toEqual(['m1 failed']);
    expect(seen(queue)).toEqual([]);
  });

  it('that has reached it is not', async () => {
    const queue = world([{ ...ANSWER, end: 'fail' }]);
    queue.push(0, 'ada', 'queue');
    await pass(10_000);
    expect(outcomes(queue)).toEqual(['m1 failed']);
    expect(seen(queue)).toEqual(['m1 prompt']);
  });

  it('that takes longer than its deadline is timed out, also when it is never silent', async () => {
    const queue = world([{ ...ANSWER, steps: Array(700).fill('text') }]);
    queue.push(0, 'ada', 'queue');
    await pass(59_000);
    expect(outcomes(queue)).toEqual([]);
    await pass(1100);
    expect(outcomes(queue)).toEqual(['m1 timed_out']);
  });

  it('that is silent for too long is timed out', async () => {
    const queue = world([HANG]);
    queue.push(0, 'ada', 'queue');
    await pass(19_000);
    expect(outcomes(queue)).toEqual([]);
    await pass(1300);
    expect(outcomes(queue)).toEqual(['m1 timed_out']);
  });

  it('of an agent that ignores its end is given up, and the next one runs', async () => {
    const queue = world([{ ...HANG, abortMs: Number.POSITIVE_INFINITY }, ANSWER]);
    queue.push(0, 'ada', 'queue');
    queue.push(0, 'ada', 'queue');
    await pass(200);
    queue.queue(0).abort('stopped');
    await pass(GIVE_UP_MS - 500);
    expect(outcomes(queue)).toEqual([]);
    await pass(2000);
    expect(outcomes(queue)).toEqual(['m1 aborted', 'm2 answered']);
  });

  it('of an agent that throws fails alone', async () => {
    const queue = world([{ ...ANSWER, end: 'throw' }, ANSWER]);
    queue.push(0, 'ada', 'queue');
    queue.push(0, 'ada', 'queue');
    await pass(2000);
    expect(outcomes(queue)).toEqual(['m1 failed', 'm2 answered']);
  });

  it('is not hurried by a store that takes its time: the clock of a turn starts with its work', async () => {
    const queue = world([ANSWER, ANSWER]);
    queue.push(0, 'ada', 'queue');
    queue.push(0, 'ada', 'queue');
    queue.storeDown();
    await pass(300_000);
    expect(seen(queue)).toEqual(['m1 prompt']);
    queue.storeUp();
    await pass(1000);
    expect(outcomes(queue)).toEqual(['m1 answered', 'm2 answered']);
  });
});

describe('a stop of the gateway', () => {
  it('lets the turn end within its grace, and leaves the rest for the next start', async () => {
    const queue = world([ANSWER]);
    queue.push(0, 'ada', 'queue');
    queue.push(0, 'ada', 'queue');
    await pass(50);
    const closed = queue.queue(0).close();
    await pass(1000);
    await closed;
    expect(outcomes(queue)).toEqual(['m1 answered']);
    expect(queue.state('m2')).toBe('queued');
  });

  it('reports a turn that it has to cut off', async () => {
    const queue = world([HANG]);
    queue.push(0, 'ada', 'queue');
    await pass(200);
    queue.queue(0).abort('shutdown');
    await pass(100);
    expect(outcomes(queue)).toEqual(['m1 interrupted']);
  });

  it('keeps a message whose turn had not reached the model', async () => {
    const queue = world([{ ...ANSWER, reachMs: 60_000 }]);
    queue.push(0, 'ada', 'queue');
    await pass(200);
    const closed = queue.queue(0).close();
    queue.queue(0).abort('shutdown');
    await pass(100);
    await closed;
    expect(outcomes(queue)).toEqual([]);
    expect(queue.state('m1')).toBe('queued');
  });
});

describe('the operator', () => {
  it('drops and moves what waits, and nothing else', async () => {
    const queue = world([HANG]);
    for (let i = 0; i < 3; i += 1) queue.push(0, 'ada', 'queue');
    await pass(50);
    queue.push(0, 'ada', 'queue');
    expect(queue.queue(0).up('m4')).toBe(true);
    expect(queue.queue(0).waiting.map(({ id }) => id)).toEqual(['m2', 'm4', 'm3']);
    expect(queue.queue(0).up('m2')).toBe(true); // is first already
    expect(queue.queue(0).up('m1')).toBe(false); // runs
    expect(queue.queue(0).drop('m4')).toBe(true);
    expect(queue.queue(0).drop('m1')).toBe(false);
    expect(queue.queue(0).waiting.map(({ id }) => id)).toEqual(['m2', 'm3']);
  });

  it('sees an edit of a waiting message, and none of a running one', async () => {
    const queue = world([HANG]);
    queue.push(0, 'ada', 'queue');
    queue.push(0, 'ada', 'queue');
    await pass(50);
    expect(queue.queue(0).replaceText('m1', 'new')).toBeUndefined();
    expect(queue.queue(0).replaceText('m2', 'new')?.message.text).toBe('new');
    expect(queue.queue(0).waiting[0]?.message.text).toBe('new');
  });
});
