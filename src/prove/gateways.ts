/** The gateways of a proof: one, or two that share a store, in data directories of their own. */

import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Sent } from './talker.ts';

// A gateway as a process of its own, as a user starts it.

/** Elsewhere than on Windows a gateway and what it starts end together. */
const GROUPS = process.platform !== 'win32';
const KEPT_CHARACTERS = 20_000;

class Child {
  readonly #process: ChildProcess;
  /** Its exit code; null when a signal ended it. */
  readonly exited: Promise<number | null>;
  /** When it first logged what, by its own clock. */
  readonly #logged = new Map<string, number>();
  #text = '';
  #rest = '';

  /** `command`: interpreter and program. */
  constructor(command: readonly string[], args: readonly string[], env: NodeJS.ProcessEnv) {
    const [interpreter = process.execPath, ...program] = command;
    const stdio: ['ignore', 'pipe', 'pipe'] = ['ignore', 'pipe', 'pipe'];
    this.#process = spawn(interpreter, [...program, ...args], { env, stdio, detached: GROUPS });
    this.#process.stdout?.setEncoding('utf8').on('data', (text: string) => this.#read(text));
    this.#process.stderr?.setEncoding('utf8').on('data', (text: string) => this.#keep(text));
    this.exited = new Promise((resolve) => this.#process.once('exit', (code) => resolve(code)));
    this.#process.once('error', (error) => this.#keep(error.message));
  }

  get running(): boolean {
    const { pid, exitCode, signalCode } = this.#process;
    return pid !== undefined && exitCode === null && signalCode === null;
  }

  /** The end of what it has written. */
  get text(): string {
    return this.#text;
  }

  /** When it first logged this message. */
  loggedAt(message: string): number | undefined {
    return this.#logged.get(message);
  }

  /** To the process and all that it has started. */
  signal(name: NodeJS.Signals): void {
    const { pid } = this.#process;
    if (pid === undefined || !this.running) return;
    if (GROUPS) process.kill(-pid, name);
    else this.#process.kill(name);
  }

  async stop(): Promise<void> {
    if (!this.running) return;
    this.signal('SIGCONT');
    this.#process.kill('SIGTERM');
    await this.exited;
  }

  #keep(text: string): void {
    this.#text = `${this.#text}${text}`.slice(-KEPT_CHARACTERS);
  }

  #read(text: string): void {
    this.#keep(text);
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      const [, time, message] = /^\{"level":\d+,"time":(\d+),.*"msg":"([^"]*)"\}$/u.exec(line) ?? [];
      if (message !== undefined && !this.#logged.has(message)) this.#logged.set(message, Number(time));
    }
  }
}

/**
 * Listens on a port that stays free also while no one listens on it: systems hand out those from 32768 on to anyone who
 * asks for any, and a server that went down would find its port taken.
 */
export async function listenApart(server: Server): Promise<number> {
  for (;;) {
    const port = randomInt(10_240, 32_768);
    const listens = await new Promise<boolean>((resolve, reject) => {
      const failed = (error: NodeJS.ErrnoException): void =>
        error.code === 'EADDRINUSE' ? resolve(false) : reject(error);
      server.once('error', failed);
      server.listen(port, '127.0.0.1', () => {
        server.off('error', failed);
        resolve(true);
      });
    });
    if (listens) return port;
  }
}

