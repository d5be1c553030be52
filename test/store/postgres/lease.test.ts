/** The lease as a decision: clocks that run at nearly the same speed, pauses, delays, partitions. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  BEAT_MS,
  LEASE_MS,
  type LeaderRow,
  leaderClock,
  maySend,
  takeOver,
  type Watch,
  watched,
} from '../../../src/store/postgres/lease.ts';

const EMPTY: LeaderRow = { term: 0, beat: 0, released: true, holder: '', name: '' };

interface Fault {
  readonly node: number;
  /** `pause`: the process stands still. `cut`: it runs, and does not reach the database. */
  readonly kind: 'pause' | 'cut';
  readonly fromMs: number;
  readonly forMs: number;
}

interface Plan {
  /** Speed of each node's clock. */
  readonly speeds: readonly number[];
  /** How long a request takes, one way, in turn. */
  readonly delays: readonly number[];
  readonly faults: readonly Fault[];
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

const STEP_MS = 25;
const RUN_MS = 60_000;

/** One node: beats while it leads, looks while it does not, and sends whenever it believes it may. */
class Node {
  term: number | undefined;
  lost = false;
  #asked = 0;
  #nextBeat = 0;
  #nextLook = 0;
  #watch: Watch | undefined;
  readonly id: number;

  constructor(id: number) {
    this.id = id;
  }

  run(own: number, world: World): void {
    if (this.term !== undefined && !this.lost) {
      if (maySend(this.#asked, own)) world.sent.push({ node: this.id, term: this.term, at: world.now });
      if (own >= this.#nextBeat) {
        this.#nextBeat = own + BEAT_MS;
        const { term } = this;
        world.ask(
          this.id,
          () => {
            if (world.row.term !== term) return false;
            world.row = { ...world.row, beat: world.row.beat + 1 };
            return true;
          },
          (granted) => {
            if (!granted) this.lost = true;
            else this.#asked = Math.max(this.#asked, own);
          },
        );
      }
      return;
    }
    if (own < this.#nextLook) return;
    this.#nextLook = own + 250;
    world.ask(
      this.id,
      () => world.row,
      (row) => {
        const now = world.ownTime(this.id);
        this.#watch = watched(this.#watch, row, now);
        const decision = takeOver(row, this.#watch, now, `node-${this.id}`);
        if (!decision.take || (decision.reason === 'own' && row.term > 0)) return;
        world.ask(
          this.id,
          () => {
            if (world.row.term !== row.term || world.row.beat !== row.beat) return undefined;
            world.row = {
              term: row.term + 1,
              beat: 0,
              released: false,
              holder: `other-run-of-${this.id}`,
              name: '',
            };
            return world.row.term;
          },
          (term) => {
            if (term === undefined) return;
            this.term = term;
            this.lost = false;
            this.#asked = now;
            this.#nextBeat = now;
          },
        );
      },
    );
  }
}

class World {
  now = 0;
  row = EMPTY;
  readonly sent: Sent[] = [];
  readonly #plan: Plan;
  readonly #nodes = [new Node(0), new Node(1), new Node(2)];
  #messages: Message[] = [];
  #delay = 0;

  constructor(plan: Plan) {
    this.#plan = plan;
  }

  ownTime(node: number): number {
    return this.now * (this.#plan.speeds[node] ?? 1);
  }

  ask<T>(node: number, serve: () => T, answered: (answer: T) => void): void {
    if (this.#has('cut', node)) return;
    this.#after(() => {
      const answer = serve();
      const back = (): void => {
        // An answer waits for a process that stands still.
        if (this.#has('pause', node)) this.#messages.push({ at: this.now + STEP_MS, arrive: back });
        else answered(answer);
      };
      this.#after(() => {
        if (!this.#has('cut', node)) back();
      });
    });
  }

  run(): void {
    for (; this.now < RUN_MS; this.now += STEP_MS) {
      const due = this.#messages.filter(({ at }) => at <= this.now);
      this.#messages = this.#messages.filter(({ at }) => at > this.now);
      for (const { arrive } of due) arrive();
      for (const node of this.#nodes) if (!this.#has('pause', node.id)) node.run(this.ownTime(node.id), this);
    }
  }

  #after(arrive: () => void): void {
    const { delays } = this.#plan;
    this.#delay += 1;
    this.#messages.push({ at: this.now + (delays[this.#delay % delays.length] ?? 0), arrive });
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
  delays: fc.array(fc.integer({ min: 1, max: 1500 }), { minLength: 1, maxLength: 12 }),
  faults: fc.array(
    fc.record({
      node: fc.integer({ min: 0, max: 2 }),
      kind: fc.constantFrom('pause' as const, 'cut' as const),
      fromMs: fc.integer({ min: 0, max: 45_000 }),
      forMs: fc.integer({ min: 100, max: 20_000 }),
    }),
    { maxLength: 8 },
  ),
});

describe('the lease', () => {
  it('never lets two send, whatever stands still, is late or is cut off', () => {
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
      { numRuns: 150 },
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
      { numRuns: 40 },
    );
  });

  it('ends while a machine is suspended, although its monotonic clock stands still', () => {
    let wall = 0;
    const clock = leaderClock(
      () => 0,
      () => wall,
    );
    expect(maySend(0, clock())).toBe(true);
    wall += LEASE_MS;
    expect(maySend(0, clock())).toBe(false);
  });

  it('does not come back when somebody sets the clock back', () => {
    let wall = 1_000_000;
    let monotonic = 0;
    const clock = leaderClock(
      () => monotonic,
      () => wall,
    );
    monotonic += LEASE_MS;
    wall -= 500_000;
    expect(maySend(0, clock())).toBe(false);
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
