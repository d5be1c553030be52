/** The lease as a decision: clocks that run at nearly the same speed and are set, pauses, suspensions, delays, partitions. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  BEAT_MS,
  hotMoment,
  LEASE_MS,
  type LeaderRow,
  type Moment,
  maySend,
  moment,
  takeOver,
  type Watch,
  watched,
} from '../../../src/store/postgres/leadership.ts';
import { tries } from '../../support/tries.ts';

const EMPTY: LeaderRow = { term: 0, beat: 0, released: true, holder: '', name: '' };

interface Fault {
  readonly node: number;
  /**
   * `pause`: the process stands still. `suspend`: its machine does, with the monotonic clock. `cut`: it runs, and does not
   * reach the database. `hold`: the same, and what was sent meanwhile arrives afterwards.
   */
  readonly kind: 'pause' | 'suspend' | 'cut' | 'hold';
  readonly fromMs: number;
  readonly forMs: number;
}

/** Somebody sets the wall clock of a node. */
interface Jump {
  readonly node: number;
  readonly atMs: number;
  readonly byMs: number;
}

interface Plan {
  /** Speed of each node's clock. */
  readonly speeds: readonly number[];
  /** How long a request, a commit and the answer take, in turn. They may overtake each other. */
  readonly delays: readonly number[];
  readonly faults: readonly Fault[];
  readonly jumps?: readonly Jump[];
}

interface Message {
  readonly at: number;
  readonly arrive: () => void;
}

interface Sent {
  readonly node: number;
  readonly term: number;
  readonly at: number;
}

const STEP_MS = 50;
const RUN_MS = 60_000;

const ANSWER_MS = { beat: 1_500, other: 10_000 };
const LONG_AGO: Moment = { monotonicMs: -LEASE_MS, wallMs: -LEASE_MS, uptimeMs: -LEASE_MS };

/**
 * One node: beats while it leads, looks while it does not, and sends whenever it believes it may. It asks one thing at a
 * time; what is not answered in time may still be carried out.
 */
class Node {
  term: number | undefined;
  #asked = LONG_AGO;
  #next = 0;
  #watch: Watch | undefined;
  #request = 0;
  #givesUp: number | undefined;
  readonly id: number;

  constructor(id: number) {
    this.id = id;
  }

  run(world: World): void {
    const { term } = this;
    if (term !== undefined && maySend(this.#asked, world.moment(this.id)))
      world.sent.push({ node: this.id, term, at: world.now });
    const now = world.monotonic(this.id);
    if (this.#givesUp !== undefined && now < this.#givesUp) return;
    this.#givesUp = undefined;
    if (now < this.#next) return;
    if (term === undefined) this.#look(world);
    else this.#beat(world, term);
  }

  #beat(world: World, term: number): void {
    const asked = world.moment(this.id);
    this.#next = world.monotonic(this.id) + BEAT_MS;
    this.#ask(
      world,
      ANSWER_MS.beat,
      () => beaten(world, term),
      (granted) => {
        if (granted) this.#asked = asked;
        else this.term = undefined;
      },
    );
  }

  #look(world: World): void {
    this.#next = world.monotonic(this.id) + 250;
    this.#ask(
      world,
      ANSWER_MS.other,
      () => world.row,
      (row) => {
        const now = world.monotonic(this.id);
        this.#watch = watched(this.#watch, row, now);
        const decision = takeOver(row, this.#watch, now, `node-${this.id}`);
        if (!decision.take) return;
        const asked = world.moment(this.id);
        this.#ask(
          world,
          ANSWER_MS.other,
          () => taken(world, row, this.id),
          (term) => {
            if (term === undefined) return;
            this.term = term;
            this.#asked = asked;
            this.#next = 0;
          },
        );
      },
    );
  }

