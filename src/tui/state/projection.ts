/**
 * Folds the gateway's events into bounded state without React. Folding is cheap and exact; `publish` makes the
 * immutable slices that are drawn, and only those that changed.
 */
import type { GatewayView, LogLine, Platform, RefusalView, UsageRow } from '../../gateway/model.ts';
import { isPlatform } from '../../gateway/model.ts';
import {
  type ListedRows,
  type OperatorEvent,
  type OperatorSnapshot,
  type RowChange,
  rowChange,
  rowKey,
  type SessionView,
} from '../../gateway/operator/operator.ts';
import { gatewayOf, originOf, ownId, withOrigin } from '../lists/list.ts';
import type { ContextView, LinkSlice, LogEntry, SessionRow, Slices } from './slices.ts';
import {
  compareAllowlist,
  compareOutbox,
  comparePairing,
  compareSchedules,
  compareSessions,
  compareTasks,
  isOpenTask,
  Pulse,
  platformRank,
  Ring,
  Traffic,
} from './slices.ts';

/**
 * Rows kept in order while single ones change. 20,000 rows with a handful of changes a frame must not be sorted again:
 * a changed row is taken out and put back where it belongs.
 */
interface SortedRowsOptions<T> {
  readonly key: (row: T) => string;
  /** A total order: rows with different keys never compare as 0. */
  readonly compare: (a: T, b: T) => number;
}

/** Above this many changes one walk through all rows is cheaper than moving them one by one. */
const MERGE_AT = 16;

export class SortedRows<T> {
  readonly #options: SortedRowsOptions<T>;
  readonly #byKey = new Map<string, T>();
  /** Keys changed since the last `rows()`, with the row that is still listed for them. */
  readonly #changed = new Map<string, T | undefined>();
  #rows: readonly T[] = [];

  constructor(options: SortedRowsOptions<T>) {
    this.#options = options;
  }

  get size(): number {
    return this.#byKey.size;
  }

  get(key: string): T | undefined {
    return this.#byKey.get(key);
  }

