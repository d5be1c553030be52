import { uptime } from 'node:os';
import { defined } from '../../base/defined.ts';
import { GatewayError, LeaderError, messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { isRefusal, LOCK_KEY, type PgLink } from './link.ts';

/**
 * Who may send, and who may take over. A leader proves with every beat that it is there, and may send for a while after
 * the moment at which it asked for one that was granted. A standby takes over when it has seen the same beat for longer
 * than that. Each measures with its own clock; only that both run at nearly the same speed is relied on.
 */
export const LEASE_MS = 3_000;
export const BEAT_MS = 500;
/** What a standby waits longer than a leader sends: clocks that differ by a tenth, and a request on its way. */
const MARGIN_MS = LEASE_MS / 10;

/** What the database says about its leader. */
export interface LeaderRow {
  readonly term: number;
  readonly beat: number;
  /** It has ended and said so. */
  readonly released: boolean;
  /** The data directory and machine of the leader. */
  readonly holder: string;
  /** For people. */
  readonly name: string;
}

/** Since when a standby sees the same beat, by its own clock. */
export interface Watch {
  readonly term: number;
  readonly beat: number;
  readonly sinceMs: number;
}

/** Every look at the row; a beat that is new starts the time again. */
export function watched(before: Watch | undefined, row: LeaderRow, nowMs: number): Watch {
  if (before !== undefined && before.term === row.term && before.beat === row.beat) return before;
  return { term: row.term, beat: row.beat, sinceMs: nowMs };
}

type TakeOver =
  | { readonly take: true; readonly reason: 'no leader' | 'released' | 'own' | 'silent' }
  | { readonly take: false; readonly waitMs: number };

/**
 * `holder` is who asks. Its own row is of a run that is over: the lock on the data directory, which it holds, says so.
 * What is taken has to be exactly the row that was seen: a beat that comes between prevents it.
 */
export function takeOver(row: LeaderRow, watch: Watch, nowMs: number, holder: string): TakeOver {
  if (row.term === 0) return { take: true, reason: 'no leader' };
  if (row.released) return { take: true, reason: 'released' };
  if (row.holder === holder) return { take: true, reason: 'own' };
  const waitMs = watch.sinceMs + LEASE_MS - nowMs;
  return waitMs <= 0 ? { take: true, reason: 'silent' } : { take: false, waitMs };
}

/** A look at every clock. Each may stand still or be set: only together they tell how much time has passed. */
export interface Moment {
  /** Stands still while the machine is suspended. */
  readonly monotonicMs: number;
  /** Is set by people and by time servers. */
  readonly wallMs: number;
  /** Since the machine was started, suspended time included; 0 where no such clock is known. */
  readonly uptimeMs: number;
}

export function moment(): Moment {
  return { monotonicMs: performance.now(), wallMs: Date.now(), uptimeMs: uptimeMs() };
}

/** The same, for many looks: `uptimeMs` is a file on Linux, and read only when it is asked for. */
export function hotMoment(): Moment {
  return {
    monotonicMs: performance.now(),
    wallMs: Date.now(),
    get uptimeMs() {
      return uptimeMs();
    },
  };
}

/** Linux: the clock that neither stands still nor is set. Elsewhere it follows the wall clock. */
function uptimeMs(): number {
  return process.platform === 'linux' ? uptime() * 1000 : 0;
}

/** Closer than this, nothing stood still and nobody has set a clock. */
const AGREE_MS = 5;

/** As the clock has it that shows the most. */
function elapsedMs(from: Moment, to: Moment): number {
  const monotonic = to.monotonicMs - from.monotonicMs;
  const wall = to.wallMs - from.wallMs;
  if (Math.abs(monotonic - wall) < AGREE_MS) return Math.max(monotonic, wall);
  return Math.max(monotonic, wall, to.uptimeMs - from.uptimeMs);
}

/** `asked`: when the last beat that was granted had been asked for. */
export function maySend(asked: Moment, now: Moment): boolean {
  return elapsedMs(asked, now) < LEASE_MS - MARGIN_MS;
}

/** A beat that is answered later than this was of no use. */
const BEAT_ANSWER_MS = 1_500;
const LOCK_TRIES = 3;

/** Who this process is, for the row of the leader. */
interface Candidate {
  /** The same for every run on this data directory and machine, and for nobody else. */
  readonly holder: string;
  /** For people: host and process. */
  readonly name: string;
}

interface StoredRow {
  readonly term: string;
  readonly beat: string;
  readonly released: boolean;
  readonly holder: string;
  readonly name: string;
  readonly backend: number;
  readonly files: string;
}

/** Watches the row of the leader and takes it over when it may. */
export class Election {
  readonly #link: PgLink;
  readonly #self: Candidate;
  readonly #log: Logger;
  #watch: Watch | undefined;
  #row: LeaderRow | undefined;

  constructor(link: PgLink, self: Candidate, log: Logger) {
    this.#link = link;
    this.#self = self;
    this.#log = log;
  }

  /** Who leads, as of the last look. */
  get leader(): LeaderRow | undefined {
    return this.#row;
  }

  /** Looks, and leads where nobody else does. Undefined while somebody does. */
  async run(): Promise<Leadership | undefined> {
    const { rows } = await this.#link.query<StoredRow>('SELECT * FROM pi_gateway_leader');
    const stored = rows[0];
    if (stored === undefined) throw new Error('the table pi_gateway_leader has no row');
    const row = { ...stored, term: Number(stored.term), beat: Number(stored.beat) };
    const now = performance.now();
    this.#row = row;
    this.#watch = watched(this.#watch, row, now);
    const decision = takeOver(row, this.#watch, now, this.#self.holder);
    if (!decision.take) return undefined;
    if (!(await this.#lock(row, stored.backend))) return undefined;
    const asked = moment();
    const term = await this.#begin(row);
    if (term === undefined) return undefined;
    this.#log.info('leading the store', {
      term,
      because: decision.reason,
      ...(row.name === '' ? {} : { after: row.name }),
    });
    const files = filesAt(row.files, this.#self.holder);
    return new Leadership({ link: this.#link, term, files, log: this.#log, asked });
  }

  /**
   * The session lock is for one candidate at a time. A leader that is frozen, or cut off without the database noticing,
   * still has it: its time is over, so its session is ended. So is any other that has it and has not begun to lead a
   * moment later: an earlier session of that leader, or a candidate that froze.
   */
  async #lock(seen: LeaderRow, backend: number): Promise<boolean> {
    for (let tries = 0; tries < LOCK_TRIES; tries += 1) {
      const { rows } = await this.#link.query<{ got: boolean }>(
        `SELECT pg_try_advisory_lock(${LOCK_KEY}) AS got`,
      );
      if (rows[0]?.got) return true;
      try {
        await this.#link.query(
          `SELECT count(pg_terminate_backend(pid)), pg_sleep(0.1) FROM pg_locks
            WHERE locktype = 'advisory' AND (pid = $1 OR $2) AND pid <> pg_backend_pid() AND granted
              AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
              AND ((classid::bigint << 32) | objid::bigint) = ${LOCK_KEY}
              AND EXISTS (SELECT FROM pi_gateway_leader WHERE term = $3 AND beat = $4)`,
          [backend, tries > 0, seen.term, seen.beat],
        );
      } catch (error) {
        if (!isRefusal(error)) throw error;
        // The session of another role is not ours to end. What counts is the row; the lock only keeps the order.
        return true;
      }
    }
    return false;
  }

  /** Only what was seen is taken over: in one statement, which waits for every insert that has looked at the row. */
  async #begin(seen: LeaderRow): Promise<number | undefined> {
    const { holder, name } = this.#self;
    const { count } = await this.#link.query(
      `WITH seen AS (SELECT 1 FROM pi_gateway_leader WHERE term = $1 AND beat = $2 FOR UPDATE)
        UPDATE pi_gateway_leader SET term = term + 1, beat = 0, released = false,
          holder = $3, name = $4, backend = pg_backend_pid()
        WHERE EXISTS (SELECT FROM seen)`,
      [seen.term, seen.beat, holder, name],
    );
    if (count === 1) return seen.term + 1;
    await this.#link.query(`SELECT pg_advisory_unlock(${LOCK_KEY})`);
    return undefined;
  }
}

