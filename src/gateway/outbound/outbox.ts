import { randomUUID } from 'node:crypto';
import type { Adapter, Part, SendRequest } from '../adapter.ts';
import type { Clock } from '../clock.ts';
import { withDeadline } from '../deadline.ts';
import { DeliveryError, GatewayError, messageOf } from '../errors.ts';
import type { EventStream } from '../events.ts';
import type { Logger } from '../log.ts';
import { type ChatRef, chatKey, type OutboxView, type Platform } from '../model.ts';
import type { Database, Tx } from '../store/database.ts';
import { ChatGate, type RetryIn } from './chat-gate.ts';
import { type NewOutbound, type OutboundRow, outboxView, rowOf } from './outbound-row.ts';

export const OUTBOX_LIMITS = {
  maxAgeMs: 24 * 60 * 60_000,
  minRetryMs: 1000,
  maxRetryMs: 60_000,
  sendDeadlineMs: 60_000,
} as const;

export interface OutboxDeps {
  readonly db: Database;
  readonly clock: Clock;
  readonly events: EventStream;
  readonly log: Logger;
  /** The running adapter of a platform; undefined while it is stopped or disabled. */
  readonly adapter: (platform: Platform) => Adapter | undefined;
  /** Markdown to the platform's parts; works also while the adapter is stopped. */
  readonly format: (platform: Platform, markdown: string) => readonly Part[];
  /** False while the adapter is known to be offline: nothing is tried, `kick` resumes. */
  readonly online: (platform: Platform) => boolean;
  readonly random?: () => number;
}

/** Durable delivery: written before the first attempt, in order per chat, with the platform's receipt as proof. */
export class Outbox {
  readonly #deps: OutboxDeps;
  readonly #gates = new Map<string, { readonly gate: ChatGate; readonly platform: Platform }>();
  readonly #open = new Map<string, OutboundRow>();
  readonly #dead = new Set<string>();
  readonly #abort = new AbortController();
  #seq: number;
  #idleWaiters: (() => void)[] = [];

  constructor(deps: OutboxDeps) {
    this.#deps = deps;
    this.#seq = Number(deps.db.get('SELECT COALESCE(MAX(seq), 0) AS top FROM outbox')?.['top'] ?? 0);
  }

  /** After a start: everything undelivered goes on; what was being sent may be a repeat and is marked. */
  recover(): void {
    const { db, clock } = this.#deps;
    for (const raw of db.all("SELECT * FROM outbox WHERE state IN ('pending','sending') ORDER BY seq")) {
      const row = rowOf(raw);
      if (clock() - row.createdAt > OUTBOX_LIMITS.maxAgeMs)
        this.#settle(row, 'abandoned', 'older than 24 hours');
      else this.release(row);
    }
  }

  /** Writes the row as part of the caller's transaction; call `release` once that is durable. */
  add(tx: Tx, message: NewOutbound): OutboundRow {
    this.#seq += 1;
    const row: OutboundRow = {
      seq: this.#seq,
      id: randomUUID(),
      chat: message.chat,
      meta: message.meta,
      parts: message.parts,
      replyTo: message.replyTo,
      draftId: message.draftId,
      createdAt: this.#deps.clock(),
      state: 'pending',
      attempts: 0,
      done: 0,
      receipts: [],
      error: undefined,
      nextTryAt: undefined,
      mayRepeat: false,
      shown: false,
    };
    tx.run(
      `INSERT INTO outbox (seq, id, chat, meta, parts, state, reply_to, draft_id, created_at)
       VALUES (?,?,?,?,?,'pending',?,?,?)`,
      [
        row.seq,
        row.id,
        JSON.stringify(row.chat),
        JSON.stringify(row.meta),
        JSON.stringify(row.parts),
        row.replyTo ?? null,
        row.draftId ?? null,
        row.createdAt,
      ],
    );
    return row;
  }

  /** A text as the parts that its chat takes. */
  format(chat: ChatRef, markdown: string): readonly Part[] {
    return this.#deps.format(chat.platform, markdown);
  }

