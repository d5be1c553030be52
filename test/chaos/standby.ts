/**
 * Two gateways on one PostgreSQL. Clients talk over WebSocket, Telegram and Slack while leaders are killed with their
 * whole process group, frozen, and cut off from the database, and the database fails. A ledger outside of both has to
 * balance: every accepted message is answered or reported, no outcome comes twice without a mark, and nothing is sent by
 * one that no longer leads.
 *
 * Run it: npm run prove:standby -- --rounds 100 --clients 8 --faults kill,freeze --fault-ms 30000. It needs PostgreSQL's
 * programs (apt-get install postgresql). Root cuts the network of the database; others cut a relay.
 */
import { parseArgs } from 'node:util';
import { type Fault, type Proof, problemsOf, prove, type SharedStore } from '../../src/prove/prove.ts';
import { BIN, childEnv } from '../support/gateway-process.ts';
import { Postgres } from '../support/postgres.ts';
import { canMakeNetworks, Networks } from './networks.ts';
import { Relay } from './relay.ts';
import { SlackPlatform, TelegramPlatform } from './standby-platforms.ts';

export interface StandbyOptions {
  readonly rounds: number;
  readonly clients: number;
  readonly faults: readonly Fault[];
  readonly faultMs: readonly [number, number];
  readonly aliveMs: readonly [number, number];
  /** How many of ten killed leaders are started again at once. */
  readonly returnsOfTen?: number;
  readonly milliseconds?: number;
  /** Each gateway has a network of its own to the database. */
  readonly networks?: boolean;
  readonly print: (line: string) => void;
}

/** The database, and how each gateway gets there. */
interface Ground extends SharedStore {
  stop(): Promise<void>;
}

async function behindNetworks(): Promise<Ground> {
  const networks = Networks.create(2);
  const postgres = await Postgres.start(networks).catch((error: unknown) => {
    networks.remove();
    throw error;
  });
  return {
    url: (gateway) => postgres.url.replace('127.0.0.1', networks.address(gateway)),
    cut: (gateway, off) => networks.cut(gateway, off),
    down: () => postgres.down(Math.random() < 0.5 ? 'immediate' : 'fast'),
    up: () => postgres.up(),
    stop: async () => {
      await postgres.stop();
      networks.remove();
    },
  };
}

async function behindRelays(): Promise<Ground> {
  const postgres = await Postgres.start();
  const relays = [new Relay(postgres.port), new Relay(postgres.port)];
  const ports: number[] = [];
  for (const relay of relays) ports.push(await relay.listen());
  return {
    url: (gateway) => postgres.url.replace(`:${postgres.port}/`, `:${ports[gateway]}/`),
    cut: (gateway, off) => relays[gateway]?.cut(off),
    down: () => postgres.down(Math.random() < 0.5 ? 'immediate' : 'fast'),
    up: () => postgres.up(),
    stop: async () => {
      for (const relay of relays) relay.close();
      await postgres.stop();
    },
  };
}

export async function proveStandby({ networks = false, ...options }: StandbyOptions): Promise<Proof> {
  const ground = networks ? await behindNetworks() : await behindRelays();
  try {
    return await prove({
      milliseconds: Number.POSITIVE_INFINITY,
      ...options,
      command: [process.execPath, BIN],
      env: childEnv(),
      platforms: [new TelegramPlatform(), new SlackPlatform()],
      store: ground,
    });
  } finally {
    await ground.stop();
  }
}

const FAULTS: readonly Fault[] = [
  'kill',
  'kill',
  'kill',
  'freeze',
  'freeze',
  'cut',
  'cut',
  'cut all',
  'outage',
];
const SLOWEST_MS = 10_000;

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string' },
      minutes: { type: 'string' },
      clients: { type: 'string' },
      faults: { type: 'string' },
      'fault-ms': { type: 'string' },
      relays: { type: 'boolean' },
    },
  });
  const longest = Number(values['fault-ms'] ?? 7_000);
  const networks = values.relays !== true && canMakeNetworks();
  const proof = await proveStandby({
    rounds: Number(values.rounds ?? (values.minutes === undefined ? 20 : Number.POSITIVE_INFINITY)),
    milliseconds: Number(values.minutes ?? Number.POSITIVE_INFINITY) * 60_000,
    clients: Number(values.clients ?? 8),
    faults: (values.faults?.split(',') as Fault[] | undefined) ?? FAULTS,
    // A length of its own is meant exactly: all others are random.
    faultMs: values['fault-ms'] === undefined ? [200, longest] : [longest, longest],
    aliveMs: [200, 2_000],
    networks,
    print: (line) => process.stdout.write(`${line}\n`),
  });
  const problems = problemsOf(proof);
  if (proof.takeovers.p95Ms > SLOWEST_MS) problems.push(`a takeover takes ${proof.takeovers.p95Ms} ms (p95)`);
  process.stdout.write(
    `${JSON.stringify({ networks, ...proof }, null, 2)}\n${problems.length === 0 ? 'the ledger balances' : `THE LEDGER DOES NOT BALANCE\n${problems.join('\n')}`}\n`,
  );
  process.exit(problems.length === 0 ? 0 : 1);
}