/**
 * Where the newest files of the adapters are: in this data directory, in that of another gateway (here only as their
 * copies in PostgreSQL), or in whichever begins first. A leader that ended before it had taken them over changes nothing.
 */
type FilesAt = 'here' | 'elsewhere' | 'nowhere';

function filesAt(stored: string, holder: string): FilesAt {
  if (stored === '') return 'nowhere';
  return stored === holder ? 'here' : 'elsewhere';
}

interface LeadershipOptions {
  /** The session that holds the lock. */
  readonly link: PgLink;
  readonly term: number;
  readonly files: FilesAt;
  readonly log: Logger;
  /** When the term was asked for. */
  readonly asked: Moment;
}

/** One term. Ends for good when another gateway has begun the next one. */
export class Leadership {
  readonly term: number;
  readonly files: FilesAt;
  readonly #options: LeadershipOptions;
  readonly #timer: NodeJS.Timeout;
  readonly #listeners: ((error: LeaderError) => void)[] = [];
  #asked: Moment;
  #generation: number;
  #beating = false;
  #released = false;
  #silent = false;
  #lost: LeaderError | undefined;

  constructor(options: LeadershipOptions) {
    this.#options = options;
    this.term = options.term;
    this.files = options.files;
    this.#asked = options.asked;
    this.#generation = options.link.generation;
    this.#timer = setInterval(() => void this.#beat(), BEAT_MS);
    this.#timer.unref();
  }

