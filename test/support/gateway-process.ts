/** Runs the built program as a user would: its own process, its own data folder, JSON log lines. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { watchConfig, watchOutput, watchSecret } from './secret-watch.ts';

export { freePort } from '../../src/prove/gateways.ts';

export const ROOT = join(import.meta.dirname, '..', '..');
export const BIN = join(ROOT, 'dist', 'bin.js');

export interface LogRecord {
  readonly msg: string;
  readonly level: number;
  readonly source?: string;
  readonly port?: number;
  readonly [field: string]: unknown;
}

export function temporaryFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'pi-gateway-test-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 5 }) };
}

export function writeConfig(dataDir: string, config: unknown): void {
  if (typeof config !== 'string') watchConfig(config);
  mkdirSync(join(dataDir, 'gateway'), { recursive: true });
  writeFileSync(
    join(dataDir, 'gateway', 'config.json'),
    typeof config === 'string' ? config : JSON.stringify(config),
  );
}

export function operatorToken(dataDir: string): string {
  return readFileSync(join(dataDir, 'gateway', 'operator.token'), 'utf8').trim();
}

/** The environment of a child: nothing of ours leaks in, and no real home folder is touched. */
export function childEnv(extra: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const { PATH, HOME, LANG, TMPDIR } = process.env;
  return { PATH, HOME, LANG, ...(TMPDIR === undefined ? {} : { TMPDIR }), ...extra };
}

/** Where the programs of a test run keep compiled code, whatever their home is. */
export function compileCache(): NodeJS.ProcessEnv {
  const { NODE_COMPILE_CACHE } = process.env;
  return NODE_COMPILE_CACHE === undefined ? {} : { NODE_COMPILE_CACHE };
}

export class GatewayProcess {
  readonly child: ChildProcess;
  readonly records: LogRecord[] = [];
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  stdout = '';
  stderr = '';

  constructor(args: readonly string[], env: NodeJS.ProcessEnv = {}, runtime: string = process.execPath) {
    this.child = spawn(runtime, [BIN, ...args], {
      env: childEnv(env),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    watchOutput('a program', () => `${this.stdout}\n${this.stderr}`);
    let rest = '';
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line.startsWith('{"')) this.records.push(JSON.parse(line) as LogRecord);
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    this.exited = new Promise((resolve) =>
      this.child.on('exit', (code, signal) => {
        watchOperatorToken(args);
        const ended = (): void => resolve({ code, signal });
        // Its last words may still be in the pipes, which what it left behind may hold open.
        this.child.once('close', ended);
        setTimeout(ended, 1000).unref();
      }),
    );
  }

  /** Resolves with the port once the gateway says that it is ready. */
  async ready(timeoutMs = 20_000): Promise<number> {
    const until = Date.now() + timeoutMs;
    for (;;) {
      const record = this.records.find((each) => each.msg === 'ready');
      if (record?.port !== undefined) return record.port;
      if (this.child.exitCode !== null || this.child.signalCode !== null)
        throw new Error(`the gateway ended before it was ready: ${this.stderr}${this.stdout}`);
      if (Date.now() > until)
        throw new Error(`not ready after ${timeoutMs} ms: ${this.stderr}${this.stdout}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Processor time of all its threads so far, in steps of 10 ms; 0 where the system does not tell. */
  cpuMs(): number {
    try {
      const stat = readFileSync(`/proc/${this.child.pid}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return (Number(fields[11]) + Number(fields[12])) * 10;
    } catch {
      return 0;
    }
  }

  /** `kill -9`. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.exited;
  }

  /** A clean stop; resolves with the exit code. */
  async stop(): Promise<number | null> {
    if (this.child.exitCode === null) this.child.kill('SIGTERM');
    return (await this.exited).code;
  }
}

/** The token of the program's data folder, while the folder is still there. */
function watchOperatorToken(args: readonly string[]): void {
  const folder = args[args.indexOf('--data-dir') + 1];
  if (!args.includes('--data-dir') || folder === undefined) return;
  try {
    watchSecret(operatorToken(folder));
  } catch {
    // A program that never came to make one.
  }
}

/** Runs a one-shot command to its end. */
export async function runCli(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const program = new GatewayProcess(args, env);
  const { code } = await program.exited;
  return { code, stdout: program.stdout, stderr: program.stderr };
}
