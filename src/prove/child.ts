/** A gateway as a process of its own, as a user starts it. */
import { type ChildProcess, spawn } from 'node:child_process';

/** Elsewhere than on Windows a gateway and what it starts end together. */
const GROUPS = process.platform !== 'win32';
const KEPT_CHARACTERS = 20_000;

export class Child {
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
