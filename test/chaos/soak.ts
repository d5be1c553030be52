/**
 * Five platforms on local servers, people who write all the time, and servers that drop connections, go down, go silent
 * and reject, for as long as wanted. A ledger outside the gateway's process must balance: every message is answered, and
 * none twice without a mark. The gateway's memory, descriptors and event-loop delay are measured from inside; the slope
 * of its memory is given with a confidence interval.
 *
 * Run it: npm run soak -- --minutes 30 [--rate 5] [--platforms twitch,slack] [--trouble 4] [--heap DIRECTORY] [--write]
 */
import { type ChildProcess, fork } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Platform } from '../../src/gateway/model.ts';
import type { ContractPeer, UserMessage } from '../adapters/contract/peer.ts';
import { DiscordPeer } from '../adapters/discord/peer.ts';
import { SlackPeer } from '../adapters/slack/peer.ts';
import { TelegramPeer } from '../adapters/telegram/peer.ts';
import { TwitchPeer } from '../adapters/twitch/peer.ts';
import { WhatsAppPeer } from '../adapters/whatsapp/contract-peer.ts';
import { linkSession } from '../platforms/whatsapp/linked-session.ts';
import { temporaryFolder, writeConfig } from '../support/gateway-process.ts';
import { delay } from './resume-kit.ts';
import type { Soaked, SoakJob, SoakSample } from './soak-worker.ts';

export interface SoakOptions {
  readonly minutes: number;
  /** Messages a second, over all platforms. */
  readonly rate: number;
  readonly platforms: readonly Soaked[];
  /** How often something breaks: 1 is every two to three seconds and 4 is four times that. */
  readonly trouble: number;
  /** Where heap snapshots go: one after a fifth of the time, one at the end. */
  readonly heap?: string | undefined;
  readonly print: (line: string) => void;
}

export interface SoakResult {
  readonly minutes: number;
  readonly messages: number;
  readonly faults: number;
  /** Written while nobody was connected, on a platform that keeps nothing for later (Twitch): nobody can answer those. */
  readonly undeliverable: number;
  /** Messages without an answer, and answers that came twice without a mark. */
  readonly missing: number;
  readonly doubled: number;
  /** Sent again with the mark that they may have arrived already. */
  readonly marked: number;
  readonly rssMb: { readonly first: number; readonly last: number; readonly most: number };
  /** What is held after a full collection: after a fifth of the time, and at the end. */
  readonly heldMb: { readonly first: number; readonly last: number };
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
  readonly said: UserMessage;
  readonly text: string;
  readonly at: number;
}

/** Something that happened beside the messages. */
interface Moment {
  readonly at: number;
  readonly what: string;
}

