import { afterEach, describe, expect, it } from 'vitest';
import { proxiedWay } from '../../src/adapters/kit/proxied.ts';
import type { Way } from '../../src/adapters/kit/way.ts';
import { createPlatformAdapter } from '../../src/adapters/registry.ts';
import { startHttpProxy, startSocksProxy, type TestProxy } from '../platforms/proxy.ts';
import { TelegramServer } from '../platforms/telegram-server.ts';
import { type ContractPeer, withRig } from './contract.ts';
import { DiscordPeer } from './discord/peer.ts';
import { SlackPeer } from './slack/peer.ts';
import { TelegramPeer } from './telegram/peer.ts';
import { TwitchPeer } from './twitch/peer.ts';
import { WhatsAppPeer } from './whatsapp/contract-peer.ts';

const LOGIN = 'ada:s3cret';
const PEERS: Record<string, () => ContractPeer & { way?: Way }> = {
  telegram: () => new TelegramPeer(),
  discord: () => new DiscordPeer(),
  slack: () => new SlackPeer(),
  whatsapp: () => new WhatsAppPeer(),
  twitch: () => new TwitchPeer(),
};

const proxies: TestProxy[] = [];
afterEach(async () => {
  await Promise.all(proxies.splice(0).map((proxy) => proxy.stop()));
});

describe.each(['http', 'socks'] as const)('behind a proxy over %s with a login', (kind) => {
  it.each(Object.keys(PEERS))('%s connects, receives and answers, and by no other way', async (platform) => {
    const proxy = await (kind === 'http' ? startHttpProxy(LOGIN) : startSocksProxy(LOGIN));
    proxies.push(proxy);
    const make = PEERS[platform];
    if (make === undefined) throw new Error(platform);
    await withRig(
      () => {
        const peer = make();
        peer.way = proxiedWay({ proxy: proxy.url, env: {} });
        return peer;
      },
      async (rig) => {
        await rig.connect();
        expect(proxy.seen.length).toBeGreaterThan(0);
        const { chat } = await rig.arrived(await rig.peer.dm('hello'));
        await rig.send(chat, 'hi');
        await rig.until(() => expect(rig.texts(chat)).toEqual(['hi']));
        // Nothing has found another way.
        const direct = await startedWithout(proxy, () => rig.send(chat, 'again', { key: 'again' }));
        expect(direct).toBe(false);
      },
    );
  });
});

describe('the proxy of a platform', () => {
  const reached = async (
    kind: 'http' | 'socks',
    settings: (proxy: string) => { own?: string; general?: string; env?: NodeJS.ProcessEnv },
  ): Promise<boolean> => {
    const proxy = await (kind === 'http' ? startHttpProxy(LOGIN) : startSocksProxy(LOGIN));
    proxies.push(proxy);
    const server = new TelegramServer('1234567:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw');
    await server.start();
    const { own, general, env = {} } = settings(proxy.url);
    const secrets: string[] = [];
    const adapter = await createPlatformAdapter(
      'telegram',
      { token: server.token, apiRoot: server.url, ...(own === undefined ? {} : { proxy: own }) },
      env,
      (secret) => secrets.push(secret),
      general,
    );
    try {
      expect((await adapter.check?.(AbortSignal.timeout(10_000)))?.ok).toBe(true);
    } finally {
      await server.stop();
    }
    if (own === undefined && general !== undefined && general !== 'direct')
      expect(secrets).toContain('s3cret');
    return proxy.seen.length > 0;
  };

  it.each(['http', 'socks'] as const)('is that of the configuration for all, over %s', async (kind) => {
    expect(await reached(kind, (general) => ({ general }))).toBe(true);
  });

  it('may come from a variable that the configuration names', async () => {
    expect(await reached('http', (url) => ({ general: '$WAY_OUT', env: { WAY_OUT: url } }))).toBe(true);
  });

  it('is its own before that of all, and that of all before the environment', async () => {
    expect(await reached('http', (own) => ({ own, general: 'http://127.0.0.1:9' }))).toBe(true);
    expect(await reached('http', (general) => ({ own: 'direct', general }))).toBe(false);
    expect(await reached('http', (url) => ({ general: 'direct', env: { HTTP_PROXY: url } }))).toBe(false);
  });

  it('is that of the environment, except for what NO_PROXY names', async () => {
    expect(await reached('socks', (url) => ({ env: { ALL_PROXY: url } }))).toBe(true);
    expect(await reached('http', (url) => ({ env: { http_proxy: url } }))).toBe(true);
    expect(await reached('http', (url) => ({ env: { HTTP_PROXY: url, NO_PROXY: '127.0.0.1' } }))).toBe(false);
    expect(await reached('http', (url) => ({ general: url, env: { no_proxy: '*' } }))).toBe(false);
  });
});

/** Does it work although the proxy has gone? */
async function startedWithout(proxy: TestProxy, work: () => Promise<unknown>): Promise<boolean> {
  await proxy.stop();
  return work().then(
    () => true,
    () => false,
  );
}
