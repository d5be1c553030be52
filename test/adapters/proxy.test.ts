import { afterEach, describe, expect, it } from 'vitest';
import { proxiedWay } from '../../src/adapters/kit/proxied.ts';
import type { Way } from '../../src/adapters/kit/way.ts';
import { startHttpProxy, startSocksProxy, type TestProxy } from '../platforms/proxy.ts';
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

/** Does it work although the proxy has gone? */
async function startedWithout(proxy: TestProxy, work: () => Promise<unknown>): Promise<boolean> {
  await proxy.stop();
  return work().then(
    () => true,
    () => false,
  );
}
