import { SerialQueue } from '../../base/async.ts';
import { messageOf } from '../../base/errors.ts';
import type { Tx } from '../../store/database.ts';
import type { Part } from '../adapter.ts';
import type { Core } from '../core.ts';
import { type ChatText, joined } from '../language/chat-text.ts';
import { type ChatRef, chatKey, type Platform } from '../model.ts';
import { withButtons } from '../questions/wording.ts';
import type { OutboundRow } from '../send/outbound.ts';
import { parseTarget, writeTarget } from '../send/outbound.ts';
import type { Outbox } from '../send/outbox.ts';
import type { Amend } from '../send/row-sender.ts';
import type { Channel } from './channels.ts';
import {
  choicesOf,
  dueNow,
  isQuiet,
  type Notice,
  type NoticeKind,
  NoticeRows,
  noticeText,
  paceOf,
  type Reader,
  type SendRow,
  together,
  withoutSecrets,
} from './notice.ts';
import type { Owner } from './owners.ts';

/** After a failed try of a channel; then it is given up. */
const RETRY_MS = [15_000, 60_000, 5 * 60_000, 15 * 60_000, 60 * 60_000] as const;
/** Names of owners as readers begin with it. */
const OWNER = 'owner ';
/** Kinds that are over on their own: a channel that was told of one is told of its end. */
const INCIDENTS: ReadonlySet<NoticeKind> = new Set(['adapter', 'disk', 'agent']);

/** Who gets a notice: the chat of an owner, or another way (webhook, program). */
type To =
  | { readonly name: string; readonly owner: Owner; readonly chat: ChatRef; readonly reader: Reader }
  | { readonly name: string; readonly channel: Channel };

/** A chat that has the message, and so many further copies of it. */
type Told = { readonly chat: ChatRef; readonly reader: Reader; readonly copies: number };

export interface NoticesDeps
  extends Pick<Core, 'db' | 'clock' | 'events' | 'log' | 'egress' | 'known' | 'persist'> {
  readonly outbox: Outbox;
  /** Owners who have access. */
  readonly owners: () => readonly Owner[];
  readonly channels: () => readonly Channel[];
  readonly chatOf: (platform: Platform, chatId: string, threadId?: string) => ChatRef;
  readonly prefix: (chat: ChatRef) => string;
  readonly stopping: AbortSignal;
}

/**
 * Takes notices to owners and channels: each once, even over restarts; folded where many come; after quiet hours where
 * they can wait. A notice about a platform never goes over that platform, and its own delivery raises none.
 */
export class Notices {
  readonly #deps: NoticesDeps;
  readonly rows: NoticeRows;
  readonly #acts = new SerialQueue();
  /** Sends of channels that run. */
  readonly #underway = new Map<string, Promise<void>>();

  constructor(deps: NoticesDeps) {
    this.#deps = deps;
    this.rows = new NoticeRows(deps.db);
  }

  /** Resolves when it is durable. Never rejects. */
  raise(notice: Notice): Promise<void> {
    return this.#run('a notice was not stored', () => this.#raise(notice, this.#readers(notice)));
  }

  /**
   * What it was about has ended: its messages say so and lose their buttons. `replaced`: another notice says the rest, so
   * channels are not told of the end. Never rejects.
   */
  end(key: string, how: ChatText, { replaced = false } = {}): Promise<void> {
    return this.#run('the end of a notice was not stored', async () => {
      const known = this.rows.get(key);
      if (known === undefined || known.end !== undefined) return;
      const sends = this.rows.sends(key);
      const end = how.map(this.#deps.egress);
      await this.#note((tx) => this.rows.end(tx, key, end));
      const { notice } = known;
      for (const to of this.#chatsTold(sends)) this.#amend(notice, to, end);
      const told = this.#channelsTold(sends);
      if (!INCIDENTS.has(notice.kind) || told.length === 0 || replaced) return;
      const title = joined([notice.title, end], ': ');
      await this.#raise({ key: `${key}:over`, kind: notice.kind, title }, told);
    });
  }

