/** The terminal for the time of one console: what is switched on here is switched off on every way out. */

import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Instance } from 'ink';
import type { LogLine } from '../../gateway/model.ts';
import type { LeaveReason } from '../actions/action.ts';
import { type MouseEvent, mouseEvents } from '../screen/scene.ts';
import { EMERGENCY, enterModes, leaveModes, ScreenStream } from './modes.ts';

type Note = (level: LogLine['level'], source: string, text: string) => void;

/** A line without an end is kept until it gets one; at most this much. UTF-16 units. */
const PARTIAL_LIMIT = 4_000;

type Write = NodeJS.WriteStream['write'];

function guardStream(stream: NodeJS.WriteStream, take: (line: string) => void): () => void {
  const original: Write = stream.write;
  let partial = '';
  const caught = (
    chunk: string | Uint8Array,
    encoding?: BufferEncoding | ((error?: Error | null) => void),
    done?: (error?: Error | null) => void,
  ): boolean => {
    const text = typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8');
    const lines = (partial + text).split(/\r?\n/u);
    partial = (lines.pop() ?? '').slice(-PARTIAL_LIMIT);
    for (const line of lines) if (line.trim() !== '') take(line);
    const finished = typeof encoding === 'function' ? encoding : done;
    if (finished !== undefined) setImmediate(finished);
    return true;
  };
  stream.write = caught;
  return () => {
    if (stream.write === caught) stream.write = original;
    if (partial.trim() !== '') take(partial);
    partial = '';
  };
}

interface GuardedStream {
  readonly stream: NodeJS.WriteStream;
  /** Named in the log pane: "stdout", "stderr". */
  readonly name: string;
  readonly level: LogLine['level'];
}

/**
 * Keeps everything but the console off the screen: what libraries print goes to the log pane instead. Ink's own guard
 * catches `console.*` only, and writes what it caught over the frame. Returns the function that gives the streams back.
 */
function guardOutput(streams: readonly GuardedStream[], note: Note): () => void {
  const releases = streams.map(({ stream, name, level }) =>
    guardStream(stream, (line) => note(level, name, line)),
  );
  return () => {
    for (const release of releases) release();
  };
}

interface Lifeline {
  /** Stops watching. Late errors of a lost terminal stay silent: they would end a process that is shutting down. */
  release(): void;
}

const LOST: ReadonlySet<string> = new Set(['EIO', 'EPIPE', 'ENXIO', 'EBADF', 'ECONNRESET']);

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/**
 * Notices that the console has to go: signals, and a terminal that was closed. `gone` may be called more than once; the
 * first call counts. `foreign` gets stream errors of another kind.
 */
function watchTerminal(
  stdin: NodeJS.ReadStream,
  stdout: NodeJS.WriteStream,
  gone: (reason: LeaveReason) => void,
  foreign: (error: unknown) => void,
): Lifeline {
  let lost = false;
  const losing = (): void => {
    lost = true;
    gone('terminal-lost');
  };
  const failed = (error: unknown): void => {
    if (LOST.has(codeOf(error))) losing();
    else foreign(error);
  };
  const onSignal = (): void => gone('signal');
  stdin.on('end', losing);
  stdin.on('close', losing);
  stdin.on('error', failed);
  stdout.on('error', failed);
  process.on('SIGHUP', losing);
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  return {
    release() {
      process.off('SIGTERM', onSignal);
      process.off('SIGINT', onSignal);
      stdin.off('end', losing);
      stdin.off('close', losing);
      // The hang-up may arrive after the failed write; without a handler it would end the shutdown half-way.
      if (lost) return;
      process.off('SIGHUP', losing);
      stdin.off('error', failed);
      stdout.off('error', failed);
    },
  };
}

/**
 * Shows text in the operator's pager: `$PAGER`, else `less`, else `more`. The terminal must have been given away;
 * resolves when the pager has ended. Rejects when no pager can be started.
 */
