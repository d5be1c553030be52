/** The gateway of `npm run soak`, in a process of its own: real adapters on the parent's local servers, measured from inside. */
import { readdirSync } from 'node:fs';
import { Agent } from 'node:https';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { writeHeapSnapshot } from 'node:v8';
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

export type Soaked = Exclude<Platform, 'websocket'>;

export interface SoakJob {
  readonly dataDir: string;
  readonly platforms: readonly Soaked[];
  /** Where the parent's servers are: properties of a server object that stand for those of the parent's. */
  readonly servers: Readonly<Record<Soaked, Readonly<Record<string, unknown>>>>;
}

export interface SoakSample {
  readonly rssMb: number;
  readonly heapMb: number;
  readonly externalMb: number;
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

/** Tells the parent what the adapter hands to the gateway, and what became of it. */
function watched(adapter: Adapter): Adapter {
  const { platform } = adapter;
  const start = adapter.start.bind(adapter);
  adapter.start = (host) => {
    const accept = host.accept.bind(host);
    host.accept = async (message) => {
      const { text } = message;
      process.send?.({ type: 'received', platform, text });
      await accept(message);
      process.send?.({ type: 'stored', platform, text });
    };
    return start(host);
  };
  return adapter;
}

const running = await composeGateway({
  dataDir: job.dataDir,
  agent: createScriptedAgent({ delayMs: 30 }),
  logLevel: 'warn',
  logSink: (_level, source, message) => process.send?.({ type: 'log', source, message }),
  createAdapter: async (platform) => {
    const adapter = await adapterOf(platform);
    return adapter === undefined ? undefined : watched(adapter);
  },
});
const { sessions: database } = running.gateway.deps.stores;

/** What the gateway's store says about a message, and why it was refused. */
function rowsOf(text: string): readonly unknown[] {
  const like = [`%${text}%`];
  return [
    ...running.gateway.refusals.filter((refusal) => refusal.text?.includes(text)),
    ...database.all('SELECT id, state, accepted_at, message FROM inbox WHERE message LIKE ?', like),
    ...database.all(
      'SELECT id, state, attempts, done, receipts, error, created_at, settled_at, meta, parts FROM outbox WHERE parts LIKE ?',
      like,
    ),
    ...database.all('SELECT seq, at, role, text FROM msg WHERE text LIKE ?', like),
  ];
}

const delay = monitorEventLoopDelay({ resolution: 10 });
delay.enable();
const sample = (): SoakSample => {
  const { rss, heapUsed, external } = process.memoryUsage();
  const found = {
    rssMb: rss / 1e6,
    heapMb: heapUsed / 1e6,
    externalMb: external / 1e6,
    descriptors: readdirSync('/proc/self/fd').length,
    delayP99Ms: delay.percentile(99) / 1e6,
    delayMaxMs: delay.max / 1e6,
  };
  delay.reset();
  return found;
};

/** What is still held after a full collection; `path`: a snapshot of it goes there. */
function held(path: string | undefined): number {
  // Twice: what the first one finalizes is free after the second one.
  for (let n = 0; n < 2; n += 1) gc?.();
  if (path !== undefined) writeHeapSnapshot(path);
  const { heapUsed, external } = process.memoryUsage();
  // Neither the collection nor the snapshot is a delay of the gateway.
  setImmediate(() => delay.reset());
  return (heapUsed + external) / 1e6;
}

setInterval(() => process.send?.({ type: 'sample', sample: sample() }), 1000);
process.on('message', (message: unknown) => {
  const { type, text, path } = Object(message);
  if (type === 'held') process.send?.({ type: 'held', mb: held(path) });
  if (type === 'rows') process.send?.({ type: 'rows', text, rows: rowsOf(text) });
});
process.on('SIGTERM', () => void running.stop(0).then(() => process.exit(0)));
await running.connect();
const { adapters } = running.gateway;
while (!job.platforms.every((each) => adapters.view(each).state === 'connected'))
  await new Promise((resolve) => setTimeout(resolve, 50));
process.send?.({ type: 'ready' });