const PLATFORMS = ['telegram', 'discord', 'slack', 'twitch', 'whatsapp'] as const satisfies readonly Soaked[];
/** How much of what happened around a missing message is printed. */
const AROUND_MS = 3000;

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
  readonly moments: Moment[] = [];
  /** What the adapters handed to the gateway, and when the gateway had it on disk. */
  readonly received: Moment[] = [];
  readonly stored: Moment[] = [];
  readonly platforms: readonly Soaked[];
  readonly all: readonly ContractPeer[];
  faults = 0;
  #child: ChildProcess | undefined;
  #stopped = false;
  readonly #broken = new Set<Platform>();
  #answered: (message: Readonly<Record<string, unknown>>) => void = () => {};

  constructor(platforms: readonly Soaked[]) {
    this.platforms = platforms;
    this.all = platforms.map((platform) => this.peers[platform]);
  }

  async start(): Promise<void> {
    await Promise.all(Object.values(this.peers).map((peer) => peer.start()));
    const { telegram, discord, slack, twitch, whatsapp } = this.peers;
    const { path } = this.folder;
    writeConfig(path, {
      port: 0,
      // What is beyond it is refused with a sentence, as documented: not a loss, but nothing to count either.
      agent: { maxWaiting: 1000 },
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
      platforms: this.platforms,
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
      execArgv: ['--expose-gc'],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.#child = child;
    const ready = Promise.withResolvers<void>();
    child.on('message', (message: unknown) => {
      const { type, sample, platform, text, source, message: line } = Object(message);
      const at = Date.now();
      if (type === 'sample') this.samples.push(sample);
      else if (type === 'ready') ready.resolve();
      else if (type === 'received') this.received.push({ at, what: `${platform} ${text}` });
      else if (type === 'stored') this.stored.push({ at, what: `${platform} ${text}` });
      else if (type === 'log') this.moments.push({ at, what: `log ${source}: ${line}` });
      else this.#answered(Object(message));
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

  /** Asks the gateway's process. */
  ask(question: object): Promise<Readonly<Record<string, unknown>>> {
    return new Promise((resolve) => {
      this.#answered = resolve;
      this.#child?.send(question);
    });
  }

  /** Each platform's people write in turn. */
  async talk(until: number, rate: number): Promise<void> {
    for (let n = 0; Date.now() < until && this.alive; n += 1) {
      const peer = this.all[n % this.all.length];
      // What is written while a server is down has nowhere to go.
      if (peer !== undefined && !this.#broken.has(peer.platform)) {
        const text = `soak${n}x${Math.random().toString(36).slice(2, 8)}`;
        const at = Date.now();
        const said = await peer.dm(text, { user: Math.floor(n / this.all.length) % 2 === 0 ? 0 : 1 });
        this.asked.push({ peer, said, text, at });
      }
      await delay(1000 / rate);
    }
  }

  /** One platform after another has a bad moment. */
  async break(until: number, trouble: number): Promise<void> {
    for (let n = 0; Date.now() < until - 3000 && this.alive; n += 1) {
      await delay((1500 + Math.random() * 2000) / trouble);
      const peer = this.all[Math.floor(Math.random() * this.all.length)];
      if (peer === undefined) continue;
      this.faults += 1;
      const dice = n % 4;
      const happens = (what: string): void =>
        void this.moments.push({ at: Date.now(), what: `${peer.platform} ${what}` });
      happens(['is cut', 'rejects the next send', 'goes down', 'goes silent'][dice] ?? '');
      if (dice === 0) peer.drop();
      else if (dice === 1) peer.failNextSend('rate-limited');
      else if (dice === 2) {
        this.#broken.add(peer.platform);
        await peer.goDown();
        await delay(500 + Math.random() * 1500);
        await peer.comeBack();
        this.#broken.delete(peer.platform);
        happens('is back');
      } else {
        peer.blackhole(true);
        await delay(500 + Math.random() * 1000);
        peer.blackhole(false);
        happens('speaks again');
      }
    }
  }

  /** Every answer to a message, and whether it, or the message in front of it, says that it may be a repeat. */
  answersTo({ peer, said, text }: Asked): readonly { readonly marked: boolean }[] {
    const chat = peer.sent(said.chat).filter((message) => !message.deleted);
    return chat.flatMap((message, n) =>
      message.text.includes('You said') && message.text.includes(text)
        ? [{ marked: isMarked(message.text) || isMarked(chat[n - 1]?.text ?? '') }]
        : [],
    );
  }

  /** What the chat says from the first answer to the last one. */
  repetition({ peer, said, text }: Asked): string {
    const chat = peer.sent(said.chat).filter((message) => !message.deleted);
    const has = (message: { readonly text: string }): boolean => message.text.includes(text);
    const part = chat.slice(Math.max(0, chat.findIndex(has) - 1), chat.findLastIndex(has) + 1);
    return `TWICE on ${peer.platform}: ${text}; the chat: ${part.map((message) => message.text).join(' | ')}`;
  }

  /** Nobody was connected, and the platform keeps nothing. What an adapter received all the same is the gateway's. */
  undeliverable({ said, text }: Asked): boolean {
    return said.reached?.() === false && !this.received.some(({ what }) => what.includes(text));
  }

  /** Everything that is known about a message without an answer. */
  async explain({ peer, said, text, at }: Asked): Promise<string> {
    const when = (moment: Moment): string => `${moment.at - at} ms: ${moment.what}`;
    const found = (list: readonly Moment[]): string =>
      list
        .filter(({ what }) => what.includes(text))
        .map(when)
        .join('; ') || 'never';
    const { rows } = await this.ask({ type: 'rows', text });
    return [
      `NO ANSWER on ${peer.platform} to ${text} in chat ${said.chat.chatId}, written at ${new Date(at).toISOString()}`,
      `  the server ${said.reached === undefined ? 'keeps it' : said.reached() ? 'got it to a connection' : 'had no connection for it'}`,
      `  handed to the gateway: ${found(this.received)}`,
      `  stored: ${found(this.stored)}`,
      ...(rows as readonly unknown[]).map((row) => `  row ${JSON.stringify(row)}`),
      ...this.moments
        .filter((moment) => Math.abs(moment.at - at) < AROUND_MS)
        .map((moment) => `  ${when(moment)}`),
      ...peer
        .sent(said.chat)
        .slice(-3)
        .map((message) => `  the chat ends with: ${message.text}`),
    ].join('\n');
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
    await Promise.all(Object.values(this.peers).map((peer) => peer.stop()));
    this.folder.remove();
  }
}

export async function soak({
  minutes,
  rate,
  platforms,
  trouble,
  heap,
  print,
}: SoakOptions): Promise<SoakResult> {
  const run = new Soak(platforms);
  const held = async (name: string): Promise<number> => {
    const path = heap === undefined ? undefined : join(heap, `${name}.heapsnapshot`);
    return Math.round(Number((await run.ask({ type: 'held', path }))['mb']) * 10) / 10;
  };
  try {
    await run.start();
    const begin = Date.now();
    const until = begin + minutes * 60_000;
    const told = setInterval(() => {
      const { rssMb = 0, heapMb = 0, externalMb = 0, descriptors } = run.samples.at(-1) ?? {};
      print(
        `${run.asked.length} messages, ${run.faults} faults, ${rssMb.toFixed(0)} MB (heap ${heapMb.toFixed(0)}, external ${externalMb.toFixed(0)}), ${descriptors} descriptors`,
      );
    }, 60_000);
    const first = delay((until - begin) / 5).then(() => held('first'));
    await Promise.all([run.talk(until, rate), run.break(until, trouble), first]);
    clearInterval(told);
    const samples = [...run.samples];
    let open: readonly Asked[] = run.asked;
    for (const end = Date.now() + SETTLE_MS; open.length > 0 && Date.now() < end; await delay(500))
      open = open.filter((asked) => run.answersTo(asked).length === 0 && !run.undeliverable(asked));
    await delay(1000); // a late double would come now
    const heldMb = { first: await first, last: await held('last') };
    for (const asked of open.slice(0, 20)) print(await run.explain(asked));
    let [doubled, marked] = [0, 0];
    for (const asked of run.asked) {
      const [, ...more] = run.answersTo(asked);
      const plain = more.filter((answer) => !answer.marked).length;
      marked += more.length - plain;
      doubled += plain;
      if (plain > 0) print(run.repetition(asked));
    }
    if (!run.alive) throw new Error('the gateway did not live to the end');
    return {
      ...figures(samples, minutes),
      messages: run.asked.length,
      faults: run.faults,
      undeliverable: run.asked.filter((asked) => run.undeliverable(asked)).length,
      heldMb,
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
      platforms: { type: 'string', default: PLATFORMS.join() },
      trouble: { type: 'string', default: '1' },
      heap: { type: 'string' },
      write: { type: 'boolean', default: false },
    },
  });
  const result = await soak({
    minutes: Number(values.minutes),
    rate: Number(values.rate),
    platforms: PLATFORMS.filter((each) => values.platforms.split(',').includes(each)),
    trouble: Number(values.trouble),
    heap: values.heap,
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
