import { describe, expect, it } from 'vitest';
import { bearerToken, chooseSubProtocol, TokenSet } from '../../src/server/peers.ts';

describe('tokens', () => {
  it('knows its members and nothing else', () => {
    const set = new TokenSet(['first', 'second']);
    expect(['first', 'second', 'First', 'firs', ''].map((token) => set.has(token))).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
  });

  it('never takes an empty text for a secret', () => {
    expect(new TokenSet(['']).has('')).toBe(false);
  });

  it('reads the header, else the sub-protocol', () => {
    expect(bearerToken('Bearer abc')).toBe('abc');
    expect(bearerToken('bearer  abc ')).toBe('abc');
    expect(bearerToken('Basic abc')).toBeUndefined();
    expect(bearerToken('Bearer')).toBeUndefined();
    expect(bearerToken(undefined, ['chat', 'bearer.abc'])).toBe('abc');
    expect(bearerToken('Bearer abc', ['bearer.xyz'])).toBe('abc');
  });

  it('echoes the token of a browser only when nothing else was offered', () => {
    expect(chooseSubProtocol(new Set(['bearer.abc']))).toBe('bearer.abc');
    expect(chooseSubProtocol(new Set(['bearer.abc', 'chat']))).toBe('chat');
    expect(chooseSubProtocol(new Set())).toBe(false);
  });
});