  #ask<T>(world: World, answerMs: number, serve: () => T, answered: (answer: T) => void): void {
    this.#request += 1;
    const request = this.#request;
    this.#givesUp = world.monotonic(this.id) + answerMs;
    world.ask(this.id, serve, (answer) => {
      if (this.#request !== request || this.#givesUp === undefined) return;
      this.#givesUp = undefined;
      answered(answer);
    });
  }
}

/** What the database does with a beat. */
function beaten(world: World, term: number): boolean {
  if (world.row.term !== term) return false;
  world.row = { ...world.row, beat: world.row.beat + 1 };
  return true;
}

/** What the database does with a take-over: only what was seen is taken. */
function taken(world: World, seen: LeaderRow, node: number): number | undefined {
  if (world.row.term !== seen.term || world.row.beat !== seen.beat) return undefined;
  // Every node is a directory of its own, in which no other run can be.
  world.row = { term: seen.term + 1, beat: 0, released: false, holder: `run-of-${node}`, name: '' };
  return world.row.term;
}

class World {
  now = 0;
  row = EMPTY;
  readonly sent: Sent[] = [];
  readonly #plan: Plan;
  readonly #nodes = [new Node(0), new Node(1), new Node(2)];
  readonly #monotonic = [0, 0, 0];
  #messages: Message[] = [];
  #delay = 0;

  constructor(plan: Plan) {
    this.#plan = plan;
  }

  /** Stands still while the machine is suspended. */
  monotonic(node: number): number {
    return this.#monotonic[node] ?? 0;
  }

  moment(node: number): Moment {
    const passed = this.now * this.#speed(node);
    const jumps = (this.#plan.jumps ?? []).filter((jump) => jump.node === node && jump.atMs <= this.now);
    const wallMs = jumps.reduce((sum, { byMs }) => sum + byMs, passed);
    return { monotonicMs: this.monotonic(node), wallMs, uptimeMs: passed };
  }

  ask<T>(node: number, serve: () => T, answered: (answer: T) => void): void {
    this.#pass(node, () => {
      const answer = serve();
      this.#pass(node, () => this.#whenAwake(node, () => answered(answer)));
    });
  }

  run(): void {
    for (; this.now < RUN_MS; this.now += STEP_MS) {
      for (const { id } of this.#nodes)
        if (!this.#has('suspend', id)) this.#monotonic[id] = this.monotonic(id) + STEP_MS * this.#speed(id);
      const due = this.#messages.filter(({ at }) => at <= this.now);
      this.#messages = this.#messages.filter(({ at }) => at > this.now);
      for (const { arrive } of due) arrive();
      for (const node of this.#nodes) if (!this.#stands(node.id)) node.run(this);
    }
  }

  #speed(node: number): number {
    return this.#plan.speeds[node] ?? 1;
  }

  /** One way over the network: lost when it is cut at either end of the time, late when it is held. */
  #pass(node: number, arrive: () => void): void {
    if (this.#has('cut', node)) return;
    const { delays } = this.#plan;
    this.#delay += 1;
    const arriveUnlessOff = (): void => {
      if (this.#has('hold', node)) this.#messages.push({ at: this.now + STEP_MS, arrive: arriveUnlessOff });
      else if (!this.#has('cut', node)) arrive();
    };
    this.#messages.push({
      at: this.now + (delays[this.#delay % delays.length] ?? 0),
      arrive: arriveUnlessOff,
    });
  }

  /** An answer waits for a process that stands still. */
  #whenAwake(node: number, then: () => void): void {
    if (!this.#stands(node)) then();
    else this.#messages.push({ at: this.now + STEP_MS, arrive: () => this.#whenAwake(node, then) });
  }

  #stands(node: number): boolean {
    return this.#has('pause', node) || this.#has('suspend', node);
  }

  #has(kind: Fault['kind'], node: number): boolean {
    return this.#plan.faults.some(
      (fault) =>
        fault.kind === kind &&
        fault.node === node &&
        this.now >= fault.fromMs &&
        this.now < fault.fromMs + fault.forMs,
    );
  }
}

