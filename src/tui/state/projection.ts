/**
 * Folds the gateway's events into bounded state without React. Folding is cheap and exact; `publish` makes the
 * immutable slices that are drawn, and only those that changed.
 */
import type {
  AdapterView,
  DialogView,
  GatewayView,
  LogLine,
  Platform,
  RefusalView,
} from '../../gateway/model.ts';
import type { OperatorEvent, OperatorSnapshot } from '../../gateway/operator.ts';
import {
  allowlistKey,
  compareAllowlist,
  compareOutbox,
  comparePairing,
  compareSchedules,
  compareSessions,
  compareTasks,
  isOpenTask,
  platformRank,
} from './orders.ts';
import { Ring } from './ring.ts';
import type { LinkSlice, LogEntry, Slices } from './slices.ts';
import { SortedRows } from './sorted-rows.ts';
import { Traffic } from './traffic.ts';

export interface ProjectionLimits {
  readonly log: number;
  readonly refusals: number;
  /** Finished tasks kept beside all open ones. */
  readonly finishedTasks: number;
}

export const DEFAULT_LIMITS: ProjectionLimits = { log: 5_000, refusals: 500, finishedTasks: 1_000 };

export class Projection {
  readonly #limits: ProjectionLimits;
  #gateway: GatewayView;
  readonly #adapters = new SortedRows<AdapterView>({
    key: (row) => row.platform,
    compare: (a, b) => platformRank(a.platform) - platformRank(b.platform),
  });
  readonly #sessions = new SortedRows({ key: (row) => row.id, compare: compareSessions });
  readonly #tasks = new SortedRows({ key: (row) => row.id, compare: compareTasks });
  readonly #schedules = new SortedRows({ key: (row) => row.id, compare: compareSchedules });
  readonly #pairing = new SortedRows({ key: (row) => row.id, compare: comparePairing });
  readonly #allowlist = new SortedRows({ key: allowlistKey, compare: compareAllowlist });
  readonly #outbox = new SortedRows({ key: (row) => row.id, compare: compareOutbox });
  readonly #dialogs = new SortedRows<DialogView>({
    key: (row) => row.id,
    compare: (a, b) => a.createdAt - b.createdAt || a.number - b.number,
  });
  readonly #refusals: Ring<RefusalView>;
  readonly #log: Ring<LogEntry>;
  readonly #traffic = new Traffic();
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

  /** Replaces everything by a snapshot (start, or a link that came back). Totals and log positions go on. */
  load(snapshot: OperatorSnapshot): void {
    this.#gateway = snapshot.gateway;
    this.#adapters.replace(snapshot.adapters);
    this.#sessions.replace(snapshot.sessions);
    this.#tasks.replace(snapshot.tasks);
    this.#schedules.replace(snapshot.schedules ?? []);
    this.#pairing.replace(snapshot.pairing);
    this.#allowlist.replace(snapshot.allowlist);
    this.#outbox.replace(snapshot.outbox);
    this.#dialogs.replace(snapshot.dialogs ?? []);
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
      case 'adapter':
        this.#adapters.set(event.adapter);
        return true;
      case 'session':
        this.#sessions.set(event.session);
        return true;
      case 'session-removed':
        return this.#sessions.delete(event.id);
      case 'task':
        this.#tasks.set(event.task);
        return true;
      case 'schedule':
        this.#schedules.set(event.schedule);
        return true;
      case 'schedule-removed':
        return this.#schedules.delete(event.id);
      case 'pairing':
        this.#pairing.set(event.request);
        return true;
      case 'pairing-closed':
        return this.#pairing.delete(event.id);
      case 'allowlist':
        this.#allowlist.set(event.entry);
        return true;
      case 'allowlist-removed':
        return this.#allowlist.delete(allowlistKey(event));
      case 'refusal':
        this.#refusals.push(event.refusal);
        return true;
      case 'outbox':
        if (event.item.state === 'delivered' || event.item.state === 'abandoned')
          return this.#outbox.delete(event.item.id);
        this.#outbox.set(event.item);
        return true;
      case 'dialog':
        this.#dialogs.set(event.dialog);
        return true;
      case 'dialog-closed':
        return this.#dialogs.delete(event.id);
      case 'traffic':
        this.#traffic.count(event.direction, now);
        this.#countAt(event.platform, event.direction);
        return true;
      case 'log':
        this.#log.push({ ...event.line, seq: this.#log.end });
        return true;
      case 'decision':
      case 'inbound':
      case 'turn':
      case 'usage':
      case 'transcript':
        // Only an open transcript shows these; it listens for itself.
        return false;
      default:
        return unknownEvent(event);
    }
  }

  /** A line of the console itself; not an event of the gateway. */
  note(line: LogLine): void {
    this.#log.push({ ...line, seq: this.#log.end });
  }

  publish(now: number, link: LinkSlice): Slices {
    this.#dropFinishedTasks();
    if (this.#logChanged()) this.#logSlice = this.#log.toArray();
    if (this.#refusalsChanged()) this.#refusalSlice = this.#refusals.toArray().reverse();
    const before = this.#slices;
    this.#slices = {
      gateway: this.#gateway,
      link: before !== undefined && sameLink(before.link, link) ? before.link : link,
      adapters: this.#adapters.rows(),
      sessions: this.#sessions.rows(),
      tasks: this.#tasks.rows(),
      schedules: this.#schedules.rows(),
      pairing: this.#pairing.rows(),
      allowlist: this.#allowlist.rows(),
      refusals: this.#refusalSlice,
      outbox: this.#outbox.rows(),
      dialogs: this.#dialogs.rows(),
      log: this.#logSlice,
      traffic: this.#traffic.slice(now),
      events: this.#events,
      now,
    };
    return this.#slices;
  }

  /** An adapter's own row comes only when its health changes; its counters go on meanwhile. */
  #countAt(platform: Platform, direction: 'in' | 'out'): void {
    const row = this.#adapters.get(platform);
    if (row === undefined) return;
    this.#adapters.set(
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
    const rows = this.#tasks.rows();
    if (rows.length <= this.#limits.finishedTasks) return;
    const open = rows.findIndex((task) => !isOpenTask(task));
    if (open < 0) return;
    // Finished tasks are listed newest first, behind the open ones: the tail is what goes.
    for (const task of rows.slice(open + this.#limits.finishedTasks)) this.#tasks.delete(task.id);
  }
}

function sameLink(a: LinkSlice, b: LinkSlice): boolean {
  return a.kind === b.kind && a.url === b.url && a.connected === b.connected && a.asOf === b.asOf;
}

/** A newer gateway at the other end may send events that this console does not know. */
function unknownEvent(_event: never): false {
  return false;
}
