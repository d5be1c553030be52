/**
 * Five platforms on local servers, people who write all the time, and servers that drop connections, go down, go silent
 * and reject, for as long as wanted. A ledger outside the gateway's process must balance: every message is answered, and
 * none twice without a mark. The gateway's memory, descriptors and event-loop delay are measured from inside; the slope
 * of its memory is given with a confidence interval.
 *
 * Run it: npm run soak -- --minutes 30 [--rate 5] [--write]
 */
import { type ChildProcess, fork } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { ChatRef, Platform } from '../../src/gateway/model.ts';
import type { ContractPeer } from '../adapters/contract/peer.ts';
import { DiscordPeer } from '../adapters/discord/peer.ts';
import { SlackPeer } from '../adapters/slack/peer.ts';
import { TelegramPeer } from '../adapters/telegram/peer.ts';
import { TwitchPeer } from '../adapters/twitch/peer.ts';
import { WhatsAppPeer } from '../adapters/whatsapp/contract-peer.ts';
import { linkSession } from '../platforms/whatsapp/linked-session.ts';
import { temporaryFolder, writeConfig } from '../support/gateway-process.ts';
import { delay } from './resume-kit.ts';
import type { SoakJob, SoakSample } from './soak-worker.ts';

export interface SoakOptions {
  readonly minutes: number;
  /** Messages a second, over all platforms. */
  readonly rate: number;
  readonly print: (line: string) => void;
}

export interface SoakResult {
  readonly minutes: number;
  readonly messages: number;
  readonly faults: number;
  /** Messages without an answer, and answers that came twice without a mark. */
  readonly missing: number;
  readonly doubled: number;
  /** Sent again with the mark that they may have arrived already. */
  readonly marked: number;
  readonly rssMb: { readonly first: number; readonly last: number; readonly most: number };
  /** MB an hour, with its 95 % confidence interval; the first fifth is left out. */
  readonly slope: { readonly mbPerHour: number; readonly from: number; readonly to: number };
  readonly descriptors: { readonly first: number; readonly last: number; readonly most: number };
  readonly delayMs: { readonly p99Median: number; readonly worst: number };
}

/** Student's t for 95 %, by degrees of freedom. */
const T95: Readonly<Record<number, number>> = { 4: 2.776, 8: 2.306, 18: 2.101 };
const BLOCKS = 20;
const SETTLE_MS = 120_000;

/**
 * The slope of a line through the values, by means of blocks: neighbouring samples are not independent, blocks are nearly.
 * `perStep`: what one value stands for, in hours.
 */
export function slopeOf(values: readonly number[], perStep: number): SoakResult['slope'] {
  const blocks = values.length >= BLOCKS * 3 ? BLOCKS : values.length >= 30 ? 10 : 6;
  const size = Math.floor(values.length / blocks);
  const means = Array.from({ length: blocks }, (_, n) => {
    const part = values.slice(n * size, (n + 1) * size);
    return part.reduce((sum, each) => sum + each, 0) / Math.max(1, part.length);
  });
  const step = size * perStep;
  const x = (n: number): number => (n - (blocks - 1) / 2) * step;
  const mean = means.reduce((sum, each) => sum + each, 0) / blocks;
  const sxx = means.reduce((sum, _, n) => sum + x(n) ** 2, 0);
  const slope = means.reduce((sum, each, n) => sum + x(n) * (each - mean), 0) / sxx;
  const rest = means.reduce((sum, each, n) => sum + (each - mean - slope * x(n)) ** 2, 0);
  const error = Math.sqrt(rest / (blocks - 2) / sxx) * (T95[blocks - 2] ?? 2.8);
  return { mbPerHour: slope, from: slope - error, to: slope + error };
}

interface Asked {
  readonly peer: ContractPeer;
  readonly chat: ChatRef;
  readonly text: string;
}