const plan: fc.Arbitrary<Plan> = fc.record({
  speeds: fc.array(fc.double({ min: 0.96, max: 1.04, noNaN: true }), { minLength: 3, maxLength: 3 }),
  delays: fc.array(
    fc.oneof(
      { weight: 9, arbitrary: fc.integer({ min: 1, max: 1500 }) },
      { weight: 1, arbitrary: fc.integer({ min: 1500, max: 20_000 }) },
    ),
    { minLength: 1, maxLength: 24 },
  ),
  jumps: fc.array(
    fc.record({
      node: fc.integer({ min: 0, max: 2 }),
      atMs: fc.integer({ min: 0, max: 55_000 }),
      byMs: fc.integer({ min: -3_600_000, max: 3_600_000 }),
    }),
    { maxLength: 4 },
  ),
  faults: fc.array(
    fc.record({
      node: fc.integer({ min: 0, max: 2 }),
      kind: fc.constantFrom('pause' as const, 'suspend' as const, 'cut' as const, 'hold' as const),
      fromMs: fc.integer({ min: 0, max: 45_000 }),
      forMs: fc.integer({ min: 100, max: 20_000 }),
    }),
    { maxLength: 8 },
  ),
});

describe('the lease', () => {
  it('never lets two send, whatever stands still, is late, is cut off or set to another time', () => {
    fc.assert(
      fc.property(plan, (given) => {
        const world = new World(given);
        world.run();
        let newest = 0;
        for (const { term } of world.sent) {
          if (term < newest) return false;
          newest = term;
        }
        return true;
      }),
      { numRuns: tries(300) },
    );
  });

  it('has another leader within ten seconds when one is gone for good', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2_000, max: 20_000 }), fc.integer({ min: 1, max: 200 }), (at, delay) => {
        const faults = [{ node: 0, kind: 'pause' as const, fromMs: at, forMs: RUN_MS }];
        const world = new World({ speeds: [1, 1, 1], delays: [delay], faults });
        world.run();
        const before = world.sent.filter((each) => each.at < at).at(-1);
        const next = world.sent.find((each) => each.at >= at && each.node !== 0);
        return before?.node !== 0 || (next !== undefined && next.at - at <= 10_000);
      }),
      { numRuns: tries(100) },
    );
  });

  it('ends by whichever clock shows the most, whatever stands still or is set back meanwhile', () => {
    const asked: Moment = { monotonicMs: 5_000, wallMs: 1_000_000, uptimeMs: 90_000 };
    const still = (given: Partial<Moment>): boolean => maySend(asked, { ...asked, ...given });
    expect(still({ monotonicMs: 6_000, wallMs: 1_001_000, uptimeMs: 91_000 })).toBe(true);
    expect(still({ wallMs: 1_000_000 + LEASE_MS })).toBe(false); // suspended, where only the wall clock knows
    expect(still({ wallMs: 500_000, uptimeMs: 90_000 + LEASE_MS })).toBe(false); // suspended, and set back
    expect(still({ monotonicMs: 5_000 + LEASE_MS, wallMs: 500_000 })).toBe(false);
    expect(maySend(moment(), hotMoment())).toBe(true);
  });

  it('takes its own place at once, and that of one that has stopped', () => {
    const row = { term: 3, beat: 7, released: false, holder: 'me', name: 'a' };
    const watch = watched(undefined, row, 0);
    expect(takeOver(row, watch, 0, 'me')).toEqual({ take: true, reason: 'own' });
    expect(takeOver(row, watch, 0, 'you')).toEqual({ take: false, waitMs: LEASE_MS });
    expect(takeOver({ ...row, released: true }, watch, 0, 'you')).toEqual({ take: true, reason: 'released' });
    expect(takeOver(row, watched(watch, { ...row, beat: 8 }, 3_000), LEASE_MS, 'you').take).toBe(false);
  });
});
