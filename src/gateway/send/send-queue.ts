/** When something may be sent to a chat: in order, at the pace of the platform, to chats that are still there, while this gateway is the one that sends. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { type Clock, LONGEST_TIMER_MS } from '../../base/async.ts';
import { DeliveryError, type GatewayError, messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Database } from '../../store/database.ts';
import type { Adapter } from '../adapter.ts';
import { type ChatRef, chatKey, type Platform } from '../model.ts';

/**
 * One queue per chat: everything that is sent there passes one at a time, in order. A job that returns a delay
 * stays at the head and runs again after it; `wake` runs it at once.
 */
type SendJob = () => Promise<RetryIn | undefined>;

/** Run the same job again after `ms`; Infinity waits for `wake`. */
export interface RetryIn {
  readonly ms: number;
}

interface Entry {
  readonly job: SendJob;
  /** Told when the queue stops before the job has run to its end. */
  readonly dropped: (() => void) | undefined;
}

interface SendQueueOptions {
  readonly onIdle: () => void;
  /** A job threw, which no job should: it has ended, and the next one runs. */
  readonly onFault: (error: unknown) => void;
}

class SendQueue {
  readonly #entries: Entry[] = [];
  readonly #options: SendQueueOptions;
  #busy = false;
  #timer: NodeJS.Timeout | undefined;
  #sleeping = false;
  #stopped = false;
  /** `wake` was called while a job ran: its wish to wait is out of date. */
  #woken = false;

  constructor(options: SendQueueOptions) {
    this.#options = options;
  }

  get idle(): boolean {
    return !this.#busy && this.#entries.length === 0;
  }

  push(job: SendJob, dropped?: () => void): void {
    if (this.#stopped) {
      dropped?.();
      return;
    }
    this.#entries.push({ job, dropped });
    void this.#drain();
  }

  /** Ends a waiting pause: the reason to wait is gone. */
  wake(): void {
    if (!this.#sleeping) {
      this.#woken = this.#busy;
      return;
    }
    this.#sleeping = false;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    void this.#drain();
  }

  stop(): void {
    this.#stopped = true;
    this.#sleeping = false;
    clearTimeout(this.#timer);
    for (const { dropped } of this.#entries.splice(0)) dropped?.();
  }

  async #drain(): Promise<void> {
    if (this.#busy || this.#sleeping || this.#stopped) return;
    this.#busy = true;
    try {
      for (let entry = this.#entries[0]; entry !== undefined; entry = this.#entries[0]) {
        this.#woken = false;
        const retry = await this.#run(entry.job);
        if (this.#stopped) return;
        if (retry === undefined) this.#entries.shift();
        else if (!this.#woken) {
          this.#sleep(retry.ms);
          return;
        }
      }
    } finally {
      this.#busy = false;
    }
    this.#options.onIdle();
  }

  async #run(job: SendJob): Promise<RetryIn | undefined> {
    try {
      return await job();
    } catch (error) {
      this.#options.onFault(error);
      return undefined;
    }
  }

  #sleep(ms: number): void {
    this.#sleeping = true;
    if (Number.isFinite(ms)) this.#timer = setTimeout(() => this.wake(), Math.min(ms, LONGEST_TIMER_MS));
  }
}

/** The send queues of all chats that something waits for. A queue without work is forgotten. */
export class SendQueues {
  readonly #queues = new Map<string, { readonly queue: SendQueue; readonly platform: Platform }>();
  readonly #onFault: (error: unknown) => void;
  #stopped = false;

  constructor(onFault: (error: unknown) => void) {
    this.#onFault = onFault;
  }

