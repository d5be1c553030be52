/** `prove`: the ledger of kills and freezes, run by whoever wants to see it on their machine. */

import { randomBytes } from 'node:crypto';
import { realpathSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { defined } from '../base/defined.ts';
import { GatewayError, messageOf } from '../base/errors.ts';
import { resolveSecret } from '../gateway/config/secrets.ts';
import { BotServer } from '../prove/bot-server.ts';
import { type Proof, problemsOf, prove } from '../prove/prove.ts';
import { PgLink, placeOf } from '../store/postgres/link.ts';
import { type Arguments, UsageError } from './arguments.ts';

// A database of its own in somebody's PostgreSQL: made for a proof, and dropped after it.

interface OwnDatabase {
  readonly name: string;
  /** Of the database that was made. */
  readonly url: string;
  drop(): Promise<void>;
}

const SLOW_MS = 60_000;

/** Changes nothing else in `url`. @throws GatewayError when no database can be made there */
async function ownDatabase(url: string): Promise<OwnDatabase> {
  const name = `pi_gateway_prove_${randomBytes(6).toString('hex')}`;
  const link = new PgLink(url, 'pi-gateway-tui prove');
  try {
    await link.query(`CREATE DATABASE ${name}`, [], SLOW_MS);
  } catch (error) {
    link.close();
    if (error instanceof GatewayError) throw error;
    throw new GatewayError(
      'prove_database',
      `cannot make a database in ${placeOf(url)}: ${messageOf(error)}`,
      {
        hint: 'Check that PostgreSQL is running there. The user in --postgres needs the right to create databases: ALTER ROLE <user> CREATEDB.',
      },
    );
  }
  const own = new URL(url);
  own.pathname = `/${name}`;
  return {
    name,
    url: own.href,
    drop: async () => {
      try {
        await link.query(
          'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()',
          [name],
        );
        await link.query(`DROP DATABASE ${name}`, [], SLOW_MS);
      } catch (error) {
        throw new GatewayError('prove_database', `cannot drop the database ${name}: ${messageOf(error)}`, {
          hint: `Drop it in ${placeOf(url)}: DROP DATABASE ${name};`,
        });
      } finally {
        link.close();
      }
    },
  };
}

const MINUTES = 1;
const CLIENTS = 8;
/** Longer than a standby waits: some of the freezes end with a takeover. */
const FREEZE_MS = { alone: [0, 2_000], withStandby: [500, 8_000] } as const;

export async function runProve(
  args: Pick<Arguments, 'json' | 'minutes' | 'postgres'>,
  outcome: { ok: boolean },
  print: (line: string) => void,
): Promise<string> {
  const minutes = minutesOf(args.minutes);
  const url =
    args.postgres === undefined ? undefined : await resolveSecret(args.postgres, '--postgres', process.env);
  const database = url === undefined ? undefined : await ownDatabase(url);
  try {
    const file = resolve(`pi-gateway-ledger-${new Date().toISOString().replace(/[-:]|\.\d+/gu, '')}.json`);
    print(
      `${introduction(minutes, url, database)} Some prompts ask the agent to fail, on purpose. The ledger will be in ${file}.`,
    );
    return await report(args, minutes, outcome, await proof(minutes, database, print), file);
  } finally {
    await database?.drop();
  }
}

function introduction(minutes: number, url: string | undefined, database: OwnDatabase | undefined): string {
  const who = `${CLIENTS} WebSocket clients and people on a simulated Telegram talk for ${minutes} min`;
  return url === undefined
    ? `${who} to a gateway in a directory of its own, which is killed and frozen at random moments.`
    : `${who} to two gateways that share ${database?.name}, a new database in ${placeOf(url)}. The one that leads is killed and frozen at random moments. The database is dropped at the end.`;
}

async function proof(
  minutes: number,
  database: OwnDatabase | undefined,
  print: (line: string) => void,
): Promise<Proof> {
  const [ending, leaving] = [new AbortController(), new AbortController()];
  // The gateways have process groups of their own: a key press must not leave them behind.
  const onSignal = (): void => {
    if (ending.signal.aborted) leaving.abort();
    if (ending.signal.aborted) return;
    ending.abort();
    print('Stopping as soon as every message has its outcome. Press Ctrl+C again to stop now.');
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  try {
    return await prove({
      command: [process.execPath, realpathSync(process.argv[1] ?? '')],
      env: environment(process.env),
      clients: CLIENTS,
      platforms: [new BotServer()],
      ...(database === undefined ? {} : { store: { url: () => database.url } }),
      faults: ['kill', 'kill', 'kill', 'kill', 'freeze'],
      rounds: Number.POSITIVE_INFINITY,
      milliseconds: minutes * 60_000,
      ending: ending.signal,
      leaving: leaving.signal,
      aliveMs: [100, 3_000],
      faultMs: database === undefined ? FREEZE_MS.alone : FREEZE_MS.withStandby,
      print,
    });
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
}

function report(
  { json }: Pick<Arguments, 'json'>,
  minutes: number,
  outcome: { ok: boolean },
  result: Proof,
  file: string,
): string {
  const problems = problemsOf(result);
  outcome.ok = problems.length === 0;
  const ended = new Date().toISOString();
  const whole = { ok: outcome.ok, ended, minutes, clients: CLIENTS, ...result, problems };
  writeFileSync(file, `${JSON.stringify(whole, null, 2)}\n`, { mode: 0o600 });
  return json
    ? JSON.stringify({ ...whole, file }, null, 2)
    : `${proofText(result)}\nThe ledger is in ${file}.`;
}

/** The gateway of the proof has nothing of this user's: no home of the data, no proxy, no key of a model. */
function environment({ PATH, HOME, LANG, TMPDIR }: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { PATH, HOME, LANG, ...defined({ TMPDIR }) };
}

function minutesOf(text = String(MINUTES)): number {
  const minutes = Number(text);
  if (text.trim() !== '' && minutes > 0 && minutes <= 24 * 60) return minutes;
  throw new UsageError(`--minutes: "${text}" is not a number of minutes; give a number from 0.1 to 1440.`);
}

export function proofText(proof: Proof): string {
  const { chats, faults, takeovers, sentOutOfTurn, kept } = proof;
  const problems = problemsOf(proof);
  const rows: [string, number | string][] = [
    ['prompts of WebSocket clients', chats.prompts],
    ['  answered', chats.answered],
    ['  failed (15% ask for it)', chats.failed],
    ['  reported as interrupted', chats.interrupted],
    ['  without an outcome', chats.missing],
    ['  repeated with a mark', chats.markedRepeats],
    ['  repeated without a mark', chats.unmarkedRepeats],
    ['  read by another client', chats.leaks],
  ];
  for (const ledger of proof.platforms)
    rows.push(
      [`messages on ${ledger.platform}`, ledger.messages],
      ['  answered', ledger.answered],
      ['  reported as interrupted', ledger.reported],
      ['  without an outcome', ledger.missing.length],
      ['  repeated with a mark', ledger.markedRepeats],
      ['  repeated without a mark', ledger.unmarkedRepeats.length],
    );
  if (takeovers.count > 0)
    rows.push(
      ['takeovers by the standby', takeovers.count],
      ['  seconds until it was ready', `p50 ${seconds(takeovers.p50Ms)}, p95 ${seconds(takeovers.p95Ms)}`],
      ['  sent by a former leader', sentOutOfTurn.length],
    );
  return [
    `kills: ${faults.kill ?? 0}, freezes: ${faults.freeze ?? 0}`,
    ...rows.map(([name, value]) => `${name.padEnd(30)}${value}`),
    problems.length === 0 ? 'The ledger balances.' : 'THE LEDGER DOES NOT BALANCE:',
    ...problems.map((each) => `- ${each}`),
    ...(kept === undefined ? [] : [`The data and the logs of the gateways are kept in ${kept}.`]),
  ].join('\n');
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(1);
}
