import { defined } from '../../base/defined.ts';
import { messageOf } from '../../base/errors.ts';
import type { Database, Tx } from '../../store/database.ts';
import { type Actor, Audit } from '../access/audit.ts';
import type { AgentAnswer, AgentQuestion, AskQuestion } from '../agent/question.ts';
import type { Core } from '../core.ts';
import type { TurnEvent } from '../events.ts';
import { ChatError, say } from '../language/chat-text.ts';
import type { ChatRef, DialogOutcome, DialogView } from '../model.ts';
import type { TurnNotes } from '../turns/turn-journal.ts';
import {
  type Addressee,
  type Approvals,
  CLOSED_KEPT,
  type ClosedDialog,
  type Dialog,
  DialogBook,
  dialogView,
  outcomeOf,
  randomId,
  sameRoom,
} from './dialog.ts';

/** A question that was open when the gateway ended: no one waits for its answer anymore. */
interface LostDialog extends ClosedDialog {
  readonly sessionId: string;
}

/** Questions on disk: enough to recognize a late answer, and to say after a restart which ones are void. */
class DialogRows {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  insert(tx: Tx, dialog: Dialog, title: string): void {
    tx.run(
      `INSERT INTO dialogs (id, number, session_id, chat, requester_id, kind, title, created_at, state)
         VALUES (?,?,?,?,?,?,?,?,'open')`,
      [
        dialog.id,
        dialog.number,
        dialog.sessionId,
        dialog.chat === undefined ? null : JSON.stringify(dialog.chat),
        dialog.requester?.id ?? null,
        dialog.question.kind,
        title,
        dialog.createdAt,
      ],
    );
  }

  close(tx: Tx, id: string, state: ClosedDialog['outcome'], now: number): void {
    tx.run("UPDATE dialogs SET state = ?, closed_at = ? WHERE id = ? AND state = 'open'", [state, now, id]);
  }

  /** The last ones, oldest first; those that were open are void now. */
  load(): { readonly closed: ClosedDialog[]; readonly lost: LostDialog[] } {
    const rows = this.#db
      .all('SELECT * FROM dialogs ORDER BY created_at DESC, number DESC LIMIT ?', [CLOSED_KEPT])
      .reverse();
    const lost: LostDialog[] = [];
    const closed = rows.map((row): ClosedDialog => {
      const open = row['state'] === 'open';
      const chat = row['chat'];
      const each = {
        id: String(row['id']),
        number: Number(row['number']),
        chat: typeof chat === 'string' ? (JSON.parse(chat) as ClosedDialog['chat']) : undefined,
        outcome: open ? ('void' as const) : (row['state'] as ClosedDialog['outcome']),
      };
      if (open) lost.push({ ...each, sessionId: String(row['session_id']) });
      return each;
    });
    return { closed, lost };
  }

  /** What is open belongs to an earlier run: no one waits for it. */
  async voidOpen(now: number): Promise<void> {
    await this.#db.write((tx) =>
      tx.run("UPDATE dialogs SET state = 'void', closed_at = ? WHERE state = 'open'", [now]),
    );
  }
}

const GATEWAY: Actor = { name: 'gateway', surface: 'gateway' };

/** Who asks: a session or a task, and whom its questions go to at the moment. */
export interface AskerOrigin {
  readonly sessionId: string;
  readonly addressee: () => Addressee;
  /** Asked of the operator, whether or not the work belongs to a chat. */
  readonly operator?: true;
  /** A question waits: the clock of silence stands still. Returns what sets it going again. */
  readonly hold?: () => () => void;
  /** Before the question is sent: what was said so far is brought to its end, so that the order is right. */
  readonly before?: () => Promise<void>;
}

/** Tells people of questions. */
export interface DialogVoice {
  /** Sends the question to its chat. Resolves when that is durable. */
  ask(dialog: Dialog): Promise<void>;
  /** A question was closed by someone who does not write in its chat, or by no one. */
  tell(dialog: Dialog, answer: AgentAnswer | 'timed_out'): void;
  /** The question in its chat shows what became of it, and loses its buttons. */
  closed(dialog: Pick<Dialog, 'id' | 'chat'> & Partial<Dialog>, end: QuestionEnd): void;
  /** Programs on a socket see every question and its end. */
  show(dialog: Dialog, event: TurnEvent): void;
}

/** What became of a question. `void`: the gateway was restarted while it was open. */
export interface QuestionEnd {
  readonly outcome: DialogOutcome | 'void';
  readonly answer?: AgentAnswer;
  /** Who settled it, when a person did. */
  readonly by?: 'operator' | { readonly name: string };
}

export interface DialogsDeps extends Pick<Core, 'db' | 'clock' | 'events' | 'log' | 'egress'> {
  readonly approvals: Approvals;
  readonly voice: DialogVoice;
  /** How long a question waits, in milliseconds. */
  readonly timeoutMs: () => number;
  /** An id that no other question has; default random. */
  readonly newId?: () => string;
}

interface Waiting {
  readonly dialog: Dialog;
  readonly answered: (answer: AgentAnswer) => void;
  readonly cleanup: () => void;
}

