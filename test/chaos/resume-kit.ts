/** What the proofs of continued turns share. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ModelReply } from '../agents/model-server.ts';

/** Long enough that a stream can be cut in it. */
export const ANSWER = `the whole answer of this turn, ${'in many words '.repeat(12)}to its end`;
export const BEGIN = 'I begin.';

export type Tools = NonNullable<ModelReply['tools']>;

export const bash = (command: string): Tools[number] => ({ name: 'bash', arguments: { command } });

export const delay = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export async function until(what: string, true_: () => boolean, timeoutMs = 120_000): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!true_()) {
    if (Date.now() > end) throw new Error(`${what}: not within ${timeoutMs} ms`);
    await delay(10);
  }
}

/** Lines that tools of a person have written. */
export function ledgerIn(folder: string, name: string): string[] {
  const file = join(folder, `ledger-${name}`);
  return existsSync(file)
    ? readFileSync(file, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
    : [];
}

/** Direct children: the processes of pi. */
export function childrenOf(pid: number): number[] {
  try {
    return execFileSync('ps', ['-o', 'pid=', '--ppid', String(pid)], { encoding: 'utf8' })
      .split('\n')
      .map(Number)
      .filter((each) => each > 0);
  } catch {
    return []; // none
  }
}