  set(row: T): void {
    const key = this.#options.key(row);
    if (!this.#changed.has(key)) this.#changed.set(key, this.#byKey.get(key));
    this.#byKey.set(key, row);
  }

  delete(key: string): boolean {
    const row = this.#byKey.get(key);
    if (row === undefined) return false;
    if (!this.#changed.has(key)) this.#changed.set(key, row);
    return this.#byKey.delete(key);
  }

  replace(rows: Iterable<T>): void {
    this.#byKey.clear();
    this.#changed.clear();
    for (const row of rows) this.#byKey.set(this.#options.key(row), row);
    this.#rows = [...this.#byKey.values()].sort(this.#options.compare);
  }

  /** The rows in order; the same array as long as nothing changed. */
  rows(): readonly T[] {
    if (this.#changed.size === 0) return this.#rows;
    this.#rows = this.#changed.size > MERGE_AT ? this.#merged() : this.#moved();
    this.#changed.clear();
    return this.#rows;
  }

  /** Each changed row is taken out and put back where it belongs. */
  #moved(): T[] {
    const next = this.#rows.slice();
    for (const listed of this.#changed.values()) {
      if (listed === undefined) continue;
      const at = this.#place(next, listed);
      if (next[at] === listed) next.splice(at, 1);
    }
    for (const key of this.#changed.keys()) {
      const row = this.#byKey.get(key);
      if (row !== undefined) next.splice(this.#place(next, row), 0, row);
    }
    return next;
  }

  /** The changed rows are sorted among themselves and merged into the others, which are in order already. */
  #merged(): T[] {
    const { compare } = this.#options;
    const gone = new Set(this.#changed.values());
    const fresh: T[] = [];
    for (const key of this.#changed.keys()) {
      const row = this.#byKey.get(key);
      if (row !== undefined) fresh.push(row);
    }
    fresh.sort(compare);
    const next: T[] = [];
    let at = 0;
    for (const row of this.#rows) {
      if (gone.has(row)) continue;
      for (let other = fresh[at]; other !== undefined && compare(other, row) < 0; other = fresh[at]) {
        next.push(other);
        at += 1;
      }
      next.push(row);
    }
    for (; at < fresh.length; at += 1) {
      const other = fresh[at];
      if (other !== undefined) next.push(other);
    }
    return next;
  }

  /** Index of the first row that does not come before `row`. */
  #place(rows: readonly T[], row: T): number {
    let low = 0;
    let high = rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = rows[middle];
      if (other !== undefined && this.#options.compare(other, row) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

export interface ProjectionLimits {
  readonly log: number;
  readonly refusals: number;
  /** Finished tasks kept next to all open ones. */
  readonly finishedTasks: number;
}

const DEFAULT_LIMITS: ProjectionLimits = { log: 5_000, refusals: 500, finishedTasks: 1_000 };

export class Projection {
  readonly #limits: ProjectionLimits;
  #gateway: GatewayView;
  readonly #rows: { readonly [L in keyof ListedRows]: SortedRows<ListedRows[L]> } = {
    adapters: new SortedRows({
      key: (row) => row.platform,
      compare: (a, b) => platformRank(a.platform) - platformRank(b.platform),
    }),
    sessions: new SortedRows({ key: (row) => row.id, compare: compareSessions }),
    tasks: new SortedRows({ key: (row) => row.id, compare: compareTasks }),
    schedules: new SortedRows({ key: (row) => row.id, compare: compareSchedules }),
    pairing: new SortedRows({ key: (row) => row.id, compare: comparePairing }),
    allowlist: new SortedRows({ key: rowKey.allowlist, compare: compareAllowlist }),
    outbox: new SortedRows({ key: (row) => row.id, compare: compareOutbox }),
    dialogs: new SortedRows({
      key: (row) => row.id,
      compare: (a, b) => a.createdAt - b.createdAt || a.number - b.number,
    }),
  };
  readonly #tokens = new Map<string, number>();
  readonly #refusals: Ring<RefusalView>;
  readonly #log: Ring<LogEntry>;
  readonly #traffic = new Traffic();
  readonly #pulse = new Pulse(({ id, chat }) => platformOf(id, chat.platform));
  #events = 0;
  #slices: Slices | undefined;
  #logSlice: readonly LogEntry[] = [];
  #refusalSlice: readonly RefusalView[] = [];

  constructor(snapshot: OperatorSnapshot, limits: ProjectionLimits = DEFAULT_LIMITS) {
    this.#limits = limits;
    this.#refusals = new Ring(limits.refusals);
    this.#log = new Ring(limits.log);
    this.#gateway = snapshot.gateway;
    this.load(snapshot);
  }

  /** Replaces everything by a snapshot (start, or a link that came back). Totals and log positions continue. */
  load(snapshot: OperatorSnapshot): void {
    this.#gateway = snapshot.gateway;
    this.#rows.adapters.replace(snapshot.adapters);
    this.#rows.sessions.replace(snapshot.sessions.map((row) => this.#withTokens(row)));
    this.#rows.tasks.replace(snapshot.tasks);
    this.#rows.schedules.replace(snapshot.schedules ?? []);
    this.#rows.pairing.replace(snapshot.pairing);
    this.#rows.allowlist.replace(snapshot.allowlist);
    this.#rows.outbox.replace(snapshot.outbox);
    this.#rows.dialogs.replace(snapshot.dialogs ?? []);
    this.#refusals.clear();
    for (const refusal of snapshot.refusals) this.#refusals.push(refusal);
    this.#log.clear();
    for (const line of snapshot.log) this.#log.push({ ...line, seq: this.#log.end });
    this.#refusalSlice = this.#refusals.toArray().reverse();
    this.#logSlice = this.#log.toArray();
    this.#slices = undefined;
  }

  /** Returns whether anything that is drawn may have changed. */
  fold(event: OperatorEvent, now: number): boolean {
    this.#events += 1;
    switch (event.type) {
      case 'gateway':
        this.#gateway = event.gateway;
        return true;
      case 'session':
        this.#pulse.session(event.session, now);
        // Of several gateways only failures are rows; the others count as well.
        if (originOf(event.session.id) !== undefined && event.session.lastFailure === undefined)
          return this.#rows.sessions.delete(event.session.id);
        this.#rows.sessions.set(this.#withTokens(event.session));
        return true;
      case 'session-removed':
        this.#pulse.gone(event.id);
        this.#tokens.delete(event.id);
        break;
      case 'refusal':
        this.#refusals.push(event.refusal);
        return true;
      case 'usage':
        return this.#countTokens(event.sessionId, event.inputTokens + event.outputTokens);
      case 'outbox':
        if (event.item.state === 'failed' && this.#rows.outbox.get(event.item.id)?.state !== 'failed')
          this.#pulse.error(platformOf(event.item.id, event.item.chat.platform), now);
        break;
      case 'traffic':
        this.#traffic.count(event.direction, now);
        this.#pulse.message(event.platform, event.direction, now);
        this.#countAt(event.platform, event.direction);
        return true;
      case 'log':
        this.#log.push({ ...event.line, seq: this.#log.end });
        if (event.line.level === 'error' && isPlatform(ownId(event.line.source)))
          this.#pulse.error(event.line.source as Platform, now);
        return true;
    }
    // What is no change of a row is shown in an open transcript only; it listens for itself.
    const change = rowChange(event);
    return change !== undefined && this.#apply(change);
  }

  #apply<K extends keyof ListedRows>({ list, key, row }: RowChange<K>): boolean {
    const rows: SortedRows<ListedRows[K]> = this.#rows[list];
    if (row === undefined) return rows.delete(key);
    rows.set(row);
    return true;
  }

  /** The tokens that were counted before the console opened. */
  countUsage(usage: readonly UsageRow[]): void {
    this.#tokens.clear();
    for (const { sessionId, inputTokens, outputTokens } of usage)
      this.#tokens.set(sessionId, (this.#tokens.get(sessionId) ?? 0) + inputTokens + outputTokens);
    this.#rows.sessions.replace(this.#rows.sessions.rows().map((row) => this.#withTokens(row)));
  }

  /** False where no row shows it. */
  #countTokens(sessionId: string, tokens: number): boolean {
    this.#tokens.set(sessionId, (this.#tokens.get(sessionId) ?? 0) + tokens);
    const row = this.#rows.sessions.get(sessionId);
    if (row !== undefined) this.#rows.sessions.set(this.#withTokens(row));
    return row !== undefined;
  }

  #withTokens(row: SessionView): SessionRow {
    const tokens = this.#tokens.get(row.id);
    return tokens === undefined ? row : { ...row, tokens };
  }

  /** A line of the console itself; not an event of the gateway. */
  note(line: LogLine): void {
    this.#log.push({ ...line, seq: this.#log.end });
  }

  publish(now: number, link: LinkSlice, contexts: readonly ContextView[] = []): Slices {
    this.#dropFinishedTasks();
    if (this.#logChanged()) this.#logSlice = this.#log.toArray();
    if (this.#refusalsChanged()) this.#refusalSlice = this.#refusals.toArray().reverse();
    const before = this.#slices;
    this.#slices = {
      gateway: this.#gateway,
      link: before !== undefined && sameLink(before.link, link) ? before.link : link,
      adapters: this.#rows.adapters.rows(),
      sessions: this.#rows.sessions.rows(),
      tasks: this.#rows.tasks.rows(),
      schedules: this.#rows.schedules.rows(),
      pairing: this.#rows.pairing.rows(),
      allowlist: this.#rows.allowlist.rows(),
      refusals: this.#refusalSlice,
      outbox: this.#rows.outbox.rows(),
      dialogs: this.#rows.dialogs.rows(),
      log: this.#logSlice,
      contexts,
      traffic: this.#traffic.slice(now),
      pulse: this.#pulse.slice(now),
      events: this.#events,
      now,
    };
    return this.#slices;
  }

  /** An adapter's own row comes only when its health changes; its counters go on in the meantime. */
  #countAt(platform: Platform, direction: 'in' | 'out'): void {
    const row = this.#rows.adapters.get(platform);
    if (row === undefined) return;
    this.#rows.adapters.set(
      direction === 'in' ? { ...row, received: row.received + 1 } : { ...row, sent: row.sent + 1 },
    );
  }

  #logChanged(): boolean {
    return (this.#logSlice.at(-1)?.seq ?? this.#log.first - 1) !== this.#log.end - 1;
  }

  #refusalsChanged(): boolean {
    return this.#refusalSlice[0] !== this.#refusals.last;
  }

  #dropFinishedTasks(): void {
    const rows = this.#rows.tasks.rows();
    if (rows.length <= this.#limits.finishedTasks) return;
    const open = rows.findIndex((task) => !isOpenTask(task));
    if (open < 0) return;
    // Finished tasks are listed newest first, behind the open ones: the tail is what goes.
    for (const task of rows.slice(open + this.#limits.finishedTasks)) this.#rows.tasks.delete(task.id);
  }
}

/** As the adapter of a row is called: with its gateway, where rows of several are on the screen. */
function platformOf(id: string, platform: Platform): Platform {
  const gateway = gatewayOf(id);
  return gateway === undefined ? platform : (withOrigin(gateway, platform) as Platform);
}

function sameLink(a: LinkSlice, b: LinkSlice): boolean {
  return (
    a.kind === b.kind &&
    a.url === b.url &&
    a.connected === b.connected &&
    a.asOf === b.asOf &&
    a.waiting === b.waiting
  );
}
