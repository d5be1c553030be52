import { settlesWithin } from '../../base/async.ts';
import { DeliveryError, GatewayError, messageOf } from '../../base/errors.ts';
import type { Adapter } from '../adapter.ts';
import type { Core } from '../core.ts';
import type { ChatRef, Platform } from '../model.ts';
import { type OutboundRow, outboxView, smallerParts, undeliveredText } from './outbound.ts';
import type { OutboxRows, RowSender } from './row-sender.ts';
import type { ChatPace, DeadChats, RetryIn, SendQueues } from './send-queue.ts';

const RETRY = { minMs: 1000, maxMs: 60_000 } as const;

/** What becomes of a row whose sending failed, and why. */
type AfterFailure =
  | { readonly next: 'abandon'; readonly reason: string; readonly chatIsDead: boolean }
  | { readonly next: 'fail'; readonly reason: string }
  /** The platform refused the markup: the plain text goes out at once. */
  | { readonly next: 'plain' }
  /** The platform does not take this part, who knows why: plain text in smaller parts goes out at once. */
  | { readonly next: 'smaller'; readonly reason: string }
  | {
      readonly next: 'retry';
      readonly reason: string;
      /** Infinity: anyone who brings the chat back wakes it. */
      readonly inMs: number;
      readonly mayRepeat: boolean;
      /** The platform said how long the whole chat has to rest. */
      readonly restMs: number | undefined;
    };

interface FailureFacts {
  readonly row: OutboundRow;
  readonly error: unknown;
  /** A socket client that is away comes back on its own: no timer runs for it. */
  readonly comesBackByItself: boolean;
  /** In [0, 1): spreads the retries of many chats. */
  readonly random: () => number;
}

/** Pure: one failure, one consequence. Anything that is no DeliveryError may have been delivered. */
function afterFailure({ row, error, comesBackByItself, random }: FailureFacts): AfterFailure {
  if (isPermanent(error, row.attempts)) return { next: 'fail', reason: messageOf(error) };
  const failure = error instanceof DeliveryError ? error : new DeliveryError('unknown', messageOf(error));
  const reason = failure.message;
  switch (failure.failure) {
    case 'gone':
      return { next: 'abandon', reason, chatIsDead: true };
    case 'rejected':
      return refused(row, reason);
    case 'markup': {
      const part = row.parts[row.done];
      return part === undefined || part.text === part.plain ? refused(row, reason) : { next: 'plain' };
    }
    case 'unknown':
    case 'unreachable':
    case 'rate-limited': {
      const { retryAfterMs } = failure;
      const waits = comesBackByItself && retryAfterMs === undefined;
      return {
        next: 'retry',
        reason,
        inMs: waits ? Number.POSITIVE_INFINITY : (retryAfterMs ?? backOff(row.attempts, random)),
        mayRepeat: row.mayRepeat || failure.failure === 'unknown',
        restMs: failure.failure === 'rate-limited' ? retryAfterMs : undefined,
      };
    }
  }
}

/** What was made smaller already is not made smaller again. */
function refused({ done, smallerUpTo }: OutboundRow, reason: string): AfterFailure {
  return done < smallerUpTo ? { next: 'fail', reason } : { next: 'smaller', reason };
}

/** Tries of something that fails in a way that no adapter has a word for: about a quarter of an hour. */
const UNKNOWN_TRIES = 20;

/** A request that cannot be carried out (4xx), or a fault that stays: another try changes nothing. */
function isPermanent(error: unknown, attempts: number): boolean {
  if (error instanceof DeliveryError) return false;
  if (error instanceof GatewayError && error.status >= 400 && error.status < 500 && error.status !== 429)
    return true;
  return attempts >= UNKNOWN_TRIES;
}

/** Doubles from one second to one minute; between half and the whole of it, so that chats do not retry in step. */
function backOff(attempts: number, random: () => number): number {
  const step = Math.min(RETRY.maxMs, RETRY.minMs * 2 ** Math.min(attempts, 10));
  return Math.round(step * (0.5 + random() / 2));
}

/** Nothing older goes out on its own. */
const MAX_AGE_MS = 24 * 60 * 60_000;

export interface DeliveriesDeps extends Pick<Core, 'clock' | 'events' | 'log' | 'decide' | 'adapter'> {
  readonly online: (platform: Platform) => boolean;
  readonly random?: () => number;
  readonly rows: OutboxRows;
  readonly sender: RowSender;
  readonly queues: SendQueues;
  readonly dead: DeadChats;
  readonly pace: ChatPace;
  readonly stopping: AbortSignal;
  /** Told when a row is settled. */
  readonly settled: (row: OutboundRow) => void;
  /** Told when a platform has refused a row for good. */
  readonly refused: (row: OutboundRow) => void;
}