/**
 * The open questions of agents. A question is bound to its session, chat, requester and agent process; the first
 * answer of someone who may give one settles it, and its audit line is durable before the agent hears of it.
 */
export class Dialogs {
  readonly book = new DialogBook();
  readonly #deps: DialogsDeps;
  readonly #rows: DialogRows;
  readonly #audit: Audit;
  readonly #waiting = new Map<string, Waiting>();
  #lost: readonly LostDialog[] = [];
  #stopped = false;

  constructor(deps: DialogsDeps) {
    this.#deps = deps;
    this.#rows = new DialogRows(deps.db);
    this.#audit = new Audit(deps.db, deps.clock);
  }

  /** Takes up what the last run left: what was open is void. */
  load(): void {
    const { closed, lost } = this.#rows.load();
    this.#lost = lost;
    this.book.remember(closed);
    if (lost.length === 0) return;
    for (const each of lost) this.#deps.voice.closed(each, { outcome: 'void' });
    this.#rows
      .voidOpen(this.#deps.clock())
      .catch((error: unknown) =>
        this.#deps.log.warn('lost questions were not marked', { error: messageOf(error) }),
      );
  }

  /** Numbers of the questions of a session that the restart has made void. */
  lostOf(sessionId: string): number[] {
    return this.#lost.filter((each) => each.sessionId === sessionId).map(({ number }) => number);
  }

  views(): DialogView[] {
    return this.book.list().map(dialogView);
  }

  /** A program is back: it sees what is open in its chat. */
  showOpen(chat: ChatRef): void {
    for (const { dialog } of this.#waiting.values())
      if (sameRoom(dialog.chat, chat)) this.#deps.voice.show(dialog, turnEvent(dialogView(dialog)));
  }

  /** Who answers the questions of one conversation. */
  asker(origin: AskerOrigin): AskQuestion {
    return async (question, signal) => {
      try {
        return await this.#ask(origin, question, signal);
      } catch (error) {
        this.#deps.log.error('a question could not be asked', { error: messageOf(error) });
        return { type: 'cancelled', reason: 'the question could not be asked' };
      }
    };
  }

  /** Settles a question. Rejects with a GatewayError when it has ended; nothing has changed then. */
  async answer(id: string, answer: AgentAnswer, actor: Actor): Promise<Dialog> {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined || !this.book.close(id, outcomeOf(answer)))
      throw new ChatError('dialog_over', say('answer.closed'), { status: 409, hint: say('answer.listOpen') });
    this.#waiting.delete(id);
    const { dialog } = waiting;
    try {
      await this.#store(dialog, outcomeOf(answer), actor);
    } catch (error) {
      // Nothing runs on an approval that no one will be able to find again.
      this.#settle(
        waiting,
        { type: 'cancelled', reason: 'the decision could not be stored' },
        'cancelled',
        actor,
      );
      throw error;
    }
    const { call } = dialog.question;
    if (call !== undefined && answer.type === 'approval' && answer.decision === 'session')
      this.#deps.approvals.grant(call, dialog.sessionId, dialog.requester?.id);
    this.#settle(waiting, answer, outcomeOf(answer), actor);
    if (actor.surface !== 'chat') this.#deps.voice.tell(dialog, answer);
    return dialog;
  }

  /** What had been approved when a restart cut a turn off counts again in the rest of it. */
  approvedBefore(
    sessionId: string,
    requesterId: string | undefined,
    decided: TurnNotes['decided'],
    cut: ReadonlySet<string>,
  ): void {
    for (const { id, call, decision } of decided.values()) {
      if (decision === 'session') this.#deps.approvals.grant(call, sessionId, requesterId);
      if (decision === 'once' && cut.has(id)) this.#deps.approvals.allowAgain(call, sessionId, requesterId);
    }
  }

  /** The rest of such a turn has ended. */
  turnEnded(sessionId: string): void {
    this.#deps.approvals.forgetAgain(sessionId);
  }