async function runPager(lines: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'pi-gateway-'));
  try {
    const file = join(folder, 'text');
    // Chats are private: no one else on this machine may read the file while the pager runs.
    await writeFile(file, `${lines.join('\n')}\n`, { mode: 0o600 });
    const wanted = (env['PAGER'] ?? '').split(/\s+/u).filter((word) => word !== '');
    for (const command of [wanted, ['less'], ['more']]) if (await shown(command, file, env)) return;
    throw new Error('no pager was found: set PAGER to the program that shows text');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Whether that program could be started. */
async function shown(command: readonly string[], file: string, env: NodeJS.ProcessEnv): Promise<boolean> {
  const [program, ...words] = command;
  if (program === undefined) return false;
  return new Promise((resolve) => {
    const child = spawn(program, [...words, file], { stdio: 'inherit', env });
    child.on('error', () => resolve(false));
    child.on('close', () => resolve(true));
  });
}

type Suspend = (callback: () => void | Promise<void>) => Promise<void>;

export interface TerminalOptions {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  /** No escape sequences. */
  readonly dumb: boolean;
  /** Append-only: nothing is restored because nothing is drawn. */
  readonly linear: boolean;
  /** Ask for reports of the mouse. */
  readonly mouse?: boolean;
}

/** How long a stop may take to arrive. A job that cannot be stopped (no one could wake it) goes on after this. */
const STOP_MS = 1_000;

export class Terminal {
  readonly stdin: NodeJS.ReadStream;
  readonly screen: ScreenStream;
  readonly #modes: boolean;
  readonly #mouse: boolean;
  readonly #lifeline: Lifeline;
  readonly #release: () => void;
  #note: Note = () => {};
  #focusChanged: (focused: boolean) => void = () => {};
  #pointed: (event: MouseEvent) => void = () => {};
  #suspend: Suspend | undefined;
  #suspended = false;
  #instance: Instance | undefined;
  #reason: LeaveReason | undefined;
  #failure: { readonly error: unknown } | undefined;
  #restored = false;

  constructor(options: TerminalOptions) {
    this.stdin = options.stdin;
    this.screen = new ScreenStream(options.stdout, options.dumb);
    this.#modes = !options.linear;
    this.#mouse = options.mouse === true;
    this.#lifeline = watchTerminal(
      options.stdin,
      options.stdout,
      (reason) => this.leave(reason),
      (error) => this.#fail(error),
    );
    const own = options.stdout === process.stdout;
    this.#release = own
      ? guardOutput(
          [
            { stream: process.stdout, name: 'stdout', level: 'info' },
            { stream: process.stderr, name: 'stderr', level: 'warn' },
          ],
          (...line) => this.#note(...line),
        )
      : () => {};
    process.prependListener('uncaughtExceptionMonitor', this.#onUncaught);
    process.on('exit', this.#onExit);
    process.on('SIGCONT', this.#onContinue);
    process.on('warning', this.#onWarning);
    if (this.#modes) this.screen.write(enterModes(this.#mouse));
  }

  onNote(note: Note): void {
    this.#note = note;
  }

  onFocus(changed: (focused: boolean) => void): void {
    this.#focusChanged = changed;
  }

  onMouse(pointed: (event: MouseEvent) => void): void {
    this.#pointed = pointed;
  }

  /** Ink reads keys from now on; `suspend` is its way of giving the terminal away. */
  ready(suspend: Suspend): void {
    this.#suspend = suspend;
    if (this.#restored) return;
    this.stdin.off('data', this.#onData);
    this.stdin.on('data', this.#onData);
  }

  /** Sends a sequence or a line next to the frames. */
  send(text: string): void {
    this.screen.write(text);
  }

  /** Leaves once; later calls change nothing. */
  leave(reason: LeaveReason): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    if (reason === 'terminal-lost') this.screen.lose();
    this.#instance?.unmount();
  }

  /** Waits until the app is gone and the terminal is restored. */
  async hold(instance: Instance): Promise<LeaveReason> {
    this.#instance = instance;
    // A signal may have come while the first frame was drawn.
    if (this.#reason !== undefined) instance.unmount();
    try {
      // Without this await an error during render is discarded together with the alternate screen.
      await instance.waitUntilExit();
    } finally {
      this.close();
    }
    if (this.#failure !== undefined) throw this.#failure.error;
    return this.#reason ?? 'quit';
  }

  /** A full redraw: giving the terminal away and taking it back forgets every assumption about its cells. */
  redraw(): void {
    if (this.#suspended) return;
    this.#suspend?.(() => {}).catch((error: unknown) => this.#note('warn', 'console', String(error)));
  }

  /** Gives the terminal to the operator's pager until it ends. */
  page(lines: readonly string[], env: NodeJS.ProcessEnv): void {
    this.#lend(() => runPager(lines, env));
  }

  /** Gives the terminal to a program of the operator until it ends. False when it cannot be given away now. */
  give(during: () => Promise<void>): boolean {
    return this.#lend(during);
  }

  /** Ctrl+Z: hands the terminal to the shell and sleeps until it wakes us. */
  suspend(): void {
    // There is no shell with jobs there.
    if (process.platform === 'win32') return;
    this.#lend(async () => {
      // The whole foreground job sleeps, as the terminal driver does it: npm or a wrapper around us, too.
      process.kill(0, 'SIGTSTP');
      await this.#woken();
    });
  }

  /** Runs `during` while the terminal is in the state in which we found it; then draws everything again. */
  #lend(during: () => Promise<void>): boolean {
    if (this.#suspended || this.#suspend === undefined) return false;
    this.#suspended = true;
    const lease = async (): Promise<void> => {
      if (this.#modes) this.screen.write(leaveModes(this.#mouse));
      // With Ink's listener gone ours alone would keep reading, and take the keys away from the one who has the terminal.
      this.stdin.off('data', this.#onData);
      // Ink stops listening but leaves a read in progress, which would swallow the next keys. The stream notices a turn
      // later that no one listens; and as it counts as paused already, it has to be resumed before it can be stopped.
      await new Promise(setImmediate);
      this.stdin.resume();
      this.stdin.pause();
      await during();
      if (this.#modes) this.screen.write(enterModes(this.#mouse));
    };
    this.#suspend(lease)
      .catch((error: unknown) => this.#note('warn', 'console', String(error)))
      .finally(() => {
        this.#suspended = false;
        if (!this.#restored) this.stdin.on('data', this.#onData);
      });
    return true;
  }

  /** Resolves when the shell has woken us. The timer also keeps the event loop alive: raw mode is off. */
  async #woken(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, STOP_MS);
    process.once('SIGCONT', resolve);
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      process.off('SIGCONT', resolve);
    }
  }

  /** Gives everything back; harmless when called twice. */
  close(): void {
    if (this.#restored) return;
    this.#restored = true;
    this.#release();
    this.stdin.off('data', this.#onData);
    if (this.#modes) this.screen.write(leaveModes(this.#mouse));
    this.#lifeline.release();
    this.screen.release();
    process.off('uncaughtExceptionMonitor', this.#onUncaught);
    process.off('exit', this.#onExit);
    process.off('SIGCONT', this.#onContinue);
    process.off('warning', this.#onWarning);
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#instance?.unmount();
  }

  /**
   * Focus reports (mode 1004) and the mouse (1006). Ink swallows them, so the raw input is watched next to it: a listener for `data` sees
   * what Ink reads and takes nothing away.
   */
  readonly #onData = (chunk: unknown): void => {
    const text = String(chunk);
    const at = Math.max(text.lastIndexOf('\u001b[I'), text.lastIndexOf('\u001b[O'));
    if (at >= 0) this.#focusChanged(text.startsWith('\u001b[I', at));
    // Reports that no one asked for mean nothing.
    if (this.#mouse) for (const event of mouseEvents(text)) this.#pointed(event);
  };

  /** Node prints the stack after this: by then the main screen must be back, or no one sees it. */
  readonly #onUncaught = (): void => {
    this.#instance?.unmount();
    if (this.#modes) this.screen.write(EMERGENCY);
    this.close();
  };

  readonly #onExit = (): void => {
    if (this.#modes && !this.#restored) this.screen.write(EMERGENCY);
    this.close();
  };

  /** Stopped from outside and woken: the shell has changed the terminal's modes in the meantime. */
  readonly #onContinue = (): void => {
    if (!this.#suspended) this.redraw();
  };

  /** Node writes warnings straight to the terminal, past every guard. */
  readonly #onWarning = (warning: Error): void => {
    this.#note('warn', 'node', `${warning.name}: ${warning.message}`);
    this.redraw();
  };
}

export function openTerminal(options: TerminalOptions): Terminal {
  return new Terminal(options);
}