  /** Set for good when another gateway has taken over. */
  get lost(): LeaderError | undefined {
    return this.#lost;
  }

  /** Calls `listener` once, when another gateway has taken over: at once when it has already. */
  onLost(listener: (error: LeaderError) => void): void {
    if (this.#lost === undefined) this.#listeners.push(listener);
    else listener(this.#lost);
  }

  /** Why nothing may be sent at present; it may be allowed again later, unless the term is over. */
  get refusal(): GatewayError | undefined {
    if (this.#lost !== undefined) return this.#lost;
    if (maySend(this.#asked, hotMoment())) return undefined;
    return unreachable();
  }

  /** The files of the adapters are in this data directory from now on. */
  async keepFiles(): Promise<void> {
    const { link, term } = this.#options;
    const { count } = await link.query('UPDATE pi_gateway_leader SET files = holder WHERE term = $1', [term]);
    if (count === 0) throw this.lose();
  }

  /** The term is over: what was asked of the database proves it. */
  lose(): LeaderError {
    if (this.#lost !== undefined) return this.#lost;
    this.#lost = new LeaderError('leader_lost', 'another gateway leads the store now', {
      status: 503,
      hint: 'Everything that was acknowledged is stored, and the other gateway continues with it. Start this one again as a standby.',
    });
    clearInterval(this.#timer);
    for (const listener of this.#listeners.splice(0)) listener(this.#lost);
    return this.#lost;
  }

  /** Lets the next one begin at once. Everything has to be stopped. Bounded, never rejects. */
  async release(): Promise<void> {
    if (this.#released) return;
    this.#released = true;
    clearInterval(this.#timer);
    const { link, term } = this.#options;
    if (this.#lost === undefined)
      await link
        .query(
          'UPDATE pi_gateway_leader SET released = true, beat = beat + 1 WHERE term = $1',
          [term],
          BEAT_ANSWER_MS,
        )
        .catch(() => {}); // then the next one waits until the lease is over
    link.close();
  }

  async #beat(): Promise<void> {
    if (this.#beating || this.#released) return;
    this.#beating = true;
    const { link, log, term } = this.#options;
    const asked = moment();
    try {
      const { count } = await link.query(
        { name: 'beat', text: 'UPDATE pi_gateway_leader SET beat = beat + 1 WHERE term = $1' },
        [term],
        BEAT_ANSWER_MS,
      );
      if (count === 0) {
        if (!this.#released) this.lose();
        return;
      }
      this.#asked = asked;
      if (this.#silent) log.info('the database answers again');
      this.#silent = false;
      if (this.#generation !== link.generation) await this.#lockAgain();
    } catch (error) {
      if (!this.#silent)
        log.error('the database does not answer: nothing is sent or accepted until it does', {
          error: messageOf(error),
        });
      this.#silent = true;
    } finally {
      this.#beating = false;
    }
  }

  /** The lock went with the session; a standby may hold it for a moment, and gives it back when it sees the beat. */
  async #lockAgain(): Promise<void> {
    const { link } = this.#options;
    const { generation } = link;
    const { rows } = await link.query<{ got: boolean }>(
      `UPDATE pi_gateway_leader SET backend = pg_backend_pid() WHERE term = $1
        RETURNING pg_try_advisory_lock(${LOCK_KEY}) AS got`,
      [this.term],
    );
    if (rows[0]?.got) this.#generation = generation;
  }
}

export function unreachable(cause?: unknown): GatewayError {
  return new GatewayError('storage_unreachable', 'the database does not answer: nothing can be stored', {
    status: 503,
    hint: 'The gateway resumes as soon as it answers again.',
    ...defined({ cause }),
  });
}
