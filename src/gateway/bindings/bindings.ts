import { randomUUID } from 'node:crypto';
import { defined } from '../../base/defined.ts';
import { GatewayError, messageOf } from '../../base/errors.ts';
import { aliveness, ownIdentity, type ProcessIdentity, processIdentityOf } from '../../base/processes.ts';
import type { Tx } from '../../store/database.ts';
import type { Agent } from '../agent/agent.ts';
import { findPiSession, piSessionFolders } from '../agent/pi-files.ts';
import type { Core } from '../core.ts';
import { raw, say } from '../language/chat-text.ts';
import type { ChatRef } from '../model.ts';
import type { Dialogs } from '../questions/dialogs.ts';
import type { InboxItem } from '../receive/inbox.ts';
import type { Outbox } from '../send/outbox.ts';
import { bindingOver } from '../sessions/resolve-session.ts';
import type { SessionView } from '../sessions/session-view.ts';
import { boundKey, type SessionRecord } from '../sessions/sessions.ts';
import {
  type BoundPlace,
  boundSession,
  type MoveOutDeps,
  moveLate,
  moveOut,
  parseStored,
  type Stored,
} from './bound-session.ts';
import type { Orders, OrdersSeen, Report, TerminalLease, TerminalPi } from './terminal.ts';
import { Terminal } from './terminal.ts';

/** A terminal that says nothing for this long is gone, where its process cannot be looked at. */
const SILENT_MS = 45_000;
const LOOK_MS = 1000;
/** Longest look for orders: well below the time that the operator link gives an answer. */
const WAIT_MS = 20_000;
const FACT = 'bound:';

interface Held {
  readonly session: SessionRecord;
  readonly terminal?: {
    readonly lease: string;
    readonly process: ProcessIdentity;
    readonly pi: Terminal;
    heardAt: number;
  };
}

export interface BindingDeps extends MoveOutDeps, Core {
  readonly outbox: Outbox;
  readonly dialogs: Pick<Dialogs, 'ended'>;
  /** Directory of the session files of the gateway's own agents. */
  readonly agentSessions: string;
  /** False: sessions lie where this machine cannot open them. */
  readonly sharesFiles: boolean;
  readonly asksApproval: () => boolean;
  /** Sessions that are open in a terminal already (`open`). */
  readonly leased: (sessionId: string) => boolean;
}

/**
 * Chats that are tied to one session of pi. Either the gateway's agent works in that session, until someone unbinds it;
 * or a pi that is open in a terminal does, until that pi ends. In the meantime everything of the chat belongs to that session;
 * afterwards the chat continues in its own one, and what waited goes there.
 */
