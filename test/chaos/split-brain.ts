/**
 * Split brain: a gateway in a PID namespace of its own, as in a container, is suspended while its operators write; a
 * successor takes the data directory over, takes changes, and then the first one goes on. Proven: every change that
 * either of them acknowledged is there afterwards, the first ends with 75, and its end takes nothing from its successor.
 *
 * Run it: npm run chaos:split -- --rounds 2 --paused 30000. It needs the right to make a PID namespace.
 */
import { execFileSync, spawn } from 'node:child_process';
import { readFileSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { findSocketPlace } from '../../src/gateway/operator/operator-address.ts';
import { BIN, childEnv, GatewayProcess, operatorToken, temporaryFolder } from '../support/gateway-process.ts';

export interface SplitBrainOptions {
  readonly rounds: number;
  /** How long the holder is suspended. Below the 20 s of silence that end a lock, its file is dated back instead. */
  readonly pausedMs: number;
}

export interface SplitBrainResult {
  readonly acknowledged: number;
  /** By the one that was suspended, while its successor held the directory. */
  readonly acknowledgedAfter: number;
  /** Acknowledged, and not there afterwards. */
  readonly lost: readonly string[];
  readonly exitCodes: readonly (number | null)[];
  /** Whether the operator socket still leads to the successor once the first has ended. */
  readonly socketStays: boolean;
}

export function canMakeNamespaces(): boolean {
  try {
    execFileSync('unshare', ['-pf', 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    return false; // not root, or no Linux
  }
}

const delay = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Resolves once the program says that it is ready. */
function listening(child: ReturnType<typeof spawn>): Promise<number> {
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout?.setEncoding('utf8').on('data', (data: string) => {
      text += data;
      const port = /"port":(\d+)[^\n]*"msg":"ready"/.exec(text)?.[1];
      if (port !== undefined) resolve(Number(port));
    });
    child.once('exit', () => reject(new Error(`the first gateway ended: ${text}`)));
  });
}

/** Adds people one after the other until the gateway does not answer any more. */
class Writer {
  readonly acknowledged: { readonly userId: string; readonly at: number }[] = [];
  #writing = true;
  readonly #done: Promise<void>;

  constructor(port: number, token: string, name: string) {
    this.#done = this.#write(port, token, name);
  }

  /** No more than what is on its way. */
  async stop(): Promise<void> {
    this.#writing = false;
    await this.#done;
  }

  async #write(port: number, token: string, name: string): Promise<void> {
    for (let i = 0; this.#writing; i += 1) {
      const userId = `${name}-${i}`;
      const answer = await fetch(`http://127.0.0.1:${port}/api/allowlist`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ platform: 'websocket', userId }),
      }).catch(() => undefined);
      if (answer === undefined) return;
      if (answer.ok) this.acknowledged.push({ userId, at: Date.now() });
      await delay(5);
    }
  }
}

export async function splitBrain({ rounds, pausedMs }: SplitBrainOptions): Promise<SplitBrainResult> {
  const folder = temporaryFolder();
  const args = ['--no-tui', '--port', '0', '--agent', 'scripted', '--data-dir', folder.path];
  const acknowledged: string[] = [];
  const exitCodes: (number | null)[] = [];
  let acknowledgedAfter = 0;
  let socketStays = true;
  try {
    for (let round = 0; round < rounds; round += 1) {
      const outer = spawn(
        'unshare',
        ['-pf', '--kill-child', '--mount-proc', process.execPath, BIN, ...args],
        { env: childEnv(), stdio: ['ignore', 'pipe', 'inherit'] },
      );
      const ended = new Promise<number | null>((resolve) => outer.once('exit', (code) => resolve(code)));
      let successor: GatewayProcess | undefined;
      try {
        const port = await listening(outer);
        const inner = Number(readFileSync(`/proc/${outer.pid}/task/${outer.pid}/children`, 'utf8'));
        const token = operatorToken(folder.path);
        const first = new Writer(port, token, `first${round}`);
        await delay(300);
        process.kill(inner, 'SIGSTOP');
        const lock = join(folder.path, 'gateway.lock');
        if (pausedMs < 25_000) {
          const past = new Date(Date.now() - 30_000);
          utimesSync(lock, past, past);
        } else await delay(pausedMs);
        successor = new GatewayProcess(args);
        const second = new Writer(await successor.ready(60_000), token, `second${round}`);
        await delay(300);
        const resumedAt = Date.now();
        process.kill(inner, 'SIGCONT');
        exitCodes.push(await ended);
        await first.stop();
        await delay(300);
        await second.stop();
        const place = findSocketPlace(join(folder.path, 'gateway'));
        socketStays &&= place !== undefined;
        acknowledgedAfter += first.acknowledged.filter(({ at }) => at >= resumedAt).length;
        acknowledged.push(...[...first.acknowledged, ...second.acknowledged].map(({ userId }) => userId));
        // Not killed: who is in another namespace waits for 20 s of silence before it takes over from the dead.
        await successor.stop();
      } finally {
        outer.kill('SIGKILL');
        await ended;
        if (successor !== undefined) await successor.stop();
      }
    }
    const last = new GatewayProcess(args);
    const answer = await fetch(`http://127.0.0.1:${await last.ready(60_000)}/api/allowlist?limit=100000`, {
      headers: { authorization: `Bearer ${operatorToken(folder.path)}` },
    });
    const kept = await answer.text();
    await last.stop();
    const lost = acknowledged.filter((userId) => !kept.includes(`"${userId}"`));
    return { acknowledged: acknowledged.length, acknowledgedAfter, lost, exitCodes, socketStays };
  } finally {
    folder.remove();
  }
}

export function heldTogether({ acknowledged, lost, exitCodes, socketStays }: SplitBrainResult): boolean {
  return acknowledged > 0 && lost.length === 0 && socketStays && exitCodes.every((code) => code === 75);
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { rounds: { type: 'string' }, paused: { type: 'string' } } });
  const result = await splitBrain({
    rounds: Number(values.rounds ?? 2),
    pausedMs: Number(values.paused ?? 30_000),
  });
  console.log(JSON.stringify(result, null, 2));
  if (!heldTogether(result)) process.exitCode = 1;
}
