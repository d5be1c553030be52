import { randomUUID } from 'node:crypto';
import { settlesWithin, withDeadline } from '../../base/async.ts';
import { defined } from '../../base/defined.ts';
import { DeliveryError, GatewayError, messageOf } from '../../base/errors.ts';
import type { Tx } from '../../store/database.ts';
import type { Adapter, Announcement, OutboundKind, Part } from '../adapter.ts';
import type { Core } from '../core.ts';
import { type ChatText, say } from '../language/chat-text.ts';
import { type ChatRef, chatKey, type OutboxView, type Platform, type Sender } from '../model.ts';
import { Deliveries } from './deliveries.ts';
import {
  type NewOutbound,
  newRow,
  type OutboundRow,
  outboxView,
  parseTarget,
  type Target,
} from './outbound.ts';
import { type Amend, Amendments, OutboxRows, RowSender } from './row-sender.ts';
import { ChatPace, DeadChats, SendQueues } from './send-queue.ts';

/** No call to a platform takes longer. */
const SEND_DEADLINE_MS = 60_000;
const STUCK_SHOWN = 200;
/** A stop waits no longer for changes of messages that have arrived. */
const AMENDED_MS = 2000;
/** Someone in the chat waits for these. */
const AWAITED: ReadonlySet<OutboundKind> = new Set(['reply', 'outcome', 'command', 'task']);

interface OutboxDeps extends Core {
  /** Markdown to the platform's parts; works also while the adapter is stopped. */
  readonly format: (platform: Platform, markdown: string) => readonly Part[];
  /** False while the adapter is known to be offline: nothing is tried, `kick` resumes. */
  readonly online: (platform: Platform) => boolean;
  /** Told when a row is on its way, until it is settled. */
  readonly waits?: (row: OutboundRow) => void;
  /** Told when a row is settled. */
  readonly settled?: (row: OutboundRow) => void;
  /** In [0, 1). */
  readonly random?: () => number;
}

type Send<T> = (adapter: Adapter, signal: AbortSignal) => Promise<T>;

/** Durable delivery: written before the first attempt, in order per chat, with the platform's receipt as proof. */
export class Outbox {
  readonly #deps: OutboxDeps;
  readonly #rows: OutboxRows;
  readonly #queues: SendQueues;
  readonly #dead: DeadChats;
  readonly #deliveries: Deliveries;
  readonly #amendments: Amendments;
  readonly #stopping = new AbortController();
  /** Who waits for the end of a row. */
  readonly #awaited = new Map<string, () => void>();
  /** Rows that someone asked for again while they were being sent. */
  readonly #askedAgain = new Set<string>();
  /** When a chat may be written to again. */
  readonly pace: ChatPace;
  #seq: number;

