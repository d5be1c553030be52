import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { onTestFinished } from 'vitest';

type Start = (program: string, args: string[]) => ChildProcessByStdio<Writable, Readable, null>;

const plainly: Start = (program, args) => spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });

/** As in a container: process ids inside mean nothing outside. Needs root on Linux. */
export const inPidNamespace: Start = (program, args) =>
  plainly('unshare', ['--pid', '--fork', '--kill-child', '--mount-proc', program, ...args]);

/** A child process that talks in lines. */
export class LineChild {
  readonly process: ChildProcessByStdio<Writable, Readable, null>;
  readonly lines: string[] = [];
  #listeners: (() => void)[] = [];
  #ended = false;

  constructor(script: string, ...args: string[]);
  constructor(start: Start, script: string, ...args: string[]);
  constructor(first: string | Start, ...rest: string[]) {
    const start = typeof first === 'string' ? plainly : first;
    const [script = '', ...args] = typeof first === 'string' ? [first, ...rest] : rest;
    this.process = start(process.execPath, [join(import.meta.dirname, script), ...args]);
    createInterface({ input: this.process.stdout })
      .on('line', (line) => {
        this.lines.push(line);
        this.#tell();
      })
      .on('close', () => {
        this.#ended = true;
        this.#tell();
      });
    // A child that was killed no longer reads: that is the test's intention, not an error.
    this.process.stdin.on('error', () => {});
    onTestFinished(() => this.kill());
  }

  get pid(): number {
    return this.process.pid ?? -1;
  }

  say(line: string): void {
    this.process.stdin.write(`${line}\n`);
  }

  /** The line with that number, counted from 0. */
  async line(index: number): Promise<string> {
    while (this.lines.length <= index) {
      if (this.#ended) throw new Error(`the child ended after ${this.lines.length} lines`);
      await new Promise<void>((resolve) => this.#listeners.push(resolve));
    }
    return this.lines[index] ?? '';
  }

  /** `kill -9`, and everything it had said is in `lines` afterwards. */
  async kill(): Promise<void> {
    if (this.process.exitCode === null && this.process.signalCode === null) {
      this.process.kill('SIGKILL');
      await once(this.process, 'exit');
    }
    while (!this.#ended) await new Promise<void>((resolve) => this.#listeners.push(resolve));
  }

  #tell(): void {
    for (const listener of this.#listeners.splice(0)) listener();
  }
}
