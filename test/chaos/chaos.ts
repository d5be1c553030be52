/**
 * Chaos: the proof of `pi-gateway-tui prove`, with kills that come faster. Run it: npm run chaos -- --kills 200 --clients 12
 */
import { parseArgs } from 'node:util';
import { type Fault, type Proof, problemsOf, prove } from '../../src/prove/prove.ts';
import { BIN, childEnv } from '../support/gateway-process.ts';

interface ChaosOptions {
  readonly kills: number;
  readonly clients: number;
  /** Least and most time between two kills, from ready on. */
  readonly aliveMs: readonly [number, number];
  /** Also suspends the gateway at times, for so long at most; 0: never. */
  readonly freezeMs?: number;
  readonly print: (line: string) => void;
}

export function runChaos({ freezeMs = 0, kills, ...options }: ChaosOptions): Promise<Proof> {
  const kill: readonly Fault[] = ['kill', 'kill', 'kill', 'kill'];
  return prove({
    ...options,
    platforms: [],
    rounds: kills,
    faults: freezeMs > 0 ? [...kill, 'freeze'] : kill,
    faultMs: [0, freezeMs],
    command: [process.execPath, BIN],
    env: childEnv(),
    milliseconds: Number.POSITIVE_INFINITY,
  });
}

if (process.argv[1] === import.meta.filename) {
  const { values } = parseArgs({ options: { kills: { type: 'string' }, clients: { type: 'string' } } });
  const result = await runChaos({
    kills: Number(values.kills ?? 200),
    clients: Number(values.clients ?? 12),
    aliveMs: [100, 500],
    print: (line) => process.stdout.write(`${line}\n`),
  });
  const problems = problemsOf(result);
  process.stdout.write(
    `${JSON.stringify(result, null, 2)}\n${problems.length === 0 ? 'the ledger balances' : 'THE LEDGER DOES NOT BALANCE'}\n`,
  );
  process.exitCode = problems.length === 0 ? 0 : 1;
}
