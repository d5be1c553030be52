import { describe, expect, it } from 'vitest';
import { judgeOrigin } from '../../src/server/peers.ts';

const HOST = 'localhost:3847';

describe('the judgement of an Origin', () => {
  it('has nothing against a request without one', () => {
    expect(judgeOrigin(undefined, HOST, [])).toBe('none');
  });

  it('lets listed origins pass, whatever their case and a closing slash', () => {
    expect(judgeOrigin('https://chat.example', HOST, ['https://Chat.example/'])).toBe('allowed');
  });

  it('refuses what is not listed', () => {
    expect(judgeOrigin('https://evil.example', HOST, ['https://chat.example'])).toBe('foreign');
    expect(judgeOrigin('null', HOST, [])).toBe('foreign');
    expect(judgeOrigin('http://localhost:5173', HOST, [])).toBe('foreign');
  });

  it('reads "*" as: any page may come, with a token', () => {
    expect(judgeOrigin('https://evil.example', HOST, ['*'])).toBe('with-token');
  });

  it('takes its own loopback address for a program that fills the header in', () => {
    expect(judgeOrigin('http://localhost:3847', HOST, [])).toBe('allowed');
    expect(judgeOrigin('http://[::1]:3847', '[::1]:3847', [])).toBe('allowed');
  });

  it('does not trust a page whose rebound name is both Origin and Host', () => {
    expect(judgeOrigin('http://evil.example:3847', 'evil.example:3847', [])).toBe('with-token');
  });
});
