/** What the parts of the gateway work with. A part takes this and what is its own, not an interface of its own for it. */

import type { Clock } from '../base/async.ts';
import { GatewayError, messageOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { DataFolder } from '../store/data-folder.ts';
import type { Database, Tx } from '../store/database.ts';
import type { Adapter, CandidateSettings } from './adapter.ts';
import type { Agent } from './agent/agent.ts';
import type { Settings } from './config/settings.ts';
import { type Decide, DecisionTrace } from './decisions.ts';
import type { EventStream } from './events.ts';
import { Readers } from './language/readers.ts';
import type { LineFile, LogHub } from './log-hub.ts';
import type { ChatRef, Platform, RefusalView, TaskView } from './model.ts';
import { egressText, type Redactor } from './send/egress.ts';
import { Timings } from './timings/timings.ts';

interface Stores {
  readonly sessions: Database;
  readonly security: Database;
  readonly tasks: Database;
}

/** What a gateway is made of; `compose.ts` and tests bring it. */
export interface GatewayDeps {
  readonly settings: Settings;
  readonly folder: DataFolder;
  readonly stores: Stores;
  /** Undefined: no one gets an automatic answer. */
  readonly agent: Agent | undefined;
  /** With candidate settings: made only to check them. */
  readonly createAdapter: (platform: Platform, candidate?: CandidateSettings) => Promise<Adapter>;
  readonly events: EventStream;
  readonly logs: LogHub;
  /** Keeps rejected messages over restarts. */
  readonly refusalFile?: LineFile<RefusalView> | undefined;
  /** Removes the copies of these sessions that are kept outside of the data directory. */
  readonly dropCopies?: (stems: Iterable<string>) => Promise<void>;
  readonly redactor: Redactor;
  readonly clock: Clock;
  readonly version: string;
  readonly demo: boolean;
  /** Shown in red for the whole run, one phrase each. */
  readonly badges?: readonly string[];
  /** Environment of programs that an operator starts as tasks; default: an empty one. */
  readonly programEnv?: NodeJS.ProcessEnv;
  /** Where `$NAME` of the configuration is looked up; default: nothing is set. */
  readonly env?: NodeJS.ProcessEnv;
  /** Told about every change of a task that belongs to a chat. */
  readonly taskChanged?: (chat: ChatRef, task: TaskView) => void;
}

/** Stores what must not be lost: tries until the disk takes it, or no one waits for it anymore. */
type Persist = <T>(body: (tx: Tx) => T) => Promise<T>;

export interface Core
  extends Pick<
    GatewayDeps,
    | 'settings'
    | 'folder'
    | 'stores'
    | 'agent'
    | 'events'
    | 'redactor'
    | 'clock'
    | 'programEnv'
    | 'taskChanged'
  > {
  /** The store of this part, and the log under its name. */
  readonly db: Database;
  readonly persist: Persist;
  readonly log: Logger;
  readonly decide: Decide;
  /** How long the steps of messages take. */
  readonly timings: Timings;
  /** Who reads which language. */
  readonly readers: Readers;
  /** Of a platform that is connected. */
  readonly adapter: (platform: Platform) => Adapter | undefined;
  /** Also of one that is not connected right now. */
  readonly known: (platform: Platform) => Adapter | undefined;
  /** The one way of every text to the outside: secrets are left out. */
  readonly egress: (text: string) => string;
}

export interface Cores {
  readonly decisions: DecisionTrace;
  /** The core as a part sees it: with its store, and its name in the log. */
  of(store: keyof Stores, name: string): Core;
}

/** `stopping`: no one waits for the store anymore. */
export function createCores(
  deps: GatewayDeps,
  stopping: AbortSignal,
  adapters: Pick<Core, 'adapter' | 'known'>,
): Cores {
  const { settings, folder, stores, agent, events, redactor, clock, programEnv, taskChanged } = deps;
  const log = deps.logs.logger('gateway');
  const decisions = new DecisionTrace({
    clock,
    log: log.child('decisions'),
    show: (decision) => events.emit({ type: 'decision', decision }),
  });
  const readers = new Readers(stores.sessions, settings, log.child('languages'));
  const common = {
    ...{ readers, settings, folder, stores, agent, events, redactor, clock, programEnv, taskChanged },
    ...adapters,
    decide: decisions.note,
    timings: new Timings({ clock }),
    egress: (text: string): string => egressText(text, redactor),
  };
  return {
    decisions,
    of: (store, name) => {
      const db = stores[store];
      return { ...common, db, log: log.child(name), persist: (body) => persist(db, body, stopping, log) };
    },
  };
}

const MIN_WAIT_MS = 250;
const MAX_WAIT_MS = 10_000;
/** Not `leader_lost`: another gateway continues with what is stored. */
const PASSING: ReadonlySet<string> = new Set(['storage_full', 'storage_failed', 'storage_unreachable']);

/**
 * Stores something that must not be lost: tries until the store takes it (a full disk may be emptied any moment, a
 * database comes back).
 * Rejects when `signal` aborts, and with whatever `body` throws: that does not get better by itself.
 */
export async function persist<T>(
  db: Pick<Database, 'write'>,
  body: (tx: Tx) => T,
  signal: AbortSignal,
  log: Pick<Logger, 'error'>,
): Promise<T> {
  for (let waitMs = MIN_WAIT_MS; ; waitMs = Math.min(MAX_WAIT_MS, waitMs * 2)) {
    try {
      return await db.write(body);
    } catch (error) {
      if (signal.aborted || !mayPass(error)) throw error;
      log.error('the store does not take a change; trying again', {
        error: messageOf(error),
        retryInMs: waitMs,
      });
      await new Promise<void>((resolve) => {
        const done = (): void => {
          clearTimeout(timer);
          signal.removeEventListener('abort', done);
          resolve();
        };
        const timer = setTimeout(done, waitMs);
        signal.addEventListener('abort', done);
      });
    }
  }
}

function mayPass(error: unknown): boolean {
  return error instanceof GatewayError && PASSING.has(error.code);
}
