import { dirname } from 'node:path';
import type { Clock } from '../../base/async.ts';
import type { AgentCheck, ConversationSpec, Drain, TurnEnd } from '../../gateway/agent/agent.ts';
import { allDrained } from '../../gateway/agent/agent.ts';
import { failedEnd } from '../../gateway/agent/turn-end.ts';
import { say } from '../../gateway/language/chat-text.ts';
import type { AgentHostView } from '../../gateway/model.ts';
import type { Connect, FindPlace, PiPlace } from '../pi/backend.ts';
import { Pool, type PoolSlot } from '../pi/backend.ts';
import { StartFailure } from '../pi/failures.ts';

/** Pauses after a failed start: from the first to the longest, doubling. */
const FIRST_PAUSE_MS = 2000;
const LONGEST_PAUSE_MS = 60_000;
const UNUSED = 'not used yet';
/** So many failures in a row need the operator. */
const PARK_AFTER = 3;

interface PoolHostOptions {
  readonly name: string;
  readonly maxConcurrent: number;
  readonly pool: Pool;
  readonly sidePool: Pool;
  readonly clock: Clock;
  readonly changed: () => void;
}

const DRAINED: Readonly<Record<Drain, string>> = {
  new: 'draining, no new sessions',
  all: 'draining, its sessions leave as soon as another host takes them',
};

/** One host of a pool: its slots, and what is known about how it is. */
class PoolHost {
  readonly name: string;
  readonly pool: Pool;
  readonly sidePool: Pool;
  readonly #options: PoolHostOptions;
  #failures = 0;
  #detail = UNUSED;
  #hint: string | undefined;
  #nextTryAt = 0;
  #parked = false;
  /** The operator wants no further sessions there, or none at all. */
  drain: Drain | undefined;
  /** A session has started there since the last one that could not. */
  #proven = false;

  constructor(options: PoolHostOptions) {
    this.name = options.name;
    this.pool = options.pool;
    this.sidePool = options.sidePool;
    this.#options = options;
  }

  get up(): boolean {
    return this.#failures === 0;
  }

  /** A host that failed is looked at again after a pause. */
  get due(): boolean {
    return this.#options.clock() >= this.#nextTryAt;
  }

  get nextTryAt(): number {
    return this.#nextTryAt;
  }

  get hint(): string | undefined {
    return this.#hint;
  }