class Soak {
  readonly peers = {
    telegram: new TelegramPeer(),
    discord: new DiscordPeer(),
    slack: new SlackPeer(),
    twitch: new TwitchPeer(),
    whatsapp: new WhatsAppPeer(),
  };
  readonly folder = temporaryFolder();
  readonly samples: SoakSample[] = [];
  readonly asked: Asked[] = [];
  faults = 0;
  #child: ChildProcess | undefined;
  #stopped = false;
  readonly #broken = new Set<Platform>();

  get all(): readonly ContractPeer[] {
    return Object.values(this.peers);
  }

  async start(): Promise<void> {
    await Promise.all(this.all.map((peer) => peer.start()));
    const { telegram, discord, slack, twitch, whatsapp } = this.peers;
    const { path } = this.folder;
    writeConfig(path, {
      port: 0,
      security: { allowAll: true, rateLimit: { maxRequests: 1_000_000 } },
      platforms: {
        ...Object.fromEntries(
          this.all.map(({ platform }) => [
            platform,
            { enabled: true, groupPolicy: 'open', busyMode: 'queue' },
          ]),
        ),
        websocket: { enabled: false },
      },
    });
    await linkSession(join(path, 'gateway', 'adapters', 'whatsapp', 'session'), whatsapp.server.bot);
    const job: SoakJob = {
      dataDir: path,
      servers: {
        telegram: { url: telegram.server.url },
        discord: { apiUrl: discord.server.apiUrl },
        slack: { url: slack.server.url, tokens: slack.server.tokens },
        twitch: { port: twitch.server.port, authUrl: twitch.server.authUrl },
        whatsapp: { url: whatsapp.server.url },
      },
    };
    const child = fork(join(import.meta.dirname, 'soak-worker.ts'), {
      env: { ...process.env, SOAK_JOB: JSON.stringify(job) },
      execArgv: [],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.#child = child;
    const ready = Promise.withResolvers<void>();
    child.on('message', (message: unknown) => {
      const { type, sample } = Object(message);
      if (type === 'sample') this.samples.push(sample);
      if (type === 'ready') ready.resolve();
    });
    child.once('exit', (code) => {
      if (!this.#stopped) ready.reject(new Error(`the gateway ended with ${code}`));
    });
    await ready.promise;
    this.samples.length = 0;
  }

  get alive(): boolean {
    return this.#child?.exitCode === null;
  }

  /** Each platform's people write in turn. */
  async talk(until: number, rate: number): Promise<void> {
    for (let n = 0; Date.now() < until && this.alive; n += 1) {
      const peer = this.all[n % this.all.length];
      // What is written while a server is down has nowhere to go.
      if (peer !== undefined && !this.#broken.has(peer.platform)) {
        const text = `soak${n}x${Math.random().toString(36).slice(2, 8)}`;
        const { chat } = await peer.dm(text, { user: n % 2 === 0 ? 0 : 1 });
        this.asked.push({ peer, chat, text });
      }
      await delay(1000 / rate);
    }
  }

  /** One platform after another has a bad moment. */
  async break(until: number): Promise<void> {
    for (let n = 0; Date.now() < until - 3000 && this.alive; n += 1) {
      await delay(1500 + Math.random() * 2000);
      const peer = this.all[Math.floor(Math.random() * this.all.length)];
      if (peer === undefined) continue;
      this.faults += 1;
      const dice = n % 4;
      if (dice === 0) peer.drop();
      else if (dice === 1) peer.failNextSend('rate-limited');
      else if (dice === 2) {
        this.#broken.add(peer.platform);
        await peer.goDown();
        await delay(500 + Math.random() * 1500);
        await peer.comeBack();
        this.#broken.delete(peer.platform);
      } else {
        peer.blackhole(true);
        await delay(500 + Math.random() * 1000);
        peer.blackhole(false);
      }
    }
  }

  answersTo({ peer, chat, text }: Asked): readonly string[] {
    return peer
      .sent(chat)
      .filter(
        (message) => !message.deleted && message.text.includes('You said') && message.text.includes(text),
      )
      .map((message) => message.text);
  }

  async end(): Promise<void> {
    this.#stopped = true;
    const child = this.#child;
    if (child?.exitCode === null) {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await Promise.race([gone, delay(10_000)]);
      child.kill('SIGKILL');
    }
    await Promise.all(this.all.map((peer) => peer.stop()));
    this.folder.remove();
  }
}

export async function soak({ minutes, rate, print }: SoakOptions): Promise<SoakResult> {
  const run = new Soak();
  try {
    await run.start();
    const until = Date.now() + minutes * 60_000;
    const told = setInterval(() => {
      const last = run.samples.at(-1);
      print(
        `${run.asked.length} messages, ${run.faults} faults, ${last?.rssMb.toFixed(0)} MB, ${last?.descriptors} descriptors`,
      );
    }, 60_000);
    await Promise.all([run.talk(until, rate), run.break(until)]);
    clearInterval(told);
    const samples = [...run.samples];
    let open = run.asked;
    for (const end = Date.now() + SETTLE_MS; open.length > 0 && Date.now() < end; await delay(500))
      open = open.filter((asked) => run.answersTo(asked).length === 0);
    await delay(1000); // a late double would come now
    for (const { peer, text } of open.slice(0, 20)) print(`NO ANSWER on ${peer.platform} to ${text}`);
    let [doubled, marked] = [0, 0];
    for (const asked of run.asked) {
      const [, ...more] = run.answersTo(asked);
      const plain = more.filter((text) => !isMarked(text)).length;
      marked += more.length - plain;
      doubled += plain;
      if (plain > 0) print(`TWICE on ${asked.peer.platform}: ${asked.text}`);
    }
    if (!run.alive) throw new Error('the gateway did not live to the end');
    return {
      ...figures(samples, minutes),
      messages: run.asked.length,
      faults: run.faults,
      missing: open.length,
      doubled,
      marked,
    };
  } finally {
    await run.end();
  }
}

/** Says that it may have arrived before. */
function isMarked(text: string): boolean {
  return /again|repeat|already/i.test(text);
}

function figures(
  samples: readonly SoakSample[],
  minutes: number,
): Pick<SoakResult, 'minutes' | 'rssMb' | 'slope' | 'descriptors' | 'delayMs'> {
  const later = samples.slice(Math.floor(samples.length / 5));
  const range = (values: readonly number[]) => ({
    first: Math.round(values[0] ?? 0),
    last: Math.round(values.at(-1) ?? 0),
    most: Math.round(Math.max(...values)),
  });
  const p99 = later.map(({ delayP99Ms }) => delayP99Ms).sort((a, b) => a - b);
  return {
    minutes,
    rssMb: range(later.map(({ rssMb }) => rssMb)),
    slope: slopeOf(
      later.map(({ rssMb }) => rssMb),
      1 / 3600,
    ),
    descriptors: range(later.map(({ descriptors }) => descriptors)),
    delayMs: {
      p99Median: Math.round((p99[p99.length >> 1] ?? 0) * 10) / 10,
      worst: Math.round(Math.max(...later.map(({ delayMaxMs }) => delayMaxMs))),
    },
  };
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '30' },
      rate: { type: 'string', default: '5' },
      write: { type: 'boolean', default: false },
    },
  });
  const result = await soak({
    minutes: Number(values.minutes),
    rate: Number(values.rate),
    print: (line) => process.stdout.write(`${line}\n`),
  });
  process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
  if (result.minutes < 20)
    process.stdout.write(
      'The slope of a run under 20 minutes shows how the process warms up, not whether it grows.\n',
    );
  if (values.write)
    writeFileSync(join(import.meta.dirname, '../../bench/soak.json'), `${JSON.stringify(result, null, 2)}\n`);
  process.exitCode = result.missing + result.doubled === 0 ? 0 : 1;
  process.exit();
}
