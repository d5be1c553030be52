/** `prove`: the ledger of kills and freezes, run by whoever wants to see it on their machine. */
import { realpathSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { prove } from '../prove/prove.ts';
import { balanced, type Ledger } from '../prove/talker.ts';
import { type Arguments, UsageError } from './arguments.ts';

const MINUTES = 1;
const CLIENTS = 8;

export async function runProve(
  args: Pick<Arguments, 'json' | 'minutes'>,
  outcome: { ok: boolean },
  print: (line: string) => void,
): Promise<string> {
  const minutes = minutesOf(args.minutes);
  print(
    `${CLIENTS} clients talk for ${minutes} min to a gateway in a directory of its own, which is killed and frozen at random moments.`,
  );
  const began = new Date();
  const ledger = await prove({
    command: [process.execPath, realpathSync(process.argv[1] ?? '')],
    env: environment(process.env),
    clients: CLIENTS,
    kills: Number.POSITIVE_INFINITY,
    milliseconds: minutes * 60_000,
    aliveMs: [100, 3_000],
    freezeMs: 2_000,
    print,
  });
  outcome.ok = balanced(ledger);
  const file = resolve(`pi-gateway-ledger-${began.toISOString().replace(/[-:]|\.\d+/gu, '')}.json`);
  const report = { ok: outcome.ok, began: began.toISOString(), minutes, clients: CLIENTS, ...ledger };
  writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`, { mode: 0o600 });
  return args.json
    ? JSON.stringify({ ...report, file }, null, 2)
    : `${ledgerText(ledger)}\nThe ledger is in ${file}.`;
}

/** The gateway of the proof has nothing of this user's: no home of the data, no proxy, no key of a model. */
function environment({ PATH, HOME, LANG, TMPDIR }: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { PATH, HOME, LANG, ...(TMPDIR === undefined ? {} : { TMPDIR }) };
}

function minutesOf(text = String(MINUTES)): number {
  const minutes = Number(text);
  if (text.trim() !== '' && minutes > 0 && minutes <= 24 * 60) return minutes;
  throw new UsageError(`--minutes: "${text}" is not a number of minutes; give a number from 0.1 to 1440.`);
}

export function ledgerText(ledger: Ledger): string {
  const {
    prompts,
    answered,
    failed,
    interrupted,
    missing,
    markedRepeats,
    unmarkedRepeats,
    leaks,
    kills,
    freezes,
  } = ledger;
  return [
    `${kills} kills, ${freezes} freezes`,
    `prompts accepted by clients   ${prompts}`,
    `  answered                    ${answered}`,
    `  failed                      ${failed}`,
    `  reported as interrupted     ${interrupted}`,
    `  without an outcome          ${missing}`,
    `repeated with a mark          ${markedRepeats}`,
    `repeated without a mark       ${unmarkedRepeats}`,
    `read by another client        ${leaks}`,
    balanced(ledger) ? 'The ledger balances.' : 'THE LEDGER DOES NOT BALANCE:',
    ...ledger.problems.map((each) => `- ${each}`),
  ].join('\n');
}