  get view(): AgentHostView {
    const { name, maxConcurrent } = this.#options;
    return {
      name,
      state: this.up ? 'up' : this.#parked ? 'parked' : 'retrying',
      running: this.pool.working,
      maxConcurrent,
      sessions: this.pool.taken,
      free: this.up && this.drain === undefined ? maxConcurrent - this.pool.working : 0,
      ...(this.drain === undefined ? {} : { draining: true }),
      ...(this.drain === 'all' ? { leaving: true } : {}),
      detail: this.drain === undefined ? this.#detail : `${DRAINED[this.drain]}; ${this.#detail}`,
      ...(this.up ? {} : { nextTryAt: this.#nextTryAt }),
      ...(this.#parked && this.#hint !== undefined ? { hint: this.#hint } : {}),
    };
  }

  /** A session has started there. */
  worked(): void {
    this.#proven = true;
    if (!this.up || this.#detail === UNUSED) this.#good('answers');
  }

  #good(detail: string): void {
    if (this.up && this.#detail === detail) return;
    this.#failures = 0;
    this.#parked = false;
    this.#detail = detail;
    this.#hint = undefined;
    this.#nextTryAt = 0;
    this.#options.changed();
  }

  /** A session could not be started there. */
  failed(end: TurnEnd): void {
    if (end.status !== 'failed') return;
    this.#proven = false;
    this.#fail(end.message, end.hint, end.code === 'agent_unconfigured' || end.code === 'agent_missing');
  }

  /** What a look at it has shown. */
  checked({ ok, pending, detail, hint }: AgentCheck): void {
    if (pending && !this.up) return;
    if (ok) this.#good(detail);
    // A look that fails where sessions start (a slow moment) takes no host away.
    else if (!this.#proven) this.#fail(detail, hint, false);
  }

  #fail(detail: string, hint: string | undefined, hopeless: boolean): void {
    const { clock, changed } = this.#options;
    this.#failures += 1;
    // Parked it stays until something works: a look that fails otherwise is no better.
    this.#parked ||= hopeless || this.#failures >= PARK_AFTER;
    this.#detail = detail;
    this.#hint = hint;
    this.#nextTryAt = clock() + Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (this.#failures - 1));
    changed();
  }
}

/** How often hosts that failed are considered for another look. */
const LOOK_MS = 1000;

export interface AgentHostSpec {
  readonly name: string;
  readonly maxConcurrent: number;
  readonly weight: number;
  readonly localFolder: boolean;
  readonly connect: Connect;
  readonly sessionDir?: string;
  /** Looks whether turns can work there. Bounded; never throws. */
  check(signal: AbortSignal): Promise<AgentCheck>;
}

export interface AgentHostsOptions {
  readonly hosts: readonly AgentHostSpec[];
  readonly idleMs: number;
  /** Questions next to conversations at the same time, on each host. */
  readonly sideQuestions: number;
  /** Directory of session files that can get to any host; undefined: a session stays where its file is. */
  readonly movingDir?: string | undefined;
  readonly clock: Clock;
}

interface Entry {
  readonly host: PoolHost;
  readonly spec: AgentHostSpec;
  looking: boolean;
}

/**
 * Several hosts of agents. A new session goes to the first that has room, the emptiest first. From then on it stays
 * where its file is; with files that every host can get it leaves a host that is down or is to be left. A host that fails is skipped
 * and looked at again; no one waits for it but sessions that cannot leave.
 */
export class AgentHosts {
  readonly #entries: readonly Entry[];
  readonly #movingDir: string | undefined;
  readonly #stop = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #changed: () => void = () => {};

  constructor({ hosts, idleMs, sideQuestions, movingDir, clock }: AgentHostsOptions) {
    this.#movingDir = movingDir;
    this.#entries = hosts.map((spec) => ({
      spec,
      looking: false,
      host: new PoolHost({
        name: spec.name,
        maxConcurrent: spec.maxConcurrent,
        pool: new Pool(spec.maxConcurrent, idleMs),
        sidePool: new Pool(sideQuestions, idleMs),
        clock,
        changed: () => this.#hostChanged(),
      }),
    }));
  }

  views(): readonly AgentHostView[] {
    return this.#entries.map(({ host }) => host.view);
  }

  /** See `drain` of {@link Agent}. Without such files what is there stays. */
  drain(name: string, drain: Drain | undefined): boolean {
    const entry = this.#entries.find(({ host }) => host.name === name);
    if (entry === undefined) return false;
    entry.host.drain = drain;
    entry.host.pool.vacate(drain === 'all' && this.#movingDir !== undefined);
    this.#changed();
    return true;
  }

  /** Sets who is told when a host is otherwise than before. */
  watch(changed: () => void): void {
    this.#changed = changed;
  }

  /** The emptiest host that is up, for what may happen anywhere. */
  any(): string | undefined {
    return this.#byLoad()[0]?.spec.name;
  }

  readonly place: FindPlace = (spec, signal) => this.#place(spec, signal, (host) => host.pool);
  readonly placeAside: FindPlace = (spec, signal) => this.#place(spec, signal, (host) => host.sidePool);

  /** Looks at every host. */
  async check(signal: AbortSignal): Promise<AgentCheck> {
    await Promise.all(this.#entries.map((entry) => this.#look(entry, signal)));
    const up = this.#entries.filter(({ host }) => host.up);
    const down = this.#entries.filter(({ host }) => !host.up);
    const words = this.#entries.map(({ host }) => `${host.name}: ${host.view.detail}`).join('; ');
    const hints = down.flatMap(({ host }) => (host.hint === undefined ? [] : [`${host.name}: ${host.hint}`]));
    return {
      ok: up.length > 0,
      detail: `${up.length} of ${this.#entries.length} hosts answer. ${words}`,
      ...(hints.length === 0 ? {} : { hint: hints.join(' ') }),
    };
  }

  close(): void {
    this.#stop.abort();
    clearInterval(this.#timer);
  }

  async #place(
    spec: ConversationSpec,
    signal: AbortSignal,
    seatsOf: (host: PoolHost) => Pool,
  ): Promise<PiPlace | undefined> {
    const candidates = this.#candidates(spec);
    const won = await firstSeat(
      candidates.map((entry) => ({ entry, pool: seatsOf(entry.host) })),
      signal,
    );
    if (won === undefined) return undefined;
    const { host, spec: hostSpec } = won.entry;
    return {
      slot: won.slot,
      host: host.name,
      localFolder: hostSpec.localFolder,
      connect: hostSpec.connect,
      sessionDir: hostSpec.sessionDir,
      worked: () => host.worked(),
      failed: (end) => {
        host.failed(end);
        const free = spec.host === undefined || this.#movable(spec);
        return free && this.#byLoad().length > 0 ? elsewhere(end) : end;
      },
    };
  }

  /** Where this session may go now, the emptiest first. Throws StartFailure when nowhere. */
  #candidates(spec: ConversationSpec): readonly Entry[] {
    const own = this.#entries.find(({ host }) => host.name === spec.host);
    const movable = this.#movable(spec);
    if (spec.host === undefined || (own === undefined && movable)) {
      const up = this.#byLoad();
      if (up.length > 0) return up;
      // All are down: anyone who asks is the next try of one whose pause has ended.
      const due = this.#entries.filter(({ host }) => host.due && host.drain === undefined);
      if (due.length > 0) return due.slice(0, 1);
      throw new StartFailure(noneUp(this.#entries.map(({ host }) => host.view)));
    }
    if (own === undefined) throw new StartFailure(unknownHost(spec.host));
    if (movable && (!own.host.up || own.host.drain === 'all')) {
      const others = this.#byLoad();
      if (others.length > 0) return others;
    }
    if (!own.host.up && !own.host.due) throw new StartFailure(hostDown(own.host.view));
    return [own];
  }

  /** Every host can get its file. */
  #movable({ sessionFile }: ConversationSpec): boolean {
    return sessionFile !== undefined && dirname(sessionFile) === this.#movingDir;
  }

  #byLoad(): Entry[] {
    return this.#entries
      .filter(({ host }) => host.up && host.drain === undefined)
      .sort((a, b) => a.host.pool.load / a.spec.weight - b.host.pool.load / b.spec.weight);
  }

  #hostChanged(): void {
    const down = this.#entries.some(({ host }) => !host.up);
    if (!down || this.#stop.signal.aborted) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    } else if (this.#timer === undefined) {
      this.#timer = setInterval(() => this.#lookAgain(), LOOK_MS);
      this.#timer.unref();
    }
    this.#changed();
  }

  #lookAgain(): void {
    for (const entry of this.#entries)
      if (!entry.host.up && entry.host.due) void this.#look(entry, this.#stop.signal);
  }

  async #look(entry: Entry, signal: AbortSignal): Promise<void> {
    if (entry.looking) return;
    entry.looking = true;
    try {
      const found = await entry.spec.check(signal);
      if (!this.#stop.signal.aborted) entry.host.checked(found);
    } finally {
      entry.looking = false;
    }
  }
}

/** The first slot to be had; undefined when `signal` fires first. No other is kept. */
async function firstSeat(
  wanted: readonly { readonly entry: Entry; readonly pool: Pool }[],
  signal: AbortSignal,
): Promise<{ readonly entry: Entry; readonly slot: PoolSlot } | undefined> {
  const found = new AbortController();
  const either = AbortSignal.any([signal, found.signal]);
  let winner: { readonly entry: Entry; readonly slot: PoolSlot } | undefined;
  const tries = wanted.map(async ({ entry, pool }) => {
    if (winner !== undefined) return;
    const slot = await pool.take(either);
    if (slot === undefined) return;
    if (winner === undefined) {
      winner = { entry, slot };
      found.abort();
    } else slot.leave();
  });
  await Promise.all(tries);
  return winner;
}

/** Another host may do better: the turn queue tries again. */
function elsewhere(end: TurnEnd): TurnEnd {
  return end.status === 'failed' ? { ...end, retryable: !end.reachedModel } : end;
}

function noneUp(views: readonly AgentHostView[]): TurnEnd {
  // Only the operator changes that: no pause of the turn is long enough.
  if (allDrained(views))
    return failedEnd(
      'agent_unreachable',
      say('failure.allDrained'),
      'All hosts of agent.hosts are drained. Open one again: pi-gateway-tui hosts undrain <host>',
      { reachedModel: false },
    );
  const words = views.map((view) => `${view.name}: ${view.detail} ${view.hint ?? ''}`.trim()).join(' ');
  return failedEnd(
    'agent_unreachable',
    say('failure.noMachine'),
    `All hosts of agent.hosts failed; they are checked again automatically. ${words}`,
    { reachedModel: false, retryable: true },
  );
}

function hostDown({ name, state, detail, hint }: AgentHostView): TurnEnd {
  return failedEnd(
    'agent_unreachable',
    say('failure.machineAway'),
    `Host ${name}: ${detail} ${hint ?? ''}`.trim(),
    // A line that was cut a moment ago may be back within the pauses of the turn.
    { reachedModel: false, retryable: state === 'retrying' },
  );
}

function unknownHost(name: string): TurnEnd {
  return failedEnd(
    'agent_unconfigured',
    say('failure.machineGone'),
    `The session's file is on host "${name}", which agent.hosts no longer has.`,
    { reachedModel: false },
  );
}