export class Bindings {
  readonly #deps: BindingDeps;
  /** By the key of the bound session. */
  readonly #held = new Map<string, Held>();
  readonly #self = ownIdentity();
  /** Bound by the last run to a terminal that is gone. */
  readonly #gone: SessionRecord[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(deps: BindingDeps) {
    this.#deps = deps;
  }

  /** Takes up what the last run had bound. */
  load(): void {
    const { db, sessions } = this.#deps;
    for (const row of db.all("SELECT value FROM facts WHERE name LIKE 'bound:%'")) {
      const stored = parseStored(String(row['value']));
      const session = stored === undefined ? undefined : sessions.get(stored.sessionId);
      if (stored === undefined || session === undefined || session.endedAt !== undefined) continue;
      const { lease } = stored.terminal ?? {};
      const process = processIdentityOf(stored.terminal?.process ?? '');
      if (lease === undefined) this.#hold({ session });
      else if (process !== undefined && aliveness(process, this.#self) !== 'dead')
        this.#hold({ session, terminal: this.#terminal(lease, process) });
      else this.#gone.push(session);
    }
  }

  /** What waited for a terminal that is gone goes back to its chat. Before anything of the inbox is taken up. */
  async recover(): Promise<void> {
    for (const session of this.#gone.splice(0))
      await moveOut(this.#deps, session, {
        reason: ENDED,
        more: (tx) => forget(tx, session.key),
        reached: false,
      });
  }

  /** Where messages of this chat belong; undefined: to the chat's own session. */
  keyOf(chat: ChatRef): string | undefined {
    if (this.#held.size === 0) return undefined;
    for (const key of [boundKey(chat), boundKey({ ...chat, threadId: undefined })])
      if (this.#held.has(key)) return key;
    return undefined;
  }

  /** The pi in a terminal that works in this session. */
  agentOf(session: SessionRecord): Agent | undefined {
    const held = this.#held.get(session.key);
    return held?.session === session ? held.terminal?.pi.agent : undefined;
  }

  /** Ties a chat to a session for good: one of the gateway's (`id`), or a file of pi. */
  async bind(chat: ChatRef, name: string): Promise<SessionRecord> {
    const { sessions, conversations, sharesFiles, agentSessions, leased } = this.#deps;
    if (!sharesFiles)
      throw new GatewayError('session_elsewhere', 'the agent runs elsewhere, and so do its sessions', {
        status: 409,
        hint: 'Only sessions of this machine can be bound.',
      });
    const known = sessions.beginning(name, 20).filter(({ host }) => host === undefined);
    const own = known.find(({ id }) => id === name) ?? (known.length === 1 ? known[0] : undefined);
    const found = findPiSession(own?.sessionFile ?? name, [agentSessions, ...piSessionFolders(process.env)]);
    this.#refuseFile(found.file);
    for (const user of sessions.openWithFile(found.file)) {
      if (leased(user.id) || conversations.queue(user.id)?.idle === false)
        throw new GatewayError('agent_busy', 'that session is running or open in a terminal', {
          status: 409,
          hint: 'Wait for the answer, or close it there.',
        });
      if (user.chat.platform !== chat.platform || user.chat.chatId !== chat.chatId)
        throw new GatewayError(
          'session_in_use',
          `that session belongs to another chat: ${user.chat.platform} ${user.chat.chatId}`,
          {
            status: 409,
            hint: 'Reset the session of that chat first: two chats cannot write to one session.',
          },
        );
      // One writer at a time.
      await conversations.closeConversation(user);
    }
    await this.#free(chat);
    const session = this.#record(chat, { sessionFile: found.file, cwd: found.cwd }, own?.title);
    session.bound = { to: 'session', piSession: found.id, file: found.file };
    await this.#keep({ session });
    return session;
  }

  /** Ties a chat to the pi that is open in a terminal, until that pi ends. */
  async bindTerminal(chat: ChatRef, pi: TerminalPi, identity: string): Promise<TerminalLease> {
    const process = processIdentityOf(identity);
    if (process === undefined)
      throw new GatewayError('bad_process', 'that is no process', {
        status: 400,
        hint: 'Update both sides.',
      });
    for (const { session, terminal } of this.#held.values())
      if (terminal?.process.pid === process.pid && aliveness(terminal.process, process) === 'alive')
        throw new GatewayError(
          'terminal_bound',
          `this pi is bound to ${session.chat.platform} ${session.chat.chatId} already`,
          { status: 409, hint: `First: /gateway unbind ${session.chat.platform} ${session.chat.chatId}` },
        );
    if (pi.sessionFile !== undefined) {
      this.#refuseFile(pi.sessionFile);
      for (const user of this.#deps.sessions.openWithFile(pi.sessionFile))
        if (!this.#deps.leased(user.id))
          throw new GatewayError(
            'session_in_use',
            `the gateway itself works in this session, for ${user.chat.platform} ${user.chat.chatId}`,
            { status: 409, hint: 'Open it with: pi-gateway-tui open <session>. Or begin another one: /new' },
          );
    }
    await this.#free(chat);
    const session = this.#record(chat, pi, pi.name);
    session.bound = boundTo(pi);
    const lease = randomUUID();
    await this.#keep({ session, terminal: this.#terminal(lease, process) });
    return { lease, id: session.id };
  }

  /** The terminal shows another session now. */
  async move(lease: string, pi: TerminalPi): Promise<void> {
    const { session } = this.#leased(lease);
    const moved = session.bound?.piSession !== pi.sessionId;
    session.bound = boundTo(pi);
    session.sessionFile = pi.sessionFile;
    session.cwd = pi.cwd;
    await this.#deps.conversations.save(session);
    if (moved) this.#deps.conversations.note(session, 'notice', `another session was opened in the terminal`);
  }

  /** What the terminal is to do; waits for it. Throws `binding_over`. */
  async next(lease: string, seen: OrdersSeen): Promise<Orders> {
    const { terminal } = this.#leased(lease);
    terminal.heardAt = this.#deps.clock();
    const orders = await terminal.pi.next(seen, WAIT_MS);
    this.#leased(lease);
    return orders;
  }

  /** What the terminal did. Gives back the runs that no one waits for. Throws `binding_over`. */
  async report(lease: string, first: number, reports: readonly Report[]): Promise<readonly string[]> {
    const { session, terminal } = this.#leased(lease);
    terminal.heardAt = this.#deps.clock();
    const { said, unknown } = terminal.pi.report(first, reports);
    for (const { number, type, text } of said)
      await this.#mirror(session, `${FACT}${lease}:${number}`, type, text);
    return unknown;
  }

  /** The pi in the terminal ends. Nothing happens when the binding is over already. */
  async leave(lease: string): Promise<void> {
    const held = [...this.#held.values()].find(({ terminal }) => terminal?.lease === lease);
    if (held !== undefined) await this.#end(held, ENDED);
  }

  /** The chat continues in its own session. */
  async unbind(chat: ChatRef): Promise<void> {
    const held = this.#held.get(this.keyOf(chat) ?? '');
    if (held === undefined)
      throw new GatewayError('not_bound', `${chat.platform} ${chat.chatId} is not bound to a session`, {
        status: 404,
        hint: '/gateway bind lists the chats that are.',
      });
    await this.#end(held, UNBOUND);
  }

  /** For anyone who lists them. */
  views(): object[] {
    return [...this.#held.values()].map(({ session: { id, chat, bound } }) => ({
      platform: chat.platform,
      channelId: chat.chatId,
      sessionId: id,
      ...bound,
    }));
  }

  /** A session file that a bound chat writes to has no second writer. */
  refuse(session: SessionRecord): void {
    if (session.sessionFile !== undefined && this.#held.get(session.key)?.session !== session)
      this.#refuseFile(session.sessionFile);
  }

  /** A message was accepted for a session whose binding ended in this very moment. */
  tookLate(item: InboxItem): void {
    moveLate(this.#deps, item).catch((error: unknown) =>
      this.#deps.log.warn('a message is taken up with the next start', { error: messageOf(error) }),
    );
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    for (const { terminal } of this.#held.values()) terminal?.pi.close();
  }

  #refuseFile(file: string): void {
    for (const { session } of this.#held.values())
      if (session.sessionFile === file)
        throw new GatewayError(
          'session_bound',
          `that session is bound to ${session.chat.platform} ${session.chat.chatId}`,
          { status: 409, hint: `First: /gateway unbind ${session.chat.platform} ${session.chat.chatId}` },
        );
  }

  /** A chat has one binding: another one takes its place. */
  async #free(chat: ChatRef): Promise<void> {
    const held = this.#held.get(boundKey(chat));
    if (held !== undefined) await this.#end(held, 'another session was bound to this chat');
  }

  #leased(lease: string): Required<Held> {
    for (const held of this.#held.values())
      if (held.terminal?.lease === lease) return { ...held, terminal: held.terminal };
    throw bindingOver();
  }

  #terminal(lease: string, process: ProcessIdentity): NonNullable<Held['terminal']> {
    const { clock, asksApproval } = this.#deps;
    return { lease, process, pi: new Terminal(asksApproval), heardAt: clock() };
  }

  #record(chat: ChatRef, at: BoundPlace, title: string | undefined): SessionRecord {
    const known = this.#deps.sessions.inChat(chat.platform, chat.chatId);
    return boundSession(chat, known, at, title, this.#deps.clock());
  }

  /** Durable first, then in force. */
  async #keep(held: Held): Promise<void> {
    const { db, sessions, conversations } = this.#deps;
    const { session, terminal } = held;
    const kept = terminal && { lease: terminal.lease, process: JSON.stringify(terminal.process) };
    const stored: Stored = { sessionId: session.id, ...defined({ terminal: kept }) };
    await db.write((tx) => {
      sessions.insert(tx, session);
      sessions.save(tx, session);
      tx.run('INSERT OR REPLACE INTO facts (name, value) VALUES (?,?)', [
        FACT + session.key,
        JSON.stringify(stored),
      ]);
    });
    this.#hold(held);
    conversations.show(session);
  }

  #hold(held: Held): void {
    const { session, terminal } = held;
    session.bound ??=
      terminal === undefined
        ? { to: 'session', ...defined({ file: session.sessionFile }) }
        : boundTo({
            sessionId: '',
            cwd: session.cwd ?? '',
            ...defined({ sessionFile: session.sessionFile }),
          });
    this.#held.set(session.key, held);
    this.#deps.sessions.remember(session);
    if (terminal === undefined || this.#timer !== undefined) return;
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
    this.#timer.unref();
  }

  async #end(held: Held, reason: string): Promise<void> {
    const { session, terminal } = held;
    if (this.#held.get(session.key) !== held) return;
    // Memory first: what is written in this very moment belongs to the chat's own session.
    this.#held.delete(session.key);
    session.bound = undefined;
    // What has reached the model is reported; everything else goes on in the chat's own session.
    const reached = terminal?.pi.working ?? false;
    this.#deps.dialogs.ended(session.id);
    const over = moveOut(this.#deps, session, { reason, more: (tx) => forget(tx, session.key), reached });
    terminal?.pi.end(reason === ENDED ? say('failure.terminalGone') : say('failure.unbound'));
    await over;
  }

  /** A pi that was killed says nothing. */
  #look(): void {
    const { clock, log } = this.#deps;
    let terminals = 0;
    for (const held of this.#held.values()) {
      const { terminal, session } = held;
      if (terminal === undefined) continue;
      terminals += 1;
      const state = aliveness(terminal.process, this.#self);
      if (state === 'alive' || (state === 'unknown' && clock() - terminal.heardAt < SILENT_MS)) continue;
      log.warn('the pi that a chat was bound to has ended; the chat continues in its own session', {
        session: session.id,
      });
      void this.#end(held, ENDED).catch((error: unknown) =>
        log.error('a binding could not be ended', { session: session.id, error: messageOf(error) }),
      );
    }
    if (terminals === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
  }

  /** The chat sees what is said in the terminal, once. */
  async #mirror(session: SessionRecord, id: string, type: 'typed' | 'said', text: string): Promise<void> {
    const { db, outbox, conversations } = this.#deps;
    if (text.trim() === '') return;
    const message = {
      chat: session.chat,
      meta: { kind: 'operator', sessionId: session.id } as const,
      parts: outbox.format(session.chat, type === 'typed' ? say('send.fromTerminal', { text }) : raw(text)),
    };
    const row = await db.write((tx) => outbox.addOnce(tx, id, message));
    if (row === undefined) return;
    void outbox.release(row);
    conversations.note(session, type === 'typed' ? 'operator' : 'agent', text);
  }
}

const ENDED = 'pi in the terminal ended';
const UNBOUND = 'the chat was unbound';

function forget(tx: Tx, key: string): void {
  tx.run('DELETE FROM facts WHERE name = ?', [FACT + key]);
}

function boundTo({ sessionId, sessionFile, cwd }: TerminalPi): NonNullable<SessionView['bound']> {
  return { to: 'terminal', cwd, piSession: sessionId, ...defined({ file: sessionFile }) };
}
