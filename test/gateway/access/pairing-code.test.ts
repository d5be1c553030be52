import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  hashPairingCode,
  matchesPairingCode,
  newPairingCode,
  readPairingCode,
  showPairingCode,
} from '../../../src/gateway/access/pairing-request.ts';
import { LoopBreaker, RateLimiter } from '../../../src/gateway/receive/admission.ts';

describe('a pairing code', () => {
  it('has eight symbols without those that look alike, every one of them in use', () => {
    const seen = new Set<string>();
    for (let i = 0; i < 2000; i += 1) {
      const code = newPairingCode(8);
      expect(code).toMatch(/^[A-HJKMNP-Z2-9]{8}$/);
      for (const symbol of code) seen.add(symbol);
    }
    expect(seen.size).toBe(31);
  });

  it('is read in any case, with dashes and blanks anywhere', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('', ' ', '-', '–', '\t'), { minLength: 9, maxLength: 9 }),
        fc.boolean(),
        (gaps, lower) => {
          const code = newPairingCode(8);
          const typed = gaps.map((gap, i) => gap + (code[i] ?? '')).join('');
          expect(readPairingCode(lower ? typed.toLowerCase() : typed)).toBe(code);
        },
      ),
    );
    expect(readPairingCode(showPairingCode('KQ7M2XPD'))).toBe('KQ7M2XPD');
  });

  it.each(['', 'ABCD', 'ABCD-EFG0', 'ABCD-EFGI', 'ABCDEFGH-ABCDEFGH-J', 'hello there'])(
    'cannot be %j',
    (text) => {
      expect(readPairingCode(text)).toBeUndefined();
    },
  );

  it('of another length is none where the length is known', () => {
    expect(readPairingCode('ABCD-EFGH-J', 8)).toBeUndefined();
    expect(readPairingCode('THANKS')).toBe('THANKS');
    expect(readPairingCode('THANKS', 8)).toBeUndefined();
    expect(readPairingCode('ABCD-EF', 6)).toBe('ABCDEF');
  });

  it('is recognised by its salted hash alone', () => {
    const code = newPairingCode(8);
    const stored = hashPairingCode(code);
    expect(JSON.stringify(stored)).not.toContain(code);
    expect(matchesPairingCode(code, stored)).toBe(true);
    expect(matchesPairingCode(newPairingCode(8), stored)).toBe(false);
    expect(hashPairingCode(code).hash).not.toBe(stored.hash);
  });
});

describe('the rate limit', () => {
  it('lets a number of messages through in a window, tells once, then is silent', () => {
    const limiter = new RateLimiter(3, 1000);
    expect([0, 1, 2, 3, 4, 999].map((now) => limiter.hit('a', now))).toEqual([
      'allowed',
      'allowed',
      'allowed',
      'notice',
      'silent',
      'silent',
    ]);
    expect(limiter.hit('a', 1000)).toBe('allowed');
    expect(limiter.hit('b', 4)).toBe('allowed');
  });

  it('opens a new window when the clock goes back', () => {
    const limiter = new RateLimiter(1, 1000);
    limiter.hit('a', 5000);
    expect(limiter.hit('a', 4000)).toBe('allowed');
  });
});

describe('the loop breaker', () => {
  it('mutes a chat for ten minutes after twenty messages of one bot in five', () => {
    const breaker = new LoopBreaker();
    const hits = Array.from({ length: 20 }, (_, i) => breaker.hit('chat', 'bot', i * 1000));
    expect(hits.filter(Boolean)).toHaveLength(1);
    expect(hits.at(-1)).toBe(true);
    expect(breaker.hit('chat', 'other bot', 60_000)).toBe(true);
    expect(breaker.hit('other chat', 'bot', 60_000)).toBe(false);
    expect(breaker.hit('chat', 'bot', 19_000 + 10 * 60_000)).toBe(false);
  });

  it('does not mind a slow bot', () => {
    const breaker = new LoopBreaker();
    expect(Array.from({ length: 100 }, (_, i) => breaker.hit('chat', 'bot', i * 30_000)).some(Boolean)).toBe(
      false,
    );
  });
});
