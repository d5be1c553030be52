import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../../src/base/errors.ts';
import type { Config } from '../../../src/gateway/config/schema.ts';
import { isLoopbackHost, openBadges, resolveSettings } from '../../../src/gateway/config/settings.ts';
import { PLATFORMS } from '../../../src/gateway/model.ts';

const settings = (config: Config = {}, env: NodeJS.ProcessEnv = {}, overrides = {}) =>
  resolveSettings(config, overrides, env, '/work');

describe('the settings', () => {
  it('let no stranger in, listen on this machine alone and keep the documented numbers by default', () => {
    const plain = settings();
    expect(plain).toMatchObject({
      port: 3847,
      host: 'localhost',
      tokens: [],
      enableHttp: true,
      enableWebSocket: true,
      allowAll: false,
      rateLimit: { maxRequests: 60, windowMs: 60_000 },
      agent: { backend: 'auto', cwd: '/work', maxConcurrent: 4, maxWaiting: 20 },
    });
    expect(plain.agent).toMatchObject({ idleMs: 300_000, turnMs: 1_800_000, silenceMs: 600_000 });
    expect(PLATFORMS.filter((platform) => plain.enabled(platform))).toEqual(['websocket']);
    for (const platform of PLATFORMS)
      expect(plain.chats(platform)).toEqual({
        dmPolicy: 'pairing',
        groupPolicy: 'allowlist',
        groups: [],
        requireMention: true,
        allowFrom: [],
        groupSessionsPerUser: true,
        toolActivity: 'brief',
      });
    expect(openBadges(plain)).toEqual([]);
  });

  it.each<[NonNullable<Config['pairing']>, string]>([
    [{ codeMinutes: 5, reminderMinutes: 5 }, 'pairing.reminderMinutes'],
    [{ maxPerPlatform: 21 }, 'pairing.maxPerPlatform'],
  ])('of pairing that contradict each other are refused: %j', (pairing, key) => {
    expect(() => settings({ pairing })).toThrow(key);
  });

  it('come from the flag before the environment, before the file, before the default', () => {
    const file: Config = { port: 1, host: '127.0.0.2' };
    const env = { PI_GATEWAY_PORT: '2', PI_GATEWAY_HOST: '127.0.0.3' };
    expect(settings(file, env, { port: 3, host: '::1' })).toMatchObject({ port: 3, host: '::1' });
    expect(settings(file, env)).toMatchObject({ port: 2, host: '127.0.0.3' });
    expect(settings(file, { PI_GATEWAY_PORT: '' })).toMatchObject({ port: 1, host: '127.0.0.2' });
  });

  it.each(['x', '-1', '65536', '80.5'])('refuse %s as a port of the environment', (port) => {
    expect(() => settings({}, { PI_GATEWAY_PORT: port })).toThrow(/PI_GATEWAY_PORT/);
  });

  it.each([99_999, -1, 3.5])('refuse %s as the port of a caller, and name the port', (port) => {
    expect(() => settings({}, {}, { port })).toThrow(/^port: /);
  });

  it('refuse a host that can be none, wherever it comes from', () => {
    expect(() => settings({}, {}, { host: 'http://x' })).toThrow(/^host: "http:\/\/x" is invalid/);
    expect(() => settings({}, { PI_GATEWAY_HOST: 'a b' })).toThrow(/^PI_GATEWAY_HOST: /);
  });

  it.each(['0.0.0.0', '::', '192.168.1.2', 'example.org', '127.0.0.1.example.org'])(
    'refuse to be reachable as %s without a token',
    (host) => {
      expect(isLoopbackHost(host)).toBe(false);
      expect(() => settings({ host })).toThrow(ConfigError);
      expect(settings({ host, tokens: ['a long random text'] }).host).toBe(host);
    },
  );

  it('obey allowAll and open policies, and name each on a badge', () => {
    const open = settings({
      security: { allowAll: true },
      platforms: {
        telegram: { enabled: true, dmPolicy: 'open', groupPolicy: 'open' },
        discord: { enabled: false, dmPolicy: 'open' },
      },
    });
    expect(open.allowAll).toBe(true);
    expect(openBadges(open)).toEqual([
      'allowAll: everyone has access',
      'telegram: direct messages are open',
      'telegram: all groups are open',
    ]);
  });

  it('without pairing leave the allowlist, and never open a door', () => {
    const closed = settings({ security: { requirePairing: false } });
    for (const platform of PLATFORMS) expect(closed.chats(platform).dmPolicy).toBe('allowlist');
  });

  it('take the busy mode of the platform, then the general one, then that of the kind of chat', () => {
    const own = settings({ agent: { busyMode: 'interrupt' }, platforms: { slack: { busyMode: 'queue' } } });
    expect(own.busyMode('slack', 'dm')).toBe('queue');
    expect(own.busyMode('telegram', 'group')).toBe('interrupt');
    expect([settings().busyMode('telegram', 'dm'), settings().busyMode('telegram', 'group')]).toEqual([
      'steer',
      'queue',
    ]);
  });

  it('take each key of a reset policy from the nearest layer: kind of chat, platform, everything, default', () => {
    const own = settings({
      sessions: { resetPolicy: 'both', dailyHour: 6, timeZone: 'Europe/Berlin' },
      platforms: { telegram: { sessions: { idleMinutes: 5, group: { resetPolicy: 'none', dailyHour: 2 } } } },
    });
    expect(own.reset('telegram', 'group')).toEqual({
      policy: 'none',
      dailyHour: 2,
      idleMinutes: 5,
      timeZone: 'Europe/Berlin',
    });
    expect(own.reset('telegram', 'dm')).toEqual({
      policy: 'both',
      dailyHour: 6,
      idleMinutes: 5,
      timeZone: 'Europe/Berlin',
    });
    expect(own.reset('slack', 'dm').idleMinutes).toBe(1440);
    expect(settings().reset('slack', 'dm')).toEqual({
      policy: 'idle',
      dailyHour: 4,
      idleMinutes: 1440,
      timeZone: 'UTC',
    });
    expect(settings({ sessions: { resetPolicy: 'daily' } }).reset('slack', 'dm').timeZone).toBe(
      Intl.DateTimeFormat().resolvedOptions().timeZone,
    );
  });
});