  of(chat: ChatRef): SendQueue {
    const key = chatKey(chat);
    const known = this.#queues.get(key);
    if (known !== undefined) return known.queue;
    const queue = new SendQueue({ onIdle: () => this.#queues.delete(key), onFault: this.#onFault });
    if (this.#stopped) queue.stop();
    else this.#queues.set(key, { platform: chat.platform, queue });
    return queue;
  }

  /** True when nothing is sent to the chat and nothing waits for it. */
  idle(chat: ChatRef): boolean {
    return !this.#stopped && (this.#queues.get(chatKey(chat))?.queue.idle ?? true);
  }

  wake(chat: ChatRef): void {
    this.#queues.get(chatKey(chat))?.queue.wake();
  }

  wakeAll(platform: Platform): void {
    for (const entry of [...this.#queues.values()]) if (entry.platform === platform) entry.queue.wake();
  }

  stop(): void {
    this.#stopped = true;
    for (const { queue } of this.#queues.values()) queue.stop();
    this.#queues.clear();
  }
}

const CHATS_KEPT = 2000;

interface Times {
  restUntil: number;
  nextEditAt: number;
}

/** When a chat may be written to again: what the platform asked for, and the least time between two edits. */
export class ChatPace {
  readonly #clock: Clock;
  readonly #chats = new Map<string, Times>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The platform asked for silence in this chat. */
  rest(chat: ChatRef, ms: number): void {
    const times = this.#of(chat);
    times.restUntil = Math.max(times.restUntil, this.#clock() + ms);
  }

  /** A draft was just written or edited; the next edit of any draft there has to wait. */
  edited(chat: ChatRef, intervalMs: number): void {
    this.#of(chat).nextEditAt = this.#clock() + intervalMs;
  }

  /** How long everything for this chat has to wait. */
  restMs(chat: ChatRef): number {
    return Math.max(0, (this.#chats.get(chatKey(chat))?.restUntil ?? 0) - this.#clock());
  }

  /** How long the next edit of a draft has to wait. */
  editMs(chat: ChatRef): number {
    const times = this.#chats.get(chatKey(chat));
    if (times === undefined) return 0;
    return Math.max(0, Math.max(times.restUntil, times.nextEditAt) - this.#clock());
  }

  #of(chat: ChatRef): Times {
    const key = chatKey(chat);
    let times = this.#chats.get(key);
    if (times === undefined) {
      if (this.#chats.size >= CHATS_KEPT) this.#forgetPast();
      times = { restUntil: 0, nextEditAt: 0 };
      this.#chats.set(key, times);
    }
    return times;
  }

  #forgetPast(): void {
    const now = this.#clock();
    for (const [key, { restUntil, nextEditAt }] of this.#chats)
      if (restUntil <= now && nextEditAt <= now) this.#chats.delete(key);
  }
}

/** Chats that answered "gone" or "forbidden": nothing is sent there until they speak again, even after a restart. */
export class DeadChats {
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #keys = new Set<string>();

  constructor(db: Database, clock: Clock, log: Logger) {
    this.#db = db;
    this.#clock = clock;
    this.#log = log;
  }

  load(): void {
    for (const row of this.#db.all('SELECT key FROM dead_chats')) this.#keys.add(String(row['key']));
  }

  has(chat: ChatRef): boolean {
    return this.#keys.has(chatKey(chat));
  }

  add(chat: ChatRef): void {
    const key = chatKey(chat);
    this.#keys.add(key);
    this.#store('INSERT OR REPLACE INTO dead_chats (key, at) VALUES (?,?)', [key, this.#clock()]);
  }

  revive(chat: ChatRef): void {
    const key = chatKey(chat);
    if (!this.#keys.delete(key)) return;
    this.#store('DELETE FROM dead_chats WHERE key = ?', [key]);
  }

  /** Memory is enough until the next start: a store that does not take it costs one more attempt then. */
  #store(sql: string, params: readonly (string | number)[]): void {
    this.#db
      .write((tx) => tx.run(sql, params))
      .catch((error: unknown) =>
        this.#log.warn('a dead chat could not be noted', { error: messageOf(error) }),
      );
  }
}

/** What reaches people. */
const OUTWARD: ReadonlySet<PropertyKey> = new Set<keyof Adapter>(['send', 'edit', 'delete']);
/** The same where nobody waits for it: it is left out. */
const BESIDE: ReadonlySet<PropertyKey> = new Set<keyof Adapter>(['typing', 'unanswered', 'turnEvent']);

type Refusal = () => GatewayError | undefined;

/** Of the call that runs: it asks again after each wait of its own. */
const asked = new AsyncLocalStorage<Refusal>();

/**
 * For adapters, where a call has waited (for a slot, a lookup, an upload) and is about to reach the network: by then the
 * gateway may no longer be the one that sends. Throws what a call that was refused at once rejects with.
 */
export function checkGate(): void {
  const why = asked.getStore()?.();
  if (why !== undefined) throw new DeliveryError('unreachable', why.message);
}

/** For what leaves later than it was written, at the end of a turn for example: what to ask before it does. */
export function gateOfCall(): Refusal | undefined {
  return asked.getStore();
}

/**
 * An adapter that sends nothing while `refusal` has a reason: another gateway may be sending by then. What is refused
 * here has certainly not been sent and goes out later, or the other gateway sends it.
 */
export function gated(adapter: Adapter, refusal: Refusal): Adapter {
  return new Proxy(adapter, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return (...given: unknown[]): unknown => {
        const why = OUTWARD.has(name) || BESIDE.has(name) ? refusal() : undefined;
        if (why === undefined)
          return OUTWARD.has(name)
            ? asked.run(refusal, () => Reflect.apply(value, target, given))
            : Reflect.apply(value, target, given);
        return OUTWARD.has(name)
          ? Promise.reject(new DeliveryError('unreachable', why.message))
          : Promise.resolve();
      };
    },
  });
}