  /** Starts the delivery of a durable row. */
  release(row: OutboundRow): void {
    this.#open.set(row.id, row);
    this.#gate(row.chat).push(() => this.#deliver(row));
  }

  /** A row of its own: durable when this resolves, then on its way. */
  async post(message: NewOutbound): Promise<OutboundRow> {
    const row = await this.#deps.db.write((tx) => this.add(tx, message));
    this.release(row);
    return row;
  }

  /** Sends something that must not be stored (a pairing code, a draft), in the chat's order. Never retried. */
  direct<T>(chat: ChatRef, send: (adapter: Adapter, signal: AbortSignal) => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#gate(chat).push(async () => {
        const adapter = this.#deps.adapter(chat.platform);
        if (adapter === undefined)
          reject(new DeliveryError('unreachable', `${chat.platform} is not running`));
        else await this.#bounded((signal) => send(adapter, signal)).then(resolve, reject);
        return undefined;
      });
    });
  }

  /** The platform (or one of its chats) can be reached again. */
  kick(platform: Platform, chat?: ChatRef): void {
    if (chat !== undefined) this.#gates.get(chatKey(chat))?.gate.wake();
    else for (const entry of this.#gates.values()) if (entry.platform === platform) entry.gate.wake();
  }

  /** A chat that spoke again is not dead. */
  revive(chat: ChatRef): void {
    this.#dead.delete(chatKey(chat));
  }

  list(): OutboxView[] {
    const failed = this.#deps.db
      .all("SELECT * FROM outbox WHERE state IN ('failed','abandoned') ORDER BY seq DESC LIMIT 200")
      .map((row) => outboxView(rowOf(row)));
    return [...[...this.#open.values()].map(outboxView), ...failed];
  }

  get pending(): number {
    return this.#open.size;
  }

  /** The operator tries a stuck or failed row again. */
  async retry(id: string): Promise<void> {
    const known = this.#open.get(id);
    if (known !== undefined) {
      this.#dead.delete(chatKey(known.chat));
      this.#gates.get(chatKey(known.chat))?.gate.wake();
      return;
    }
    const raw = this.#deps.db.get("SELECT * FROM outbox WHERE id = ? AND state IN ('failed','abandoned')", [
      id,
    ]);
    if (raw === undefined) throw notFound(id);
    const row = rowOf(raw);
    row.state = 'pending';
    row.mayRepeat = false;
    await this.#deps.db.write((tx) =>
      tx.run("UPDATE outbox SET state = 'pending', settled_at = NULL WHERE id = ?", [id]),
    );
    this.#dead.delete(chatKey(row.chat));
    this.release(row);
  }

  /** The operator gives a row up. */
  async abandon(id: string): Promise<void> {
    const row = this.#open.get(id);
    if (row === undefined) throw notFound(id);
    this.#settle(row, 'abandoned', 'abandoned by the operator');
    this.#gates.get(chatKey(row.chat))?.gate.wake();
    await this.#deps.db.flushed();
  }

  /** Resolves when nothing more can be sent right now, or after `deadlineMs`. */
  async drained(deadlineMs: number): Promise<void> {
    if (this.#sendable() === 0) return;
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([
      new Promise<void>((resolve) => this.#idleWaiters.push(resolve)),
      new Promise<void>((resolve) => {
        timer = setTimeout(resolve, deadlineMs);
      }),
    ]);
    clearTimeout(timer);
  }

  stop(): void {
    this.#abort.abort();
    for (const { gate } of this.#gates.values()) gate.stop();
    this.#gates.clear();
  }

  async #deliver(row: OutboundRow): Promise<RetryIn | undefined> {
    const { clock, db } = this.#deps;
    if (!this.#open.has(row.id)) return undefined; // abandoned meanwhile
    if (this.#dead.has(chatKey(row.chat)))
      return this.#settle(row, 'abandoned', 'the chat takes no messages any more');
    if (clock() - row.createdAt > OUTBOX_LIMITS.maxAgeMs)
      return this.#settle(row, 'abandoned', 'older than 24 hours');
    const adapter = this.#deps.adapter(row.chat.platform);
    if (adapter === undefined || !this.#deps.online(row.chat.platform)) {
      this.#show(row);
      this.#notifyIdle();
      return { ms: Number.POSITIVE_INFINITY };
    }
    if (row.state !== 'sending') {
      row.state = 'sending';
      try {
        await db.write((tx) => tx.run("UPDATE outbox SET state = 'sending' WHERE id = ?", [row.id]));
      } catch (error) {
        // Not on disk, so not sent: a full disk must not turn into an unmarked repeat.
        row.state = 'pending';
        return this.#later(row, messageOf(error), undefined, adapter);
      }
    }
    try {
      while (row.done < row.parts.length) await this.#sendPart(row, adapter);
      this.#deps.events.emit({ type: 'traffic', direction: 'out', platform: row.chat.platform, at: clock() });
      return this.#settle(row, 'delivered', undefined);
    } catch (error) {
      return this.#failed(row, error, adapter);
    }
  }

  async #sendPart(row: OutboundRow, adapter: Adapter): Promise<void> {
    const part = row.parts[row.done];
    if (part === undefined) return;
    row.attempts += 1;
    const receipt = (await this.#editDraft(row, part, adapter)) ?? (await this.#sendNew(row, part, adapter));
    row.receipts.push(receipt);
    row.done += 1;
    row.mayRepeat = false;
    // Several parts: each receipt is kept, so that a restart goes on behind it.
    if (row.done < row.parts.length)
      await this.#deps.db.write((tx) =>
        tx.run('UPDATE outbox SET done = ?, receipts = ?, attempts = ? WHERE id = ?', [
          row.done,
          JSON.stringify(row.receipts),
          row.attempts,
          row.id,
        ]),
      );
  }

  /** The first part replaces the streamed draft; an edit repeated is the same edit. */
  async #editDraft(row: OutboundRow, part: Part, adapter: Adapter): Promise<string | undefined> {
    const { draftId } = row;
    const edit = adapter.edit?.bind(adapter);
    if (draftId === undefined || row.done > 0 || edit === undefined) return undefined;
    try {
      await this.#bounded((signal) => edit(row.chat, draftId, part, signal));
      return draftId;
    } catch (error) {
      // The draft was deleted or is too old to edit: the answer goes out as a message of its own.
      if (error instanceof DeliveryError && error.failure === 'rejected') return undefined;
      throw error;
    }
  }

  async #sendNew(row: OutboundRow, part: Part, adapter: Adapter): Promise<string> {
    const repeat = row.mayRepeat && !adapter.capabilities.idempotentSend;
    const request: SendRequest = {
      idempotencyKey: `${row.id}:${row.done}`,
      chat: row.chat,
      part,
      partIndex: row.done,
      partCount: row.parts.length,
      ...(row.replyTo === undefined ? {} : { replyToMessageId: row.replyTo }),
      meta: repeat ? { ...row.meta, repeat: true } : row.meta,
    };
    if (repeat && !adapter.capabilities.streamsEvents) await this.#announceRepeat(row, adapter);
    return (await this.#bounded((signal) => adapter.send(request, signal))).messageId;
  }

  async #announceRepeat(row: OutboundRow, adapter: Adapter): Promise<void> {
    const [part] = adapter.format(
      '(The connection was lost while sending: the next message may be a repeat.)',
    );
    if (part === undefined) return;
    const request: SendRequest = {
      idempotencyKey: `${row.id}:${row.done}:repeat`,
      chat: row.chat,
      part,
      partIndex: 0,
      partCount: 1,
      meta: { kind: 'notice' },
    };
    await this.#bounded((signal) => adapter.send(request, signal));
  }

  #failed(row: OutboundRow, error: unknown, adapter: Adapter): RetryIn | undefined {
    if (this.#abort.signal.aborted) return undefined; // stopping: the row stays for the next start
    const delivery = error instanceof DeliveryError ? error : new DeliveryError('unknown', messageOf(error));
    switch (delivery.failure) {
      case 'gone':
        this.#dead.add(chatKey(row.chat));
        return this.#settle(row, 'abandoned', delivery.message);
      case 'rejected':
        return this.#settle(row, 'failed', delivery.message);
      case 'markup': {
        const part = row.parts[row.done];
        if (part === undefined || part.text === part.plain)
          return this.#settle(row, 'failed', delivery.message);
        (row.parts as { text: string; plain: string }[])[row.done] = { ...part, text: part.plain };
        return { ms: 0 };
      }
      case 'unknown':
        row.mayRepeat = true;
        return this.#later(row, delivery.message, delivery.retryAfterMs, adapter);
      case 'unreachable':
      case 'rate-limited':
        return this.#later(row, delivery.message, delivery.retryAfterMs, adapter);
    }
  }

  /** A socket client that is away comes back by itself: no timer runs for it. */
  #later(row: OutboundRow, reason: string, retryAfterMs: number | undefined, adapter: Adapter): RetryIn {
    const { clock, log } = this.#deps;
    const waits = adapter.capabilities.streamsEvents && retryAfterMs === undefined;
    const random = this.#deps.random ?? Math.random;
    const step = Math.min(
      OUTBOX_LIMITS.maxRetryMs,
      OUTBOX_LIMITS.minRetryMs * 2 ** Math.min(row.attempts, 10),
    );
    const ms = waits ? Number.POSITIVE_INFINITY : (retryAfterMs ?? Math.round(step * (0.5 + random() / 2)));
    row.error = reason;
    row.nextTryAt = waits ? undefined : clock() + ms;
    log.debug('delivery waits', {
      id: row.id,
      platform: row.chat.platform,
      reason,
      retryInMs: waits ? null : ms,
    });
    this.#show(row);
    this.#notifyIdle();
    return { ms };
  }

  #settle(
    row: OutboundRow,
    state: 'delivered' | 'failed' | 'abandoned',
    error: string | undefined,
  ): undefined {
    row.state = state;
    row.error = error;
    row.nextTryAt = undefined;
    this.#open.delete(row.id);
    this.#deps.db
      .write((tx) =>
        tx.run(
          'UPDATE outbox SET state = ?, done = ?, receipts = ?, attempts = ?, error = ?, settled_at = ? WHERE id = ?',
          [
            state,
            row.done,
            JSON.stringify(row.receipts),
            row.attempts,
            error ?? null,
            this.#deps.clock(),
            row.id,
          ],
        ),
      )
      .catch((cause: unknown) =>
        this.#deps.log.error('a receipt could not be stored', { id: row.id, error: messageOf(cause) }),
      );
    if (state !== 'delivered')
      this.#deps.log.warn(`message ${state}: ${error ?? ''}`, {
        id: row.id,
        platform: row.chat.platform,
        chat: row.chat.chatId,
      });
    if (row.shown || state !== 'delivered') this.#deps.events.emit({ type: 'outbox', item: outboxView(row) });
    this.#notifyIdle();
    return undefined;
  }

  #show(row: OutboundRow): void {
    row.shown = true;
    this.#deps.events.emit({ type: 'outbox', item: outboxView(row) });
  }

  #gate(chat: ChatRef): ChatGate {
    const key = chatKey(chat);
    let entry = this.#gates.get(key);
    if (entry === undefined) {
      entry = { platform: chat.platform, gate: new ChatGate(() => this.#gates.delete(key)) };
      this.#gates.set(key, entry);
    }
    return entry.gate;
  }

  /** Every send is bounded, and ends when the gateway stops. */
  #bounded<T>(send: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return withDeadline(OUTBOX_LIMITS.sendDeadlineMs, send, {
      parent: this.#abort.signal,
      reason: () => new DeliveryError('unknown', 'the platform did not answer within a minute'),
    });
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

function notFound(id: string): GatewayError {
  return new GatewayError('outbox_not_found', `no stuck delivery has the id ${id}`, {
    status: 404,
    hint: 'List them with the outbox view of the console.',
  });
}
