import { describe, expect, it } from 'vitest';
import { FAILURE_LIMITS, FailureLimiter } from '../../src/server/access.ts';

function limiterAt(start = 0) {
  const time = { now: start };
  return { time, limiter: new FailureLimiter(() => time.now) };
}

describe('the limit on wrong tokens', () => {
  it('locks a peer for five minutes after ten failures within a minute', () => {
    const { limiter, time } = limiterAt();
    for (let i = 0; i < 9; i += 1) limiter.fail('peer');
    expect(limiter.lockedMs('peer')).toBe(0);
    time.now = 59_000;
    limiter.fail('peer');
    expect(limiter.lockedMs('peer')).toBe(300_000);
    time.now += 299_999;
    expect(limiter.lockedMs('peer')).toBe(1);
    time.now += 1;
    expect(limiter.lockedMs('peer')).toBe(0);
  });

  it('forgives failures that are older than a minute', () => {
    const { limiter, time } = limiterAt();
    for (let i = 0; i < 30; i += 1) {
      limiter.fail('peer');
      time.now += 7_000;
    }
    expect(limiter.lockedMs('peer')).toBe(0);
  });

  it('keeps peers apart', () => {
    const { limiter } = limiterAt();
    for (let i = 0; i < 10; i += 1) limiter.fail('one');
    expect(limiter.lockedMs('one')).toBeGreaterThan(0);
    expect(limiter.lockedMs('two')).toBe(0);
  });

  it('does not lock longer when the clock is set back', () => {
    const { limiter, time } = limiterAt(10_000_000);
    for (let i = 0; i < 10; i += 1) limiter.fail('peer');
    time.now = 0;
    expect(limiter.lockedMs('peer')).toBe(300_000);
    time.now = 300_000;
    expect(limiter.lockedMs('peer')).toBe(0);
  });

  it('remembers a bounded number of peers', () => {
    const limiter = new FailureLimiter(() => 0, { ...FAILURE_LIMITS, failures: 1, peers: 2 });
    for (const peer of ['a', 'b', 'c']) limiter.fail(peer);
    expect(['a', 'b', 'c'].map((peer) => limiter.lockedMs(peer) > 0)).toEqual([false, true, true]);
  });
});
