/** Opens the real console on a terminal emulator in this process. */
import type { Socket } from 'node:net';
import { vi } from 'vitest';
import { type ConsoleOptions, type ConsoleResult, runConsole } from '../../src/cli/console.tsx';
import { createFakeOperator, type FakeOperator, type FakeOperatorOptions } from './fake-operator.ts';
import { alive, busySnapshot } from './fixtures.ts';
import { FakeStdin, FakeStdout, VirtualTerminal } from './virtual-terminal.ts';

export interface OpenConsole {
  readonly operator: FakeOperator;
  readonly terminal: VirtualTerminal;
  readonly stdin: FakeStdin;
  readonly stdout: FakeStdout;
  readonly done: Promise<ConsoleResult>;
  /** Types, then waits until the screen shows `expected`. */
  type(text: string, expected?: string | RegExp): Promise<void>;
  shows(expected: string | RegExp): Promise<void>;
  /** Leaves with Ctrl+C twice. */
  quit(): Promise<ConsoleResult>;
}

export interface OpenOptions extends Partial<FakeOperatorOptions> {
  readonly columns?: number;
  readonly rows?: number;
  readonly console?: ConsoleOptions;
}

function tty<T extends Socket>(socket: Socket): T {
  return socket as T;
}

/** Waits until the screen shows it. */
export async function showsOn(terminal: VirtualTerminal, expected: string | RegExp): Promise<void> {
  await vi.waitFor(
    async () => {
      await terminal.drawn();
      const text = terminal.text();
      const found = typeof expected === 'string' ? text.includes(expected) : expected.test(text);
      if (!found) throw new Error(`${String(expected)} is not on the screen:\n${text}`);
    },
    { timeout: 15_000, interval: 10 },
  );
}

/** The vitest process is no terminal of ours: the environment is what the test says. */
const ENVIRONMENT = { TERM: 'xterm-256color' };

export async function openConsole(options: OpenOptions = {}): Promise<OpenConsole> {
  const { columns = 120, rows = 40 } = options;
  const terminal = new VirtualTerminal(columns, rows);
  const stdin = new FakeStdin();
  const stdout = new FakeStdout(terminal);
  const operator = createFakeOperator({ snapshot: alive(busySnapshot()), ...options });
  const done = runConsole(operator, {
    env: ENVIRONMENT,
    ...options.console,
    stdin: tty<NodeJS.ReadStream>(stdin),
    stdout: tty<NodeJS.WriteStream>(stdout),
  });
  // A test that fails before it awaits the end must not fail a second time for it.
  done.catch(() => {});
  const shows = (expected: string | RegExp): Promise<void> => showsOn(terminal, expected);
  // Keys before the first frame has its effects would be lost: Ink listens from then on.
  await vi.waitFor(
    () => {
      if (stdin.listenerCount('readable') === 0) throw new Error('nobody reads keys yet');
    },
    { timeout: 15_000 },
  );
  return {
    operator,
    terminal,
    stdin,
    stdout,
    done,
    shows,
    async type(text, expected) {
      stdin.type(text);
      if (expected !== undefined) await shows(expected);
    },
    async quit() {
      stdin.type('\u0003');
      await shows('again to quit');
      stdin.type('\u0003');
      return done;
    },
  };
}