  constructor(deps: OutboxDeps) {
    const { db, persist, clock, log } = deps;
    this.#deps = deps;
    this.#rows = new OutboxRows(db, persist);
    this.#dead = new DeadChats(db, clock, log);
    this.pace = new ChatPace(clock);
    this.#queues = new SendQueues((error) =>
      log.error('a job of a chat failed inside the gateway', { error: messageOf(error) }),
    );
    this.#deliveries = new Deliveries({
      ...deps,
      rows: this.#rows,
      sender: new RowSender({
        rows: this.#rows,
        bounded: (send) => this.#bounded(send),
        say: (chat, key) => this.format(chat, say(key))[0],
        clock,
        log,
        stopping: this.#stopping.signal,
      }),
      queues: this.#queues,
      dead: this.#dead,
      pace: this.pace,
      stopping: this.#stopping.signal,
      settled: (row) => {
        this.#amendments.settled(row);
        this.#awaited.get(row.id)?.();
        if (this.#askedAgain.delete(row.id) && !this.#stopping.signal.aborted) this.#repeatSettled(row.id);
        deps.settled?.(row);
      },
      refused: (row) => this.#sayRefused(row),
    });
    this.#amendments = new Amendments({
      direct: (chat, send) => this.direct(chat, send),
      adapter: deps.adapter,
      clock,
      log,
      stopping: this.#stopping.signal,
    });
    this.#seq = this.#rows.lastSeq;
  }

  /** After a start: everything undelivered continues; what was being sent may be a repeat and is marked. */
  recover(): void {
    this.#dead.load();
    for (const row of this.#rows.open()) {
      if (this.#deliveries.tooOld(row)) this.#deliveries.abandonOld(row);
      else void this.release(row);
    }
  }

  /**
   * Writes the row as part of the caller's transaction; call `release` as soon as that is durable. A row that can be
   * sent at once is written as being sent: one commit instead of two before the first byte leaves.
   */
  add(tx: Tx, message: NewOutbound, id: string = randomUUID()): OutboundRow {
    this.#seq += 1;
    const state = this.#deliveries.sendsAtOnce(message.chat) ? 'sending' : 'pending';
    const row = newRow(this.#seq, id, message, this.#deps.clock(), state);
    this.#rows.insert(tx, row);
    return row;
  }

  /** The same for a message that may be added again after a crash: `id` names it forever. Undefined: it is there. */
  addOnce(tx: Tx, id: string, message: NewOutbound): OutboundRow | undefined {
    return this.#rows.has(tx, id) ? undefined : this.add(tx, message, id);
  }

  /** A text as the parts that its chat takes, in the language of the person, or else of the chat. */
  format(chat: ChatRef, text: ChatText, person?: Pick<Sender, 'id'>): readonly Part[] {
    return this.#deps.format(chat.platform, this.words(chat, text, person));
  }

  /** A text in the language of the person, or else of the chat. */
  words(chat: ChatRef, text: ChatText, person?: Pick<Sender, 'id'>): string {
    return text.in(this.#deps.readers.of(chat, person));
  }

  /** Starts the delivery of a durable row. Resolves when it is settled or has to wait for another try. */
  release(row: OutboundRow): Promise<void> {
    this.#deps.waits?.(row);
    return this.#deliveries.start(row);
  }

  /** A row of its own: durable when this resolves, then on its way. `id` names it, when it is to be found again. */
  async post(message: NewOutbound, id?: string): Promise<OutboundRow> {
    const row = await this.#deps.db.write((tx) => this.add(tx, message, id));
    void this.release(row);
    return row;
  }

  /** Resolves with the platform's id of the row's first message. Rejects when it was not delivered, or not yet. */
  async delivered(row: OutboundRow, deadlineMs = SEND_DEADLINE_MS): Promise<string> {
    const open = row.state === 'pending' || row.state === 'sending';
    if (open) {
      const settled = new Promise<void>((resolve) => this.#awaited.set(row.id, resolve));
      await settlesWithin(settled, deadlineMs);
      this.#awaited.delete(row.id);
    }
    const [id] = row.receipts;
    if (row.state === 'delivered' && id !== undefined) return id;
    throw new GatewayError(
      'not_delivered',
      `${row.chat.platform} has not accepted the message${row.error === undefined ? '' : `: ${row.error}`}`,
      {
        status: 409,
        hint:
          row.state === 'pending' || row.state === 'sending'
            ? 'It stays in the outbox and is sent when the platform can be reached.'
            : 'The outbox lists it with the reason.',
      },
    );
  }

  /**
   * Says again what a row said, marked as a repeat. One that is waiting arrives on its own; one that is being sent may have
   * arrived already, so it is said again once it is settled. False: the row is no longer kept.
   */
  async repeat(id: string): Promise<boolean> {
    const open = this.#deliveries.get(id);
    if (open !== undefined) {
      if (open.state === 'sending') this.#askedAgain.add(id);
      return true;
    }
    const row = this.#rows.find(id);
    if (row === undefined || row.parts.length === 0) return false;
    await this.post({ chat: row.chat, meta: { ...row.meta, repeat: true }, parts: row.parts });
    return true;
  }

  #repeatSettled(id: string): void {
    this.repeat(id).catch((error: unknown) =>
      this.#deps.log.warn('an answer could not be sent again', { error: messageOf(error) }),
    );
  }

  /**
   * Changes what the last message of a row says, where the platform can edit. A row that still waits is given up: what it
   * says has ended.
   */
  amend(id: string, amend: Amend): void {
    const open = this.#deliveries.get(id);
    if (open?.state === 'pending' && open.done === 0) {
      this.#deliveries.giveUp(open, 'it was over before it could be sent');
      this.#queues.wake(open.chat);
      return;
    }
    const row = open ?? this.#rows.find(id);
    if (open !== undefined || row?.state === 'sending') this.#amendments.later(id, amend);
    else if (row?.state === 'pending') this.#deliveries.giveUp(row, 'it was over before it could be sent');
    else if (row !== undefined) this.#amendments.now(row, amend);
  }

  /** Sends something that must not be stored (a pairing code), in the chat's order. Never retried. */
  direct<T>(chat: ChatRef, send: Send<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#queues.of(chat).push(
        async () => {
          const adapter = this.#deps.adapter(chat.platform);
          if (adapter === undefined)
            reject(new DeliveryError('unreachable', `${chat.platform} is not running`));
          else await this.#bounded((signal) => send(adapter, signal)).then(resolve, reject);
          return undefined;
        },
        () => reject(new DeliveryError('unreachable', 'the gateway is stopping')),
      );
    });
  }

  /** The same for what may be left out (a draft): undefined at once when anything else is sent to this chat. */
  bestEffort<T>(chat: ChatRef, send: Send<T>): Promise<T> | undefined {
    return this.#queues.idle(chat) ? this.direct(chat, send) : undefined;
  }

  /** The platform (or one of its chats) can be reached again. */
  kick(platform: Platform, chat?: ChatRef): void {
    if (chat !== undefined) this.#queues.wake(chat);
    else {
      this.#queues.wakeAll(platform);
      this.#amendments.kick(platform);
    }
  }

  /** A chat that spoke again is not dead. */
  revive(chat: ChatRef): void {
    this.#dead.revive(chat);
  }

  list(): OutboxView[] {
    return [...this.#deliveries.all(), ...this.#rows.stuck(STUCK_SHOWN)].map(outboxView);
  }

  get pending(): number {
    return this.#deliveries.count;
  }

  /** The operator tries a waiting or failed row again, whatever its age and the state of its chat. */
  async retry(id: string): Promise<void> {
    const open = this.#deliveries.get(id);
    const row = open ?? this.#rows.stuckRow(id);
    if (row === undefined) throw notFound(id);
    row.insisted = true;
    if (open === undefined) {
      row.state = 'pending';
      await this.#rows.markPending(id);
    }
    this.#dead.revive(row.chat);
    if (open === undefined) void this.release(row);
    else this.#queues.wake(row.chat);
  }

  /** The operator gives a row up. */
  async abandon(id: string): Promise<void> {
    const row = this.#deliveries.get(id);
    if (row === undefined) throw notFound(id);
    this.#deliveries.settle(row, 'abandoned', 'discarded by the operator', 'by_operator');
    this.#queues.wake(row.chat);
    await this.#deps.db.flushed();
  }

  /** Rows that are no longer in the store. */
  forget(ids: readonly string[]): void {
    for (const id of ids) this.#deliveries.forget(id);
  }

  /** Gives up what has waited longer than a day. */
  sweep(): void {
    this.#deliveries.sweep();
  }

  /** Resolves when nothing more can be sent right now, or after `deadlineMs`. */
  async drained(deadlineMs: number): Promise<void> {
    await Promise.all([
      this.#deliveries.drained(deadlineMs),
      settlesWithin(this.#amendments.idle(), Math.min(deadlineMs, AMENDED_MS)),
    ]);
  }

  stop(): void {
    this.#stopping.abort(new DeliveryError('unknown', 'the gateway is stopping'));
    this.#queues.stop();
    this.#deliveries.stop();
  }

  /** Anyone who is waiting for an answer that the platform does not take hears so; the operator has its text. */
  #sayRefused({ id, chat, meta, replyTo, done }: OutboundRow): void {
    if (!AWAITED.has(meta.kind)) return;
    const text = done === 0 ? say('send.refused') : say('send.restRefused');
    const { promptId } = meta;
    this.#deps
      .persist((tx) =>
        this.addOnce(tx, `${id}:refused`, {
          chat,
          meta: { kind: 'notice', ...defined({ promptId }) },
          parts: this.format(chat, text),
          ...(replyTo === undefined || done > 0 ? {} : { replyTo }),
        }),
      )
      .then((row) => (row === undefined ? undefined : this.release(row)))
      .catch((error: unknown) =>
        this.#deps.log.error('a chat was not told of a refused answer', { id, error: messageOf(error) }),
      );
  }

  /** Every send is bounded, and ends when the gateway stops. */
  #bounded<T>(send: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return withDeadline(SEND_DEADLINE_MS, send, {
      parent: this.#stopping.signal,
      reason: () => new DeliveryError('unknown', 'the platform did not answer within a minute'),
    });
  }
}

function notFound(id: string): GatewayError {
  return new GatewayError('outbox_not_found', `no stuck delivery has the id ${id}`, {
    status: 404,
    hint: 'List them with the outbox view of the console.',
  });
}

/**
 * Takes news of a platform to the chats that the operator named; `chats` are those that targets mean now. Resolves when it
 * is durable for each of them; the same news again, even after a restart, goes nowhere. Rejects with a GatewayError for a target that leads nowhere.
 */
export function announcer(
  { persist }: Pick<Core, 'persist'>,
  outbox: Pick<Outbox, 'addOnce' | 'format' | 'release'>,
  chats: (targets: readonly Target[]) => readonly ChatRef[],
) {
  return async (platform: Platform, { id, text, targets }: Announcement): Promise<void> => {
    const to = chats(targets.map(parseTarget));
    const rows: OutboundRow[] = await persist((tx) =>
      to.flatMap((chat) => {
        const parts = outbox.format(chat, text);
        const row = outbox.addOnce(tx, `news:${platform}:${id}:${chatKey(chat)}`, {
          chat,
          meta: { kind: 'notice' },
          parts,
        });
        return row === undefined ? [] : [row];
      }),
    );
    for (const row of rows) void outbox.release(row);
  };
}