  /** A decision was undone: its messages ask again. Never rejects. */
  reopen(key: string): Promise<void> {
    return this.#run('a notice was not opened again', async () => {
      const known = this.rows.get(key);
      if (known?.end === undefined) return;
      await this.#note((tx) => this.rows.reopen(tx, key));
      for (const to of this.#chatsTold(this.rows.sends(key))) this.#amend(known.notice, to, undefined);
    });
  }

  /** Sends what is waiting for room, for the end of quiet hours or for another try. Never rejects. */
  tick(): Promise<void> {
    return this.#run('pending notices were not sent', async () => {
      const held = this.rows.inState('held');
      if (held.length > 0) await this.#flush(held);
      this.#pump();
    });
  }

  /** The whole text of a decision, with its buttons: for the first time, or again. */
  async show(asked: Notice, owner: Owner): Promise<void> {
    const { outbox, clock, db } = this.#deps;
    const to = this.#to(owner);
    const notice = withoutSecrets(asked, this.#deps.egress);
    const parts = this.#parts(notice, to.chat, to.reader);
    const row = await db.write((tx) => {
      this.rows.insert(tx, notice, clock()); // asked before there were owners
      const before = this.rows.sends(notice.key).find(({ target }) => target === to.name);
      const copy = before?.state === 'sent' ? before.tries + 1 : 0;
      this.rows.put(tx, notice.key, to.name, 'sent', clock(), copy);
      const meta = { kind: 'notice', amendable: true } as const;
      return outbox.add(tx, { chat: to.chat, meta, parts }, rowId(notice, to.chat, copy));
    });
    void outbox.release(row);
  }

  /** Has this owner got the whole text of it, as a message of its own? */
  wasShown(key: string, owner: Owner): boolean {
    const name = nameOf(owner);
    return this.rows.sends(key).some(({ target, state }) => target === name && state === 'sent');
  }

  /** Resolves when everything that was raised and ended so far is stored. */
  stored(): Promise<void> {
    return this.#acts.run(async () => {});
  }

  /** The same, and no channel is being tried. */
  async settled(): Promise<void> {
    await this.stored();
    await Promise.all(this.#underway.values());
  }

  /** A full disk holds nothing up: what cannot be noted is shown anyway. */
  async #note(body: (tx: Tx) => void): Promise<void> {
    await this.#deps.db
      .write(body)
      .catch((error: unknown) =>
        this.#deps.log.warn('the state of a notice was not stored', { error: messageOf(error) }),
      );
  }

  #run(what: string, work: () => Promise<void>): Promise<void> {
    return this.#acts
      .run(work)
      .catch((error: unknown) => this.#deps.log.warn(what, { error: messageOf(error) }));
  }

  #to(owner: Owner): Extract<To, { owner: Owner }> {
    return { name: nameOf(owner), owner, ...this.#place(owner.chat, owner.may) };
  }

  #place(
    { platform, chatId, threadId }: Owner['chat'],
    may: Owner['may'],
  ): { chat: ChatRef; reader: Reader } {
    const { chatOf, known, prefix } = this.#deps;
    const chat = chatOf(platform, chatId, threadId);
    const buttons = known(platform)?.capabilities.buttons ?? false;
    return { chat, reader: { may, buttons, prefix: prefix(chat) } };
  }

  #everybody(): To[] {
    const { owners, channels } = this.#deps;
    return [
      ...owners().map((owner) => this.#to(owner)),
      ...channels().map((channel) => ({ name: channel.name, channel })),
    ];
  }

  #readers({ notOver, notIn }: Notice): To[] {
    return this.#everybody().filter(
      (to) =>
        'channel' in to ||
        (to.chat.platform !== notOver &&
          // An account is not always known: a chat is its platform and id.
          (to.chat.platform !== notIn?.platform || to.chat.chatId !== notIn.chatId)),
    );
  }

  async #raise(raised: Notice, readers: readonly To[]): Promise<void> {
    if (readers.length === 0) return;
    const { db, clock, egress, outbox } = this.#deps;
    const notice = withoutSecrets(raised, egress);
    const now = clock();
    let rows: OutboundRow[];
    try {
      rows = await db.write((tx) =>
        this.rows.insert(tx, notice, now) ? readers.flatMap((to) => this.#admit(tx, notice, to, now)) : [],
      );
    } catch (error) {
      // A full disk is what the notice is about: what cannot be stored is sent once.
      this.#deps.log.warn('a notice could not be stored; it is sent once', { error: messageOf(error) });
      for (const to of readers) void this.#sayOnce(notice, to);
      return;
    }
    for (const row of rows) void outbox.release(row);
    this.#pump();
  }

  #admit(tx: Tx, notice: Notice, to: To, now: number): OutboundRow[] {
    const before = this.rows
      .inState('held')
      .filter((row) => row.target === to.name && row.notice.kind === notice.kind);
    const due = dueNow([...before.map((row) => heldOf(row.notice)), heldOf(notice)], notice.kind, {
      sent: this.#sent(to, notice.kind, now),
      quiet: 'owner' in to && isQuiet(to.owner.quiet, now),
    });
    if (due === 'wait' || before.length > 0) {
      this.rows.put(tx, notice.key, to.name, 'held', now);
      return [];
    }
    return this.#send(tx, notice, to, now);
  }

  #sent(to: To, kind: NoticeKind, now: number): number {
    return this.rows.sentSince(to.name, kind, now - paceOf(kind).windowMs);
  }

  #send(tx: Tx, notice: Notice, to: To, now: number): OutboundRow[] {
    if ('channel' in to) {
      this.rows.put(tx, notice.key, to.name, 'pending', now);
      return [];
    }
    this.rows.put(tx, notice.key, to.name, 'sent', now);
    const row = this.#deps.outbox.addOnce(tx, rowId(notice, to.chat), {
      chat: to.chat,
      meta: { kind: 'notice', amendable: true },
      parts: this.#parts(notice, to.chat, to.reader),
    });
    return row === undefined ? [] : [row];
  }

  async #flush(held: readonly SendRow[]): Promise<void> {
    const { clock, outbox, db } = this.#deps;
    const now = clock();
    const readers = new Map(this.#everybody().map((to) => [to.name, to]));
    const groups = Map.groupBy(held, ({ target, notice }) => JSON.stringify([target, notice.kind]));
    const sent = await db.write((tx) =>
      [...groups.values()].flatMap((group) => {
        const [first] = group;
        const to = first === undefined ? undefined : readers.get(first.target);
        if (first === undefined || to === undefined) {
          // No longer an owner.
          for (const row of group) this.rows.put(tx, row.notice.key, row.target, 'dropped', now);
          return [];
        }
        return this.#sendHeld(tx, group, first.notice.kind, to, now);
      }),
    );
    for (const row of sent) void outbox.release(row);
  }

  #sendHeld(tx: Tx, group: readonly SendRow[], kind: NoticeKind, to: To, now: number): OutboundRow[] {
    const notices = group.map(({ notice }) => notice);
    const facts = { sent: this.#sent(to, kind, now), quiet: 'owner' in to && isQuiet(to.owner.quiet, now) };
    switch (dueNow(notices.map(heldOf), kind, facts)) {
      case 'wait':
        return [];
      case 'each':
        return notices.flatMap((notice) => this.#send(tx, notice, to, now));
      case 'together': {
        for (const { key } of notices) this.rows.put(tx, key, to.name, 'together', now);
        const prefix = 'reader' in to ? to.reader.prefix : '/';
        const one = together(notices, kind, `together:${kind}:${to.name}:${now}`, prefix);
        if (!('channel' in to)) {
          const parts = this.#parts(one, to.chat, to.reader);
          return [this.#deps.outbox.add(tx, { chat: to.chat, meta: { kind: 'notice' }, parts })];
        }
        this.rows.insert(tx, one, now);
        return this.#send(tx, one, to, now);
      }
    }
  }

  #parts(notice: Notice, chat: ChatRef, reader: Reader): readonly Part[] {
    const parts = this.#deps.outbox.format(chat, noticeText(notice, reader));
    return reader.buttons ? withButtons(parts, choicesOf(notice, reader), this.#deps.outbox, chat) : parts;
  }

  #amend(notice: Notice, { chat, reader, copies }: Told, end: ChatText | undefined): void {
    const { outbox, known } = this.#deps;
    const amend: Amend = (last, count) => {
      if (end === undefined) return this.#parts(notice, chat, reader).at(-1);
      const [only, ...more] = outbox.format(chat, noticeText(notice, reader, end));
      if (count === 1 && more.length === 0) return only;
      const [said] = outbox.format(chat, end);
      if (said === undefined) return undefined;
      const limit = known(chat.platform)?.capabilities.textLimit ?? Number.POSITIVE_INFINITY;
      if (last.text.length + said.text.length + 2 > limit) return said;
      return { text: `${last.text}\n\n${said.text}`, plain: `${last.plain}\n\n${said.plain}` };
    };
    for (let copy = 0; copy <= copies; copy += 1) outbox.amend(rowId(notice, chat, copy), amend);
  }

  /** The chats that have a message of their own about it; also of those who are no longer owners. */
  #chatsTold(sends: readonly SendRow[]): Told[] {
    const owners = new Map(this.#deps.owners().map((owner) => [nameOf(owner), owner]));
    return sends.flatMap(({ target, state, tries: copies }) => {
      if (state !== 'sent' || !target.startsWith(OWNER)) return [];
      const chat = parseTarget(target.slice(OWNER.length));
      return chat.kind === 'chat' ? [{ ...this.#place(chat, owners.get(target)?.may ?? []), copies }] : [];
    });
  }

  #channelsTold(sends: readonly SendRow[]): To[] {
    const names = new Set(
      sends.filter(({ state }) => state === 'sent' || state === 'pending').map(({ target }) => target),
    );
    return this.#everybody().filter((to) => 'channel' in to && names.has(to.name));
  }

  /** Starts every send of a channel that is due. */
  #pump(): void {
    const { clock, channels, stopping } = this.#deps;
    const now = clock();
    for (const row of this.rows.inState('pending')) {
      const id = JSON.stringify([row.notice.key, row.target]);
      const channel = channels().find(({ name }) => name === row.target);
      if (row.nextAt > now || this.#underway.has(id) || stopping.aborted) continue;
      const work = this.#try(row, channel)
        .catch((error: unknown) =>
          this.#deps.log.warn('the delivery of a notice was not noted', { error: messageOf(error) }),
        )
        .finally(() => this.#underway.delete(id));
      this.#underway.set(id, work);
    }
  }

  async #try(row: SendRow, channel: Channel | undefined): Promise<void> {
    const { clock, persist, log, stopping } = this.#deps;
    if (channel === undefined)
      return await persist((tx) => this.rows.tried(tx, row, 'dropped', row.tries, clock(), 0));
    const failed = await channel.send(row.notice, row.at, stopping).then(
      () => undefined,
      (error: unknown) => messageOf(error),
    );
    if (stopping.aborted) return; // the next start tries it again
    const now = clock();
    const tries = row.tries + 1;
    const waitMs = RETRY_MS[row.tries];
    const again = waitMs !== undefined;
    if (failed === undefined) await persist((tx) => this.rows.tried(tx, row, 'sent', tries, now, 0));
    else if (again)
      await persist((tx) => this.rows.tried(tx, row, 'pending', tries, row.nextAt, now + waitMs));
    else await persist((tx) => this.rows.tried(tx, row, 'failed', tries, now, 0));
    if (failed !== undefined)
      log.warn(`a notice did not reach ${channel.name}`, { error: failed, tries, again });
  }

  /** Nothing of it is stored. Never rejects. */
  async #sayOnce(notice: Notice, to: To): Promise<void> {
    const { outbox, clock, log, stopping } = this.#deps;
    try {
      if ('channel' in to) return await to.channel.send(notice, clock(), stopping);
      const { chat, reader } = to;
      const parts = this.#parts(notice, chat, reader);
      const meta = { kind: 'notice' } as const;
      for (const [partIndex, part] of parts.entries()) {
        const idempotencyKey = `notice:${notice.key}:${partIndex}`;
        const message = { idempotencyKey, chat, part, partIndex, partCount: parts.length, meta };
        await outbox.direct(chat, (adapter, signal) => adapter.send(message, signal));
      }
    } catch (error) {
      log.warn(`a notice did not reach ${to.name}`, { error: messageOf(error) });
    }
  }
}

function heldOf({ kind, urgent }: Notice): { readonly kind: NoticeKind; readonly urgent: boolean } {
  return { kind, urgent: urgent === true };
}

function nameOf({ chat }: Owner): string {
  return `${OWNER}${writeTarget(chat)}`;
}

/** `copy`: how often it had been sent there before. */
function rowId({ key }: Notice, chat: ChatRef, copy = 0): string {
  return `notice:${key}:${chatKey({ ...chat, accountId: '' })}${copy === 0 ? '' : `:${copy}`}`;
}
