/**
 * Clients and people on simulated platforms talk, gateways are killed and frozen, and cut off from their store, and a
 * ledger kept outside of them must balance: everything that was accepted has an outcome (answered, failed, or reported),
 * no outcome comes twice without a mark, no answer reaches a chat that did not ask, and nothing is sent by a gateway while
 * another one leads.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { People, type Platform, type PlatformLedger } from './bot-server.ts';
import { Gateway, type Launch, outOfTurn, settled } from './gateways.ts';
import { balanced, type Deadline, type Ledger, Talker, tally } from './talker.ts';

/**
 * - `kill`: `kill -9` of the leader and all that it has started
 * - `freeze`: the leader stands still for a while, as if its machine had been suspended
 * - `cut`: the leader does not reach its store for a while; the store notices nothing
 * - `cut all`: no gateway reaches it
 * - `outage`: the database stops, and starts again
 */
export type Fault = 'kill' | 'freeze' | 'cut' | 'cut all' | 'outage';

/** A store that two gateways share. */
export interface SharedStore {
  /** The address as this gateway reaches it. */
  url(gateway: number): string;
  /** For `cut`. */
  cut?(gateway: number, off: boolean): void;
  /** For `outage`. */
  down?(): Promise<void>;
  up?(): Promise<void>;
}

export interface ProveOptions extends Launch {
  readonly clients: number;
  readonly platforms: readonly Platform[];
  /** Two gateways on this store; one on files without it. */
  readonly store?: SharedStore;
  /** What happens: each time one of them, at random. */
  readonly faults: readonly Fault[];
  /** It ends after so many faults, or so much time, or with `ending`, whichever comes first. */
  readonly rounds: number;
  readonly milliseconds: number;
  readonly ending?: AbortSignal;
  /** Then nobody waits for outcomes any longer. */
  readonly leaving?: AbortSignal;
  /** Least and most time between two faults, from the moment at which every gateway is in its place. */
  readonly aliveMs: readonly [number, number];
  /** How long a fault lasts, at least and at most. */
  readonly faultMs: readonly [number, number];
  /** How many of ten killed leaders are started again at once, as by a service; the others once another one leads. */
  readonly returnsOfTen?: number;
  readonly print: (line: string) => void;
}

export interface Proof {
  readonly chats: Ledger;
  readonly platforms: readonly PlatformLedger[];
  readonly faults: Readonly<Partial<Record<Fault, number>>>;
  /** Between a fault and the moment at which another gateway was ready. */
  readonly takeovers: {
    readonly count: number;
    readonly p50Ms: number;
    readonly p95Ms: number;
    readonly mostMs: number;
  };
  readonly sentOutOfTurn: readonly string[];
  /** Gateways that ended although nobody had killed them. */
  readonly complaints: readonly string[];
  /** Where the data of the gateways is, with their logs, when the ledger does not balance. */
  readonly kept?: string;
}

/** However slow the machine is: so long everybody has for their outcomes once the last fault is over. */
const OUTCOME_MS = 120_000;

/** Runs in data directories of its own, which are removed when the ledger balances. @throws Error when no gateway becomes ready */
export async function prove(options: ProveOptions): Promise<Proof> {
  const root = mkdtempSync(join(tmpdir(), 'pi-gateway-prove-'));
  const { platforms, store } = options;
  const count = store === undefined ? 1 : 2;
  const gateways: Gateway[] = [];
  let keep = false;
  try {
    for (const platform of platforms) await platform.start(count);
    for (let i = 0; i < count; i += 1) gateways.push(await create(join(root, `${i}`), i, options));
    const proof = await new Run(gateways, options).proof();
    keep = problemsOf(proof).length > 0;
    return keep ? { ...proof, kept: root } : proof;
  } finally {
    // The one that waits first: at the end it is nobody's turn.
    const order = gateways.toSorted((a, b) => (a.ledFrom.at(-1) ?? 0) - (b.ledFrom.at(-1) ?? 0));
    for (const gateway of order) await gateway.stop();
    for (const platform of platforms) await platform.stop();
    if (!keep) rmSync(root, { recursive: true, force: true, maxRetries: 5 });
  }
}

function create(directory: string, index: number, options: ProveOptions): Promise<Gateway> {
  const { platforms, store, command, env } = options;
  const config = {
    security: { allowAll: true, rateLimit: { maxRequests: 1_000_000 } },
    agent: { maxConcurrent: 8 },
    backup: { daily: false },
    platforms: Object.assign({}, ...platforms.map((platform) => platform.settings(index))),
    ...(store === undefined ? {} : { store: { url: '$PROVE_STORE_URL' } }),
  };
  const launch = { command, env: store === undefined ? env : { ...env, PROVE_STORE_URL: store.url(index) } };
  return Gateway.create(directory, config, launch, store !== undefined);
}

class Run {
  readonly #gateways: readonly Gateway[];
  readonly #options: ProveOptions;
  readonly #talkers: readonly Talker[];
  readonly #people: readonly People[];
  readonly #deadline: Deadline = { at: Number.POSITIVE_INFINITY };
  readonly #faults = new Map<Fault, number>();
  readonly #takeoverMs: number[] = [];
  readonly #complaints: string[] = [];

