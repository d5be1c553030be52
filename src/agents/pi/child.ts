import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { agentEnvironment } from '../../base/environment.ts';
import { isStopped, killMarked, killTree, signalGroup } from '../../base/process-tree.ts';
import type { LinkEnd } from './backend.ts';
import { LineSplitter, Tail } from './child-output.ts';

export interface ChildOptions {
  readonly argv: readonly [string, ...string[]];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** Between the request to leave by SIGTERM and the kill, in milliseconds. */
  readonly graceMs: number;
  /** One line of its standard output. */
  readonly onLine: (line: string) => void;
}

/** After closing its input a well-behaved child leaves within this time. */
const LEAVE_MS = 2000;
/** Errors that mean that there is no such program. */
const ABSENT = ['ENOENT', 'EACCES', 'ENOTDIR'];
/** What a tool left running may hold the output open; the exit counts. */
const FLUSH_MS = 250;

/** A child process that speaks lines on its standard streams, in a process group of its own. */
export class LineChild {
  readonly ended: Promise<LinkEnd>;
  readonly #graceMs: number;
  /** In the environment of everything that it starts. */
  readonly mark = randomUUID();
  readonly #stderr = new Tail();
  readonly #process: ChildProcess;
  #cause: LinkEnd['cause'] = 'exited';
  #detail: string | undefined;
  #heard = 0;
  #unanswered = 0;
  #over = false;
  /** We asked it to leave, so what it leaves running on purpose may stay. */
  #orderly = false;

  constructor(options: ChildOptions) {
    const [program, ...args] = options.argv;
    this.#graceMs = options.graceMs;
    this.#process = spawn(program, args, {
      cwd: options.cwd,
      env: agentEnvironment(options.env, this.mark),
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: process.platform !== 'win32',
      windowsHide: true,
    });
    const splitter = new LineSplitter(options.onLine, () => {
      this.#cause = 'oversize';
      this.kill();
    });
    this.#process.stdout?.on('data', (chunk: Buffer) => {
      this.#heard++;
      this.#unanswered = 0;
      splitter.push(chunk);
    });
    this.#process.stderr?.on('data', (chunk: Buffer) => this.#stderr.add(chunk.toString('utf8')));
    // A child that is going away closes its end first; its exit tells the story.
    this.#process.stdin?.on('error', () => {});
    this.ended = this.#awaitEnd(program);
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** Grows with whatever it writes. */
  get heard(): number {
    return this.#heard;
  }

  /** Bytes (about) that it got since it wrote something. */
  get unanswered(): number {
    return this.#unanswered;
  }

  /** It was halted from outside, and does nothing until someone lets it continue. */
  get halted(): boolean {
    return !this.#over && this.pid !== undefined && isStopped(this.pid);
  }

  write(line: string): void {
    if (this.#over) return;
    this.#unanswered += line.length;
    this.#process.stdin?.write(line);
  }

  /** Closes its input, then climbs the ladder; resolves when it is gone. */
  async close(): Promise<void> {
    this.#orderly = true;
    this.#process.stdin?.end();
    const timers = [
      setTimeout(() => this.terminate(), LEAVE_MS),
      setTimeout(() => this.kill(), LEAVE_MS + this.#graceMs),
    ];
    await this.ended;
    for (const timer of timers) clearTimeout(timer);
  }

  terminate(): void {
    this.#orderly = false;
    if (!this.#over && this.pid !== undefined) signalGroup(this.pid, 'SIGTERM');
  }

  /** Nothing survives. `why`: what is to be told instead of how it ended. */
  kill(why?: Pick<LinkEnd, 'cause' | 'detail'>): void {
    if (this.#over || this.pid === undefined) return;
    if (why !== undefined) {
      this.#cause = why.cause;
      this.#detail = why.detail;
    }
    killTree(this.pid, this.mark);
  }

  #awaitEnd(program: string): Promise<LinkEnd> {
    return new Promise((resolve) => {
      const settle = (cause: LinkEnd['cause'], detail: string): void => {
        if (this.#over) return;
        this.#over = true;
        if (!this.#orderly) killMarked(this.mark);
        this.#process.stdout?.destroy();
        resolve({ cause, detail, stderr: this.#stderr.toString() });
      };
      this.#process.on('error', (error: NodeJS.ErrnoException) => {
        if (this.pid !== undefined) return; // a signal that could not be sent
        const detail = `"${program}" cannot be started (${error.code ?? error.message}).`;
        settle(ABSENT.includes(error.code ?? '') ? 'missing' : 'exited', detail);
      });
      const exit = (code: number | null, signal: NodeJS.Signals | null): void =>
        settle(this.#cause, this.#detail ?? (code === null ? `signal ${signal}` : `exit code ${code}`));
      this.#process.on('close', exit);
      this.#process.on('exit', (code, signal) => void setTimeout(() => exit(code, signal), FLUSH_MS));
    });
  }
}
