/**
 * Clients talk, the gateway is killed with `kill -9` and frozen again and again, and a ledger kept outside its process
 * must balance: every prompt has an outcome (answered, failed, or reported as interrupted), no outcome comes twice
 * without a mark, and no answer reaches a chat that did not ask.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Child, freePort, pause } from './child.ts';
import { type Deadline, type Ledger, Talker, tally } from './talker.ts';

export interface ProveOptions {
  /** Interpreter and program of the gateway. */
  readonly command: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly clients: number;
  /** It ends after so many kills, or so much time, whichever comes first. */
  readonly kills: number;
  readonly milliseconds: number;
  /** Least and most time between two kills, from ready on. */
  readonly aliveMs: readonly [number, number];
  /** Also suspends the gateway at times, for so long at most; 0: never. */
  readonly freezeMs: number;
  readonly print: (line: string) => void;
}

/** A busy machine starts slowly, and that is no finding. */
const START_MS = 120_000;
/** However slow the machine is: so long the clients have for their outcomes once the last kill is over. */
const OUTCOME_MS = 120_000;

/** Runs in a data directory of its own, which is removed. @throws Error when the gateway does not start */
export async function prove(options: ProveOptions): Promise<Ledger> {
  const root = mkdtempSync(join(tmpdir(), 'pi-gateway-prove-'));
  try {
    return await proveIn(root, options);
  } finally {
    rmSync(root, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function proveIn(root: string, options: ProveOptions): Promise<Ledger> {
  const { command, env, clients, kills: most, milliseconds, aliveMs, freezeMs, print } = options;
  mkdirSync(join(root, 'gateway'), { recursive: true, mode: 0o700 });
  const config = {
    security: { allowAll: true, rateLimit: { maxRequests: 1_000_000 } },
    agent: { maxConcurrent: 8 },
    backup: { daily: false },
  };
  writeFileSync(join(root, 'gateway', 'config.json'), JSON.stringify(config), { mode: 0o600 });
  const port = await freePort();
  const args = ['--no-tui', '--agent', 'scripted', '--data-dir', root, '--port', String(port)];
  const start = async (): Promise<Child> => {
    const gateway = new Child(command, args, env);
    await gateway.ready(START_MS);
    return gateway;
  };
  let gateway = await start();
  const deadline: Deadline = { at: Number.POSITIVE_INFINITY };
  const talkers = Array.from({ length: clients }, (_, i) => new Talker(`c${i}`, () => port));
  const talking = talkers.map((talker) => talker.run(deadline));
  let kills = 0;
  let freezes = 0;
  try {
    const end = Date.now() + milliseconds;
    while (kills < most && Date.now() < end) {
      const [least, longest] = aliveMs;
      await pause(least + Math.random() * (longest - least));
      if (freezeMs > 0 && Math.random() < 0.2) {
        await gateway.freeze(Math.random() * freezeMs);
        freezes += 1;
        continue;
      }
      await gateway.kill();
      kills += 1;
      gateway = await start();
      if (kills % 20 === 0)
        print(`${kills} kills, ${talkers.reduce((sum, { entries }) => sum + entries.size, 0)} prompts`);
    }
    for (const talker of talkers) talker.talking = false;
    deadline.at = Date.now() + OUTCOME_MS;
    await Promise.all(talking);
  } finally {
    deadline.at = 0;
    await gateway.stop();
  }
  return tally(talkers, kills, freezes);
}
