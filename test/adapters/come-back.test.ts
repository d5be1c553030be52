import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { createTwitchAdapter } from '../../src/adapters/twitch/definition.ts';
import { createWhatsAppAdapter } from '../../src/adapters/whatsapp/definition.ts';
import type { Adapter } from '../../src/gateway/adapter.ts';
import { freePort } from '../support/gateway-process.ts';
import { type ContractPeer, RecordingHost, withRig } from './contract.ts';
import { TwitchPeer } from './twitch/peer.ts';
import { WhatsAppPeer } from './whatsapp/contract-peer.ts';

/** Long enough that pauses which double without end would show: the fourth would begin shortly before its end. */
const OUTAGE_MS = Number(process.env['OUTAGE_MS'] ?? 8_000);

it.concurrent.each<[string, () => ContractPeer & { pauses: object | undefined }]>([
  ['whatsapp', () => new WhatsAppPeer()],
  ['twitch', () => new TwitchPeer()],
])(
  '%s is back within seconds of a long outage, with the pauses of the product',
  async (_platform, make) => {
    await withRig(
      () => {
        const peer = make();
        peer.pauses = {};
        return peer;
      },
      async (rig) => {
        await rig.connect();
        await rig.peer.goDown();
        await rig.until(() => expect(rig.host.current?.state).toBe('reconnecting'));
        await new Promise((resolve) => setTimeout(resolve, OUTAGE_MS));
        await rig.peer.comeBack();
        const at = performance.now();
        await rig.state('connected');
        expect(performance.now() - at).toBeLessThan(6_000);
        await rig.arrived(await rig.peer.dm('after'));
      },
    );
  },
  OUTAGE_MS + 60_000,
);

const ADAPTERS: Record<string, (port: number) => Adapter> = {
  whatsapp: (port) =>
    createWhatsAppAdapter(
      { url: `ws://127.0.0.1:${port}` },
      { minReconnectMs: 50_000, maxReconnectMs: 60_000 },
    ),
  twitch: (port) =>
    createTwitchAdapter(
      { username: 'bot', token: 'oauth:x', channels: ['a'], server: '127.0.0.1', port, secure: false },
      { minDelayMs: 50_000, maxDelayMs: 60_000 },
    ),
};

it.each(Object.keys(ADAPTERS))('%s is tried again within seconds while nothing answers', async (platform) => {
  const folder = await mkdtemp(join(tmpdir(), 'come-back-'));
  const host = new RecordingHost(folder);
  const adapter = ADAPTERS[platform]?.(await freePort());
  await adapter?.start(host);
  try {
    const health = await vi.waitFor(
      () => {
        const found = host.healths.find(({ state }) => state === 'reconnecting');
        expect(found).toBeDefined();
        return found;
      },
      { timeout: 20_000, interval: 10 },
    );
    expect((health?.transport.nextTryAt ?? Number.POSITIVE_INFINITY) - Date.now()).toBeLessThanOrEqual(4000);
  } finally {
    await adapter?.stop();
    await rm(folder, { recursive: true, force: true });
  }
});
