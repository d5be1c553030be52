/** The gateway of `npm run soak`, in a process of its own: real adapters on the parent's local servers, measured from inside. */
import { readdirSync } from 'node:fs';
import { Agent } from 'node:https';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createWhatsAppAdapter } from '../../src/adapters/whatsapp/definition.ts';
import { createScriptedAgent } from '../../src/agents/scripted/scripted.ts';
import { composeGateway } from '../../src/compose.ts';
import type { Adapter } from '../../src/gateway/adapter.ts';
import type { Platform } from '../../src/gateway/model.ts';
import { DiscordPeer } from '../adapters/discord/peer.ts';
import { SlackPeer } from '../adapters/slack/peer.ts';
import { TelegramPeer } from '../adapters/telegram/peer.ts';
import { TwitchPeer } from '../adapters/twitch/peer.ts';
import { trustTestRoot } from '../platforms/whatsapp/noise.ts';

export interface SoakJob {
  readonly dataDir: string;
  /** Where the parent's servers are: properties of a server object that stand for those of the parent's. */
  readonly servers: Readonly<Record<Exclude<Platform, 'websocket'>, Readonly<Record<string, unknown>>>>;
}

export interface SoakSample {
  readonly rssMb: number;
  readonly heapMb: number;
  readonly descriptors: number;
  /** Event-loop delay since the last sample. */
  readonly delayP99Ms: number;
  readonly delayMaxMs: number;
}

const job: SoakJob = JSON.parse(process.env['SOAK_JOB'] ?? '{}');
trustTestRoot();

/** A server that runs in the parent. */
function at(server: object, facts: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(facts)) Object.defineProperty(server, name, { value });
}

function adapterOf(platform: Platform): Adapter | Promise<Adapter> | undefined {
  const peers = {
    telegram: () => new TelegramPeer({ sendLimits: false }),
    discord: () => new DiscordPeer(),
    slack: () => new SlackPeer(),
    twitch: () => new TwitchPeer(),
  };
  if (platform === 'whatsapp')
    return createWhatsAppAdapter(
      { url: String(job.servers.whatsapp['url']) },
      { uploadAgent: new Agent({ rejectUnauthorized: false }), minReconnectMs: 20, maxReconnectMs: 200 },
    );
  if (platform === 'websocket') return undefined;
  const peer = peers[platform]();
  at(peer.server, job.servers[platform]);
  return peer.createAdapter();
}

const running = await composeGateway({
  dataDir: job.dataDir,
  agent: createScriptedAgent({ delayMs: 30 }),
  logLevel: 'warn',
  logSink: () => {},
  createAdapter: async (platform) => adapterOf(platform),
});
const delay = monitorEventLoopDelay({ resolution: 10 });
delay.enable();
const sample = (): SoakSample => {
  const { rss, heapUsed } = process.memoryUsage();
  const found = {
    rssMb: rss / 1e6,
    heapMb: heapUsed / 1e6,
    descriptors: readdirSync('/proc/self/fd').length,
    delayP99Ms: delay.percentile(99) / 1e6,
    delayMaxMs: delay.max / 1e6,
  };
  delay.reset();
  return found;
};
setInterval(() => process.send?.({ type: 'sample', sample: sample() }), 1000);
process.on('SIGTERM', () => void running.stop(0).then(() => process.exit(0)));
await running.connect();
const { adapters } = running.gateway;
const platforms = ['telegram', 'discord', 'slack', 'twitch', 'whatsapp'] as const;
while (!platforms.every((each) => adapters.view(each).state === 'connected'))
  await new Promise((resolve) => setTimeout(resolve, 50));
process.send?.({ type: 'ready' });
