import { describe, expect, it, vi } from 'vitest';
import { deliveryErrorOf, loginRefusal } from '../../../src/adapters/twitch/receive.ts';
import { RateWindow } from '../../../src/adapters/twitch/send.ts';

describe('the rate window', () => {
  it('never lets more than the limit into any window, however they come', async () => {
    vi.useFakeTimers();
    try {
      const window = new RateWindow(30_000, () => Date.now());
      const times: number[] = [];
      const signal = new AbortController().signal;
      const all = Array.from({ length: 65 }, async (_, n) => {
        await new Promise((resolve) => setTimeout(resolve, n * 400));
        await window.take(20, signal);
        times.push(Date.now());
      });
      await vi.advanceTimersByTimeAsync(200_000);
      await Promise.all(all);
      expect(times).toHaveLength(65);
      for (const from of times)
        expect(times.filter((at) => at >= from && at < from + 30_000).length).toBeLessThanOrEqual(20);
    } finally {
      vi.useRealTimers();
    }
  });

  it('allows more where the bot is moderator, and counts it for everywhere else', async () => {
    const window = new RateWindow(60_000, () => 0);
    const signal = new AbortController();
    for (let n = 0; n < 100; n += 1) await window.take(100, signal.signal);
    let taken = false;
    const waiting = window.take(20, signal.signal).then(() => {
      taken = !signal.signal.aborted;
    });
    signal.abort();
    await waiting;
    expect(taken).toBe(false);
  });
});

describe('a notice of Twitch', () => {
  it.each([
    ['msg_ratelimit', '', 'rate-limited', 30_500],
    ['msg_slowmode', 'You will be able to talk again in 12 seconds.', 'rate-limited', 12_500],
    ['msg_timedout', 'You are timed out for 590 more seconds.', 'rate-limited', 590_500],
    ['msg_duplicate', 'Your message is identical.', 'rate-limited', 30_500],
    ['msg_banned', '', 'gone', undefined],
    ['msg_channel_suspended', '', 'gone', undefined],
    ['msg_subsonly', '', 'rejected', undefined],
    ['msg_rejected', '', 'rejected', undefined],
  ])('%s %j means %s', (id, text, failure, retryAfterMs) => {
    expect(deliveryErrorOf(id, text, 30_500)).toMatchObject({ failure, retryAfterMs });
  });

  it('about the room says nothing about a message', () => {
    for (const id of ['slow_on', 'emote_only_off', '', 'host_on'])
      expect(deliveryErrorOf(id, 'x', 1)).toBeUndefined();
  });

  it('tells a refused token from a refused name', () => {
    expect(loginRefusal('Login authentication failed')).toBe('token');
    expect(loginRefusal('Improperly formatted auth')).toBe('token');
    expect(loginRefusal('Invalid NICK')).toBe('name');
    expect(loginRefusal('Welcome')).toBeUndefined();
  });
});