/** A port that was free a moment ago, and that no system gives to anyone on its own. */
export async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listenApart(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A busy machine starts slowly, and that is no finding. */
const SETTLED_MS = 120_000;
/** `EX_TEMPFAIL`: another gateway leads. */
const LED_ELSEWHERE = 75;
const LEADING = 'leading the store';

export interface Launch {
  /** Interpreter and program of the gateway. */
  readonly command: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

export class Gateway {
  readonly port: number;
  readonly #directory: string;
  readonly #launch: Launch;
  readonly #shares: boolean;
  readonly #runs: Child[] = [];
  #killed = false;

  private constructor(directory: string, port: number, launch: Launch, shares: boolean) {
    this.#directory = directory;
    this.port = port;
    this.#launch = launch;
    this.#shares = shares;
  }

  /** `store`: it shares its store with another one, whose address is in the environment. */
  static async create(directory: string, config: object, launch: Launch, shares: boolean): Promise<Gateway> {
    mkdirSync(join(directory, 'gateway'), { recursive: true, mode: 0o700 });
    writeFileSync(join(directory, 'gateway', 'config.json'), JSON.stringify(config), { mode: 0o600 });
    return new Gateway(directory, await freePort(), launch, shares);
  }

  get running(): boolean {
    return this.#child?.running === true;
  }

  /** When it began to lead, each time. */
  get ledFrom(): readonly number[] {
    return this.#runs.flatMap((run) => run.loggedAt(LEADING) ?? []);
  }

  /** When it was last ready to take messages; undefined while another one leads. */
  get readyAt(): number | undefined {
    return this.running ? this.#child?.loggedAt('ready') : undefined;
  }

  get waits(): boolean {
    const child = this.#child;
    return this.running && child?.loggedAt('standby') !== undefined && child.loggedAt(LEADING) === undefined;
  }

  get text(): string {
    return this.#child?.text ?? '';
  }

  get #child(): Child | undefined {
    return this.#runs.at(-1);
  }

  start(): void {
    const { command, env } = this.#launch;
    const args = [
      ...['--no-tui', '--agent', 'scripted'],
      ...['--data-dir', this.#directory, '--port', String(this.port)],
    ];
    this.#killed = false;
    this.#runs.push(new Child(command, args, env));
  }

  signal(name: NodeJS.Signals): void {
    this.#killed ||= name === 'SIGKILL';
    this.#child?.signal(name);
  }

  /** Why its last run should not have ended as it did; undefined when it may, and while it runs. */
  async complaint(): Promise<string | undefined> {
    const child = this.#child;
    if (child === undefined || child.running || this.#killed) return undefined;
    const code = await child.exited;
    return this.#shares && code === LED_ELSEWHERE
      ? undefined
      : `a gateway ended with ${code}: ${child.text.slice(-500)}`;
  }

  async isReady(): Promise<boolean> {
    if (this.readyAt === undefined) return false;
    const signal = AbortSignal.timeout(2_000);
    const answer = await fetch(`http://127.0.0.1:${this.port}/readyz`, { signal }).catch(() => undefined);
    await answer?.arrayBuffer().catch(() => undefined);
    return answer?.status === 200;
  }

  async stop(): Promise<void> {
    await this.#child?.stop();
  }
}

/** Which one leads, with the others waiting. Starts again what has ended. @throws Error when it takes too long */
export async function settled(gateways: readonly Gateway[], complaints: string[]): Promise<Gateway> {
  for (const until = Date.now() + SETTLED_MS; Date.now() < until; await pause(20)) {
    for (const gateway of gateways) {
      if (gateway.running) continue;
      const complaint = await gateway.complaint();
      if (complaint !== undefined) complaints.push(complaint);
      gateway.start();
    }
    const leader = gateways.find((each) => each.readyAt !== undefined && !each.waits);
    if (leader === undefined || !gateways.every((each) => each === leader || each.waits)) continue;
    if (await leader.isReady()) return leader;
  }
  const texts = gateways.map(({ text }) => text.slice(-2000)).join('\n---\n');
  throw new Error(
    `the gateways did not become ready within ${SETTLED_MS / 1000} s. What they wrote last:\n${texts}`,
  );
}

/** What went out through `own` after the other one had begun to lead, and before `own` led again. */
export function outOfTurn(
  own: Pick<Gateway, 'ledFrom'>,
  other: Pick<Gateway, 'ledFrom'>,
  sent: readonly Sent[],
): string[] {
  const last = (times: readonly number[], at: number): number =>
    times.filter((from) => from <= at).at(-1) ?? 0;
  return sent.flatMap(({ at, what }) => {
    const otherLed = last(other.ledFrom, at);
    return otherLed > last(own.ledFrom, at) ? [`sent ${at - otherLed} ms after its time: ${what}`] : [];
  });
}
