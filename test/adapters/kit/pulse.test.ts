import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PULSE, Pulse } from '../../../src/adapters/kit/supervisor.ts';

beforeEach(() => {
  vi.useFakeTimers({
    toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'clearImmediate', 'performance'],
  });
});
afterEach(() => {
  vi.useRealTimers();
});

function pulse(): { pulse: Pulse; asked: () => number; silent: () => number } {
  let asked = 0;
  let silent = 0;
  return {
    pulse: new Pulse({ quietMs: 100, answerMs: 50, ask: () => asked++, silent: () => silent++ }),
    asked: () => asked,
    silent: () => silent,
  };
}

describe('a pulse', () => {
  it('promises less than 10 s', () => {
    expect(PULSE.quietMs + PULSE.answerMs).toBeLessThan(9500);
  });

  it('asks nothing while the peer talks', async () => {
    const { pulse: p, asked, silent } = pulse();
    p.start();
    for (let i = 0; i < 50; i += 1) {
      await vi.advanceTimersByTimeAsync(60);
      p.heard();
    }
    expect([asked(), silent()]).toEqual([0, 0]);
    p.stop();
  });

  it('asks a quiet peer, and is content with any answer', async () => {
    const { pulse: p, asked, silent } = pulse();
    p.start();
    await vi.advanceTimersByTimeAsync(101);
    expect(asked()).toBe(1);
    p.heard();
    await vi.advanceTimersByTimeAsync(98);
    expect(asked()).toBe(1);
    await vi.advanceTimersByTimeAsync(10);
    expect([asked(), silent()]).toEqual([2, 0]);
    p.stop();
  });

  it('tells once of a peer that does not answer, and rests then', async () => {
    const { pulse: p, asked, silent } = pulse();
    p.start();
    await vi.advanceTimersByTimeAsync(152);
    expect([asked(), silent()]).toEqual([1, 1]);
    await vi.advanceTimersByTimeAsync(1000);
    expect([asked(), silent()]).toEqual([1, 1]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('judges only after what came in meanwhile has been read', async () => {
    const { pulse: p, silent } = pulse();
    p.start();
    await vi.advanceTimersByTimeAsync(100);
    // Due in the same turn of the loop as the end of the wait, but read after the timers.
    setTimeout(() => setImmediate(() => p.heard()), 49);
    await vi.advanceTimersByTimeAsync(52);
    expect(silent()).toBe(0);
    p.stop();
  });

  it('leaves no timer behind when it is stopped', async () => {
    const { pulse: p, silent } = pulse();
    p.start();
    p.stop();
    expect(vi.getTimerCount()).toBe(0);
    p.start();
    await vi.advanceTimersByTimeAsync(120);
    p.stop();
    expect(vi.getTimerCount()).toBe(0);
    expect(silent()).toBe(0);
  });
});
