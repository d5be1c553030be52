import { describe, expect, it } from 'vitest';
import { namesProxy, proxyFor } from '../../../src/adapters/kit/way.ts';

const chosen = (target: string, env: NodeJS.ProcessEnv, proxy?: string): string | undefined =>
  proxyFor(target, { proxy, env })?.href;

describe('the proxy for a target', () => {
  it.each([
    ['https://api.telegram.org/x', { HTTPS_PROXY: 'http://p:1' }, 'http://p:1/'],
    ['wss://gateway.discord.gg', { https_proxy: 'http://p:1' }, 'http://p:1/'],
    ['http://here/', { HTTPS_PROXY: 'http://p:1' }, undefined],
    ['http://here/', { http_proxy: 'http://p:2', HTTP_PROXY: 'http://p:3' }, 'http://p:2/'],
    ['ws://here/', { ALL_PROXY: 'socks5://p:4' }, 'socks5://p:4'],
    ['https://here/', { ALL_PROXY: 'socks5://p:4', HTTPS_PROXY: 'http://p:1' }, 'http://p:1/'],
    ['https://here/', { HTTPS_PROXY: 'p:3128' }, 'http://p:3128/'],
    ['https://here/', { HTTPS_PROXY: '  ' }, undefined],
    ['https://here/', {}, undefined],
  ])('%s with %j is %s', (target, env, proxy) => {
    expect(chosen(target, env)).toBe(proxy);
  });

  it.each([
    ['https://api.slack.com/', 'slack.com', true],
    ['https://slack.com/', '.slack.com', true],
    ['https://slack.com/', '*.slack.com', true],
    ['https://notslack.com/', 'slack.com', false],
    ['https://SLACK.com/', 'a.b, Slack.com', true],
    ['https://here/', '*', true],
    ['http://127.0.0.1:8081/', '127.0.0.1', true],
    ['http://127.0.0.1:8081/', '127.0.0.1:8081', true],
    ['http://127.0.0.1:8081/', '127.0.0.1:80', false],
    ['https://here/', 'here:443', true],
    ['http://[::1]:80/', '::1', true],
    ['http://[::1]:8080/', '[::1]:8080', true],
    ['https://here/', ',', false],
  ])('%s with NO_PROXY=%s is reached directly: %s', (target, list, direct) => {
    const env = { NO_PROXY: list, HTTPS_PROXY: 'http://p:1', HTTP_PROXY: 'http://p:1' };
    expect(chosen(target, env) === undefined).toBe(direct);
    expect(chosen(target, { NO_PROXY: list }, 'http://q:2') === undefined).toBe(direct);
  });

  it('of the configuration comes first, and "direct" means none', () => {
    const env = { HTTPS_PROXY: 'http://p:1' };
    expect(chosen('https://here/', env, 'socks5://q:2')).toBe('socks5://q:2');
    expect(chosen('https://here/', env, 'direct')).toBeUndefined();
    expect(chosen('https://here/', env, '')).toBe('http://p:1/');
    expect(namesProxy({ proxy: 'direct', env })).toBe(false);
    expect(namesProxy({ env })).toBe(true);
    expect(namesProxy({ env: { NO_PROXY: '*' } })).toBe(false);
  });

  it('that is none is refused without repeating it: it may hold a password', () => {
    for (const proxy of ['ftp://u:hunter2@p', 'not a proxy hunter2', 'http://'])
      expect(() => chosen('https://here/', {}, proxy)).toThrow(
        /^the configured proxy is not a proxy address$/,
      );
    expect(() => chosen('https://here/', { HTTPS_PROXY: 'gopher://x' })).toThrow(
      /^HTTPS_PROXY is not a proxy address/,
    );
  });
});