  constructor(gateways: readonly Gateway[], options: ProveOptions) {
    this.#gateways = gateways;
    this.#options = options;
    let turn = 0;
    // Clients do not know who leads: they try one after the other.
    const port = (): number => gateways[turn++ % gateways.length]?.port ?? 0;
    this.#talkers = Array.from({ length: options.clients }, (_, i) => new Talker(`c${i}`, port));
    this.#people = options.platforms.map((platform) => new People(platform));
  }

  async proof(): Promise<Proof> {
    const { rounds, milliseconds, ending, leaving, aliveMs } = this.#options;
    const crowd = [...this.#talkers, ...this.#people];
    let leader = await settled(this.#gateways, this.#complaints);
    const talking = crowd.map((each) => each.run(this.#deadline));
    try {
      const end = Date.now() + milliseconds;
      for (let round = 1; round <= rounds && ending?.aborted !== true; round += 1) {
        await pause(between(aliveMs));
        if (Date.now() >= end) break;
        leader = await this.#fault(leader);
        if (round % 20 === 0) this.#progress(round);
      }
      for (const each of crowd) each.talking = false;
      this.#deadline.at = leaving?.aborted === true ? 0 : Date.now() + OUTCOME_MS;
      leaving?.addEventListener('abort', () => {
        this.#deadline.at = 0;
      });
      await Promise.all(talking);
    } finally {
      this.#deadline.at = 0;
      await Promise.all(talking);
    }
    return this.#result();
  }

  /** Does what is due, and answers who leads when it is over. */
  async #fault(leader: Gateway): Promise<Gateway> {
    const { faults, faultMs, returnsOfTen = 2 } = this.#options;
    const fault = faults[Math.floor(Math.random() * faults.length)] ?? 'kill';
    this.#faults.set(fault, (this.#faults.get(fault) ?? 0) + 1);
    const at = Date.now();
    const others = this.#gateways.filter((each) => each !== leader);
    if (fault === 'kill') {
      leader.signal('SIGKILL');
      const waits = others.length > 0 && Math.random() * 10 >= returnsOfTen;
      if (waits) await settled(others, this.#complaints);
    } else {
      const undo = await this.#begin(fault, leader);
      await pause(between(faultMs));
      await undo();
    }
    const next = await settled(this.#gateways, this.#complaints);
    const readyAt = next.readyAt ?? 0;
    // How long an outage of the database lasts is not up to the gateways.
    if (next !== leader && readyAt > at && fault !== 'outage' && fault !== 'cut all')
      this.#takeoverMs.push(readyAt - at);
    return next;
  }

  /** Begins a fault that lasts; answers what ends it. */
  async #begin(fault: Exclude<Fault, 'kill'>, leader: Gateway): Promise<() => Promise<void> | void> {
    const { store } = this.#options;
    if (fault === 'freeze') {
      leader.signal('SIGSTOP');
      return () => leader.signal('SIGCONT');
    }
    if (fault === 'outage') {
      await store?.down?.();
      return () => store?.up?.();
    }
    const off = this.#gateways.flatMap((each, i) => (fault === 'cut all' || each === leader ? [i] : []));
    for (const i of off) store?.cut?.(i, true);
    return () => {
      for (const i of off) store?.cut?.(i, false);
    };
  }

  #progress(round: number): void {
    const prompts = this.#talkers.reduce((sum, { entries }) => sum + entries.size, 0);
    this.#options.print(`${round} faults, ${prompts} prompts`);
  }

  #result(): Proof {
    const [first, second] = this.#gateways;
    const sent = (own: Gateway) => [
      ...this.#options.platforms.flatMap((each) => each.sentThrough(this.#gateways.indexOf(own))),
      ...this.#talkers.flatMap((talker) => talker.sentFrom(own.port)),
    ];
    const late =
      first === undefined || second === undefined
        ? []
        : [...outOfTurn(first, second, sent(first)), ...outOfTurn(second, first, sent(second))];
    const times = this.#takeoverMs.toSorted((a, b) => a - b);
    const at = (share: number): number =>
      times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0;
    return {
      chats: tally(this.#talkers),
      platforms: this.#people.map((each) => each.ledger()),
      faults: Object.fromEntries(this.#faults),
      takeovers: { count: times.length, p50Ms: at(0.5), p95Ms: at(0.95), mostMs: at(1) },
      sentOutOfTurn: late,
      complaints: this.#complaints,
    };
  }
}

function between([least, most]: readonly [number, number]): number {
  return least + Math.random() * (most - least);
}

/** What does not balance, a sentence each. */
export function problemsOf({ chats, platforms, sentOutOfTurn, complaints }: Proof): string[] {
  const rest =
    balanced(chats) || chats.problems.length > 0 ? [] : ['the outcomes of the prompts do not add up'];
  return [
    ...chats.problems,
    ...rest,
    ...platforms.flatMap(({ missing, unmarkedRepeats }) => [...missing, ...unmarkedRepeats]),
    ...sentOutOfTurn,
    ...complaints,
  ];
}
