/** The terminal for the time of one console: what is switched on here is switched off on every way out. */
import type { Instance } from 'ink';
import type { LeaveReason } from '../actions/action.ts';
import { type MouseEvent, mouseEvents } from '../keys/mouse.ts';
import { type Lifeline, watchTerminal } from './lifeline.ts';
import { EMERGENCY, enterModes, leaveModes } from './modes.ts';
import { guardOutput, type Note } from './output-guard.ts';
import { runPager } from './pager.ts';
import { ScreenStream } from './screen-stream.ts';

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

/** How long a stop may take to arrive. A job that cannot be stopped (nobody could wake it) goes on after this. */
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

  /** Sends a sequence or a line beside the frames. */
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
    this.#lend(async () => {
      // The whole foreground job sleeps, as the terminal driver does it: npm or a wrapper around us, too.
      process.kill(0, 'SIGTSTP');
      await this.#woken();
    });
  }

  /** Runs `during` while the terminal is in the state in which we found it; then draws everything anew. */
  #lend(during: () => Promise<void>): boolean {
    if (this.#suspended || this.#suspend === undefined) return false;
    this.#suspended = true;
    const lent = async (): Promise<void> => {
      if (this.#modes) this.screen.write(leaveModes(this.#mouse));
      // With Ink's listener gone ours alone would keep reading, and take the keys away from whoever has the terminal.
      this.stdin.off('data', this.#onData);
      // Ink stops listening but leaves a read under way, which would swallow the next keys. The stream notices a turn
      // later that nobody listens; and as it counts as paused already, it has to be resumed before it can be stopped.
      await new Promise(setImmediate);
      this.stdin.resume();
      this.stdin.pause();
      await during();
      if (this.#modes) this.screen.write(enterModes(this.#mouse));
    };
    this.#suspend(lent)
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
   * Focus reports (mode 1004) and the mouse (1006). Ink swallows them, so the raw input is watched beside it: a listener for `data` sees
   * what Ink reads and takes nothing away.
   */
  readonly #onData = (chunk: unknown): void => {
    const text = String(chunk);
    const at = Math.max(text.lastIndexOf('\u001b[I'), text.lastIndexOf('\u001b[O'));
    if (at >= 0) this.#focusChanged(text.startsWith('\u001b[I', at));
    // Reports that nobody asked for mean nothing.
    if (this.#mouse) for (const event of mouseEvents(text)) this.#pointed(event);
  };

  /** Node prints the stack after this: by then the main screen must be back, or nobody sees it. */
  readonly #onUncaught = (): void => {
    this.#instance?.unmount();
    if (this.#modes) this.screen.write(EMERGENCY);
    this.close();
  };

  readonly #onExit = (): void => {
    if (this.#modes && !this.#restored) this.screen.write(EMERGENCY);
    this.close();
  };

  /** Stopped from outside and woken: the shell has changed the terminal's modes meanwhile. */
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