/** The rows on their way: each is tried in its chat's order until it is settled. */
export class Deliveries {
  readonly #deps: DeliveriesDeps;
  readonly #open = new Map<string, OutboundRow>();
  /** Called once each, when a row is settled or has to wait. */
  readonly #rested = new Map<string, () => void>();
  #idleWaiters: (() => void)[] = [];

  constructor(deps: DeliveriesDeps) {
    this.#deps = deps;
  }

  get(id: string): OutboundRow | undefined {
    return this.#open.get(id);
  }

  all(): IterableIterator<OutboundRow> {
    return this.#open.values();
  }

  get count(): number {
    return this.#open.size;
  }

  /** Would a row for this chat be sent at once? Then its commit can say so already, and sending waits for no other. */
  sendsAtOnce(chat: ChatRef): boolean {
    const { dead, adapter, online, pace, queues, stopping } = this.#deps;
    return (
      !stopping.aborted &&
      queues.idle(chat) &&
      adapter(chat.platform) !== undefined &&
      online(chat.platform) &&
      pace.restMs(chat) <= 0 &&
      !dead.has(chat)
    );
  }

  /** Resolves when the row is settled or has to wait for another try. */
  start(row: OutboundRow): Promise<void> {
    this.#open.set(row.id, row);
    const rested = new Promise<void>((resolve) => this.#rested.set(row.id, resolve));
    this.#deps.queues.of(row.chat).push(() => this.#deliver(row));
    return rested;
  }

  /** Gives up what has waited too long. */
  sweep(): void {
    for (const row of this.#open.values())
      if (row.state === 'pending' && this.tooOld(row)) this.abandonOld(row);
  }

  tooOld(row: OutboundRow): boolean {
    return !row.insisted && this.#deps.clock() - row.createdAt > MAX_AGE_MS;
  }

  /** No one needs it anymore. */
  giveUp(row: OutboundRow, reason: string): undefined {
    return this.settle(row, 'abandoned', reason, 'over');
  }

  /** The row is no longer in the store: nothing is sent and nothing is noted. */
  forget(id: string): void {
    const row = this.#open.get(id);
    if (row === undefined) return;
    row.state = 'abandoned';
    this.#open.delete(id);
    this.#rest(id);
    this.#notifyIdle();
  }

  abandonOld(row: OutboundRow): undefined {
    return this.settle(row, 'abandoned', 'older than 24 hours', 'too_old');
  }

  settle(
    row: OutboundRow,
    state: 'delivered' | 'failed' | 'abandoned',
    error?: string,
    code = 'unknown',
  ): undefined {
    row.state = state;
    row.error = error;
    row.nextTryAt = undefined;
    this.#open.delete(row.id);
    this.#deps.rows
      .markSettled(row, this.#deps.clock())
      .catch((cause: unknown) =>
        this.#deps.log.error('a receipt could not be stored', { id: row.id, error: messageOf(cause) }),
      );
    if (state !== 'delivered') this.#decide(row, state, code, error ?? '');
    if (row.shown || state !== 'delivered') this.#deps.events.emit({ type: 'outbox', item: outboxView(row) });
    this.#deps.settled(row);
    this.#rest(row.id);
    this.#notifyIdle();
    return undefined;
  }

  /** Resolves when nothing more can be sent right now, or after `deadlineMs`. */
  async drained(deadlineMs: number): Promise<void> {
    if (this.#sendable() === 0) return;
    await settlesWithin(new Promise<void>((resolve) => this.#idleWaiters.push(resolve)), deadlineMs);
  }

  /** No one waits for a row anymore. */
  stop(): void {
    for (const id of [...this.#rested.keys()]) this.#rest(id);
  }

  async #deliver(row: OutboundRow): Promise<RetryIn | undefined> {
    const { clock } = this.#deps;
    if (!this.#open.has(row.id)) return undefined; // abandoned in the meantime
    if (this.#deps.dead.has(row.chat) && !row.insisted)
      return this.settle(row, 'abandoned', 'the chat no longer accepts messages', 'chat_dead');
    if (this.tooOld(row)) return this.abandonOld(row);
    const adapter = this.#deps.adapter(row.chat.platform);
    if (adapter === undefined || !this.#deps.online(row.chat.platform))
      return this.#wait(row, Number.POSITIVE_INFINITY);
    const restMs = this.#deps.pace.restMs(row.chat);
    if (restMs > 0) return this.#wait(row, restMs);
    if (row.state !== 'sending') {
      row.state = 'sending';
      try {
        await this.#deps.rows.markSending(row);
      } catch (error) {
        // Not on disk, so not sent: a full disk must not turn into an unmarked repeat.
        row.state = 'pending';
        return this.#failed(row, new DeliveryError('unreachable', messageOf(error)), adapter);
      }
    }
    try {
      await this.#deps.sender.send(row, adapter);
    } catch (error) {
      return this.#failed(row, error, adapter);
    }
    this.#deps.events.emit({ type: 'traffic', direction: 'out', platform: row.chat.platform, at: clock() });
    return this.settle(row, 'delivered');
  }

  async #failed(row: OutboundRow, error: unknown, adapter: Adapter): Promise<RetryIn | undefined> {
    if (this.#deps.stopping.aborted) return undefined; // stopping: the row stays for the next start
    const after = afterFailure({
      row,
      error,
      comesBackByItself: adapter.capabilities.streamsEvents,
      random: this.#deps.random ?? Math.random,
    });
    switch (after.next) {
      case 'abandon':
        if (after.chatIsDead) this.#deps.dead.add(row.chat);
        return this.settle(row, 'abandoned', after.reason, 'chat_dead');
      case 'fail':
        this.settle(row, 'failed', after.reason, 'rejected');
        this.#deps.log.error('a message was refused; its text can be copied from the outbox', {
          id: row.id,
          reason: after.reason,
          characters: undeliveredText(row).length,
        });
        this.#deps.refused(row);
        return undefined;
      case 'smaller':
        return this.#smaller(row, after.reason, adapter);
      case 'plain': {
        const part = row.parts[row.done];
        if (part !== undefined) row.parts[row.done] = { ...part, text: part.plain };
        this.#decide(row, 'retried', 'markup', 'the platform refused the markup; the plain text goes out');
        return { ms: 0 };
      }
      case 'retry':
        row.mayRepeat = after.mayRepeat;
        row.error = after.reason;
        if (after.restMs !== undefined) this.#deps.pace.rest(row.chat, after.restMs);
        // One line a delivery: the outbox view shows every try.
        if (row.attempts <= 1) this.#decide(row, 'retried', 'unreachable', after.reason);
        return this.#wait(row, after.inMs);
    }
  }

  async #smaller(row: OutboundRow, reason: string, adapter: Adapter): Promise<RetryIn> {
    const part = row.parts[row.done];
    const smaller = part === undefined ? [] : smallerParts(part, adapter.capabilities);
    row.parts.splice(row.done, 1, ...smaller);
    row.smallerUpTo = row.done + smaller.length;
    this.#decide(
      row,
      'retried',
      'refused',
      `${reason}; plain text in ${smaller.length} smaller parts goes out`,
    );
    await this.#deps.rows.saveParts(row).catch((error: unknown) => {
      // Only a crash before the next receipt would mix up which parts have arrived.
      this.#deps.log.warn('smaller parts could not be stored yet', { id: row.id, error: messageOf(error) });
    });
    return { ms: 0 };
  }

  #wait(row: OutboundRow, ms: number): RetryIn {
    row.nextTryAt = Number.isFinite(ms) ? this.#deps.clock() + ms : undefined;
    if (row.state === 'sending' && !row.mayRepeat) {
      row.state = 'pending';
      // Not awaited: until it is stored a crash marks the row as a possible repeat, which is the safe side.
      this.#deps.rows.markUnsent(row).catch(() => {});
    }
    this.#show(row);
    this.#rest(row.id);
    this.#notifyIdle();
    return { ms };
  }

  #decide(row: OutboundRow, kind: 'retried' | 'failed' | 'abandoned', code: string, reason: string): void {
    const { platform, chatId } = row.chat;
    this.#deps.decide({ what: 'delivery', kind, code, reason, platform, chatId, id: row.id });
  }

  #show(row: OutboundRow): void {
    row.shown = true;
    this.#deps.events.emit({ type: 'outbox', item: outboxView(row) });
  }

  #rest(id: string): void {
    this.#rested.get(id)?.();
    this.#rested.delete(id);
  }

  #sendable(): number {
    let count = 0;
    for (const row of this.#open.values())
      if (row.nextTryAt === undefined && row.error === undefined && this.#deps.online(row.chat.platform))
        count += 1;
    return count;
  }

  #notifyIdle(): void {
    if (this.#idleWaiters.length === 0 || this.#sendable() > 0) return;
    for (const resolve of this.#idleWaiters.splice(0)) resolve();
  }
}