  /** The session has ended: nothing that was approved for it counts anymore. */
  ended(sessionId: string): void {
    this.#deps.approvals.forget(sessionId);
    for (const { dialog } of this.#waiting.values())
      if (dialog.sessionId === sessionId) this.#withdraw(dialog.id, 'the session has ended');
  }

  /** No one is asked anymore, and no one waits. */
  stop(): void {
    this.#stopped = true;
    for (const id of [...this.#waiting.keys()]) this.#withdraw(id, 'the gateway is stopping');
  }

  async #ask(origin: AskerOrigin, question: AgentQuestion, signal: AbortSignal): Promise<AgentAnswer> {
    const { approvals, clock, db, egress, newId = randomId, voice } = this.#deps;
    const { sessionId } = origin;
    const addressee = origin.addressee();
    if (question.call !== undefined) {
      const known = approvals.answer(question.call, sessionId, addressee.requester?.id);
      if (known !== undefined) return known;
    }
    if (this.#stopped || signal.aborted) return { type: 'cancelled', reason: 'the question was withdrawn' };
    if (addressee.chat === undefined && origin.operator !== true)
      return { type: 'cancelled', reason: 'there is no one to ask' };
    if (!this.book.hasRoom(sessionId))
      return { type: 'cancelled', reason: 'too many questions are open already' };
    const now = clock();
    const waitMs = Math.min(this.#deps.timeoutMs(), question.timeoutMs ?? Number.POSITIVE_INFINITY);
    const dialog: Dialog = {
      ...addressee,
      id: newId(),
      number: this.book.nextNumber(),
      sessionId,
      question,
      createdAt: now,
      expiresAt: now + waitMs,
    };
    await db.write((tx) => this.#rows.insert(tx, dialog, egress(question.title).slice(0, 200)));
    // While it was stored the turn may have ended.
    if (this.#isOver(signal)) return { type: 'cancelled', reason: 'the question was withdrawn' };
    const answer = this.#open(origin, dialog, waitMs, signal);
    await origin.before?.().catch((error: unknown) => {
      this.#deps.log.warn('what was said before a question could not be ended', { error: messageOf(error) });
    });
    if (this.#waiting.has(dialog.id))
      await voice.ask(dialog).catch((error: unknown) => {
        this.#deps.log.warn('a question did not reach its chat', { error: messageOf(error) });
      });
    return answer;
  }

  #isOver(signal: AbortSignal): boolean {
    return this.#stopped || signal.aborted;
  }

  #open(origin: AskerOrigin, dialog: Dialog, waitMs: number, signal: AbortSignal): Promise<AgentAnswer> {
    const { promise, resolve } = Promise.withResolvers<AgentAnswer>();
    const release = origin.hold?.();
    const onAbort = (): void => this.#withdraw(dialog.id, 'the turn has ended');
    signal.addEventListener('abort', onAbort, { once: true });
    const timer = setTimeout(() => this.#expire(dialog), waitMs);
    this.#waiting.set(dialog.id, {
      dialog,
      answered: resolve,
      cleanup: () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', onAbort);
        release?.();
      },
    });
    this.book.open(dialog);
    const view = dialogView(dialog);
    this.#deps.events.emit({ type: 'dialog', dialog: view });
    this.#deps.voice.show(dialog, turnEvent(view));
    return promise;
  }

  #expire(dialog: Dialog): void {
    const minutes = Math.max(1, Math.round((dialog.expiresAt - dialog.createdAt) / 60_000));
    const within = `${minutes} ${minutes === 1 ? 'minute' : 'minutes'}`;
    if (this.#close(dialog.id, 'timed_out', `no answer within ${within}`))
      this.#deps.voice.tell(dialog, 'timed_out');
  }

  #withdraw(id: string, reason: string): void {
    this.#close(id, 'withdrawn', reason);
  }

  /** Ends a question without an answer. False: it was over. */
  #close(id: string, outcome: DialogOutcome, reason: string): boolean {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined || !this.book.close(id, outcome)) return false;
    this.#waiting.delete(id);
    this.#settle(waiting, { type: 'cancelled', reason }, outcome, GATEWAY);
    this.#store(waiting.dialog, outcome, GATEWAY).catch((error: unknown) =>
      this.#deps.log.warn('the end of a question was not stored', { error: messageOf(error) }),
    );
    return true;
  }

  #settle(
    { dialog, answered, cleanup }: Waiting,
    answer: AgentAnswer,
    outcome: DialogOutcome,
    actor: Actor,
  ): void {
    cleanup();
    answered(answer);
    this.#deps.events.emit({ type: 'dialog-closed', id: dialog.id, outcome, actor: actor.name });
    this.#deps.voice.show(dialog, { type: 'dialog_closed', id: dialog.id, outcome });
    const by = actor.surface === 'chat' ? dialog.requester : ('operator' as const);
    const end = { outcome, answer, ...(actor === GATEWAY || by === undefined ? {} : { by }) };
    this.#deps.voice.closed(dialog, end);
  }

  async #store(dialog: Dialog, outcome: DialogOutcome, actor: Actor): Promise<void> {
    const { db, clock } = this.#deps;
    await db.write((tx) => {
      this.#rows.close(tx, dialog.id, outcome, clock());
      this.#audit.add(tx, actor, `dialog.${outcome}`, this.#subject(dialog));
    });
  }

  /** What was decided about, findable later: the session, and for a tool call its name, hash and beginning. */
  #subject({ number, question, sessionId, requester }: Dialog): string {
    const { call, kind, title } = question;
    const about =
      call === undefined
        ? `${kind} "${title.slice(0, 80)}"`
        : `${call.tool} sha256:${call.hash.slice(0, 16)} ${call.argumentsJson.slice(0, 200)}`;
    const whose = requester === undefined ? '' : ` asked by ${requester.id}`;
    return this.#deps.egress(`#${number} ${about} in session ${sessionId}${whose}`.toWellFormed());
  }
}

function turnEvent({
  id,
  number,
  kind,
  title,
  text,
  options,
  preset,
  call,
  expiresAt,
}: DialogView): TurnEvent {
  return {
    type: 'dialog',
    id,
    number,
    kind,
    title,
    ...defined({ text, options, preset }),
    ...defined({ call: call && { tool: call.tool, arguments: call.arguments } }),
    expiresAt,
  };
}
