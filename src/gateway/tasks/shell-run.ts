import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { agentEnvironment } from '../agent/pi/environment.ts';
import { killTree, signalGroup } from '../agent/pi/process-tree.ts';
import { messageOf } from '../errors.ts';

export const SHELL_LIMITS = {
  /** Of the output: the end is kept. */
  keptChars: 64 * 1024,
  lineChars: 4000,
  /** From being asked to end to being killed. */
  graceMs: 5000,
} as const;

export interface ShellRunOptions {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** Finds everything that the program started, also after its own end. */
  readonly mark: string;
  readonly signal: AbortSignal;
  readonly onStart: (pid: number) => void;
  readonly onLine: (line: string) => void;
}

export type ShellEnd =
  | { readonly kind: 'exited'; readonly code: number; readonly output: string }
  | { readonly kind: 'killed'; readonly signal: string; readonly output: string }
  | { readonly kind: 'not_started'; readonly reason: string };

/**
 * Runs a program without a shell, in a process group of its own. Resolves when it and everything that it started has
 * ended; never rejects. When `signal` aborts, the group is asked to end and killed after five seconds.
 */
export function runProgram(options: ShellRunOptions): Promise<ShellEnd> {
  const { argv, cwd, env, mark, signal, onStart } = options;
  const [file = '', ...args] = argv;
  return new Promise((resolve) => {
    let child: ChildProcessByStdio<null, Readable, Readable>;
    try {
      child = spawn(file, args, {
        cwd,
        env: agentEnvironment(env, mark),
        detached: process.platform !== 'win32',
        shell: false,
        stdio: ['ignore', 'pipe', 'pipe'],
        windowsHide: true,
      });
    } catch (error) {
      resolve({ kind: 'not_started', reason: messageOf(error) });
      return;
    }
    const output = new Output(options.onLine);
    let killTimer: NodeJS.Timeout | undefined;
    let drainTimer: NodeJS.Timeout | undefined;
    const { pid } = child;
    const end = (): void => {
      if (pid === undefined) return;
      signalGroup(pid, 'SIGTERM');
      killTimer ??= setTimeout(() => killTree(pid, mark), SHELL_LIMITS.graceMs);
    };
    const settle = (result: ShellEnd): void => {
      clearTimeout(killTimer);
      clearTimeout(drainTimer);
      signal.removeEventListener('abort', end);
      resolve(result);
    };
    child.once('error', (error) => settle({ kind: 'not_started', reason: messageOf(error) }));
    child.once('exit', () => {
      // What it left running in the background ends with it.
      if (pid !== undefined) killTree(pid, mark);
      // Something that escaped even that must not hold the task open through the pipes.
      drainTimer = setTimeout(() => {
        child.stdout.destroy();
        child.stderr.destroy();
      }, SHELL_LIMITS.graceMs);
    });
    child.once('close', (code, killedBy) => {
      output.close();
      settle(
        code === null
          ? { kind: 'killed', signal: killedBy ?? 'SIGKILL', output: output.text }
          : { kind: 'exited', code, output: output.text },
      );
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8');
      stream.on('data', (chunk: string) => output.take(chunk));
    }
    if (pid !== undefined) onStart(pid);
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
}

/** What a program writes: whole lines as they come, and the end of everything. */
class Output {
  text = '';
  #line = '';
  readonly #onLine: (line: string) => void;

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  take(chunk: string): void {
    this.text += chunk;
    if (this.text.length > 2 * SHELL_LIMITS.keptChars) this.#cut();
    const lines = (this.#line + chunk).split('\n');
    this.#line = (lines.pop() ?? '').slice(-SHELL_LIMITS.lineChars);
    for (const line of lines) this.#tell(line);
  }

  close(): void {
    if (this.#line !== '') this.#tell(this.#line);
    if (this.text.length > SHELL_LIMITS.keptChars) this.#cut();
    this.text = this.text.trimEnd();
  }

  #tell(line: string): void {
    const text = line.trim();
    if (text !== '') this.#onLine(text.slice(0, SHELL_LIMITS.lineChars));
  }

  #cut(): void {
    this.text = `…${this.text.slice(-SHELL_LIMITS.keptChars)}`.toWellFormed();
  }
}
