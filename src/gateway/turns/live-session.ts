import { SerialQueue } from '../../base/async.ts';
import { defined } from '../../base/defined.ts';
import { messageOf } from '../../base/errors.ts';
import {
  type Agent,
  type AgentEvent,
  type AgentInput,
  type Conversation,
  seesSessions,
  type TurnEnd,
} from '../agent/agent.ts';
import type { AskQuestion } from '../agent/question.ts';
import { ChatError, say } from '../language/chat-text.ts';
import type { InboundMessage } from '../model.ts';
import type { Addressee } from '../questions/dialog.ts';
import type { Dialogs } from '../questions/dialogs.ts';
import { conversationSpec, promptsOf } from '../receive/agent-input.ts';
import type { InboxItem } from '../receive/inbox.ts';
import { showTyping, type ToolActivity } from '../send/draft.ts';
import { Reply } from '../send/reply.ts';
import type { SessionRecord, Sessions } from '../sessions/sessions.ts';
import { counted } from '../spending/ledger.ts';
import type { Spending } from '../spending/spending.ts';
import {
  type FinishTurnDeps,
  finishTurn,
  noteFailure,
  type Outcome,
  sayBeforeQuestion,
} from './finish-turn.ts';
import { type CutOff, examine, ResumedTurn, type TakenUp, takeUp } from './resume.ts';
import { decided, type JournalEntry, type TurnJournal, type TurnNotes } from './turn-journal.ts';
import { TurnQueue, type TurnQueuePort, type TurnSlots } from './turn-queue.ts';

export interface LiveSessionDeps extends FinishTurnDeps {
  readonly sessions: Sessions;
  readonly slots: TurnSlots;
  /** The pi in a terminal that works in this session instead. */
  readonly terminalOf: (session: SessionRecord) => Agent | undefined;
  readonly spending: Spending;
  readonly prepare: (message: InboundMessage, session: SessionRecord) => Promise<Omit<AgentInput, 'id'>>;
  readonly dialogs: Pick<Dialogs, 'asker' | 'ended' | 'approvedBefore' | 'turnEnded'>;
  readonly journal: TurnJournal;
}

/** One session at work: its queue, the agent's conversation, and the reply that grows. */
export class LiveSession {
  readonly session: SessionRecord;
  readonly queue: TurnQueue;
  readonly #deps: LiveSessionDeps;
  #conversation: Conversation | undefined;
  #asker: AskQuestion | undefined;
  #reply: Reply | undefined;
  #endTyping: () => void = () => {};
  /** Changes of one session are stored one after the other: one that is tried again must not undo a later one. */
  readonly #storing = new SerialQueue();
  /** Turns that were cut off, by their message. */
  readonly #resumed = new Map<string, ResumedTurn>();

  constructor(session: SessionRecord, deps: LiveSessionDeps) {
    this.session = session;
    this.#deps = deps;
    this.queue = new TurnQueue(this.#port());
    if (session.paused) this.queue.pause();
  }

  /** Opens (lazily) what controls the model. */
  conversation(): Conversation {
    const { settings, adapter, dialogs, spending, terminalOf } = this.#deps;
    const terminal = terminalOf(this.session);
    const agent = terminal ?? this.#deps.agent;
    if (agent === undefined)
      throw new ChatError('no_agent', say('command.noAgent'), {
        status: 409,
        hint: say('command.noAgentHint'),
      });
    if (this.#conversation !== undefined) return this.#conversation;
    const { chat } = this.session;
    const own = settings.agentOf(chat);
    const sendsFiles =
      agent.sharesFiles !== false && (adapter(chat.platform)?.capabilities.attachmentsOut ?? false);
    const reserve = spending.meter({
      sessionId: this.session.id,
      caller: () => {
        const { chat: where, requester } = this.#addressee();
        return { chat: where, sender: requester };
      },
      ask: dialogs.asker({
        sessionId: this.session.id,
        operator: true,
        addressee: () => ({ chat, requester: undefined }),
        hold: () => this.#hold(),
      }),
    });
    const opened = agent.open({
      ...conversationSpec(this.session, own, promptsOf(own, sendsFiles, settings.agent.approvals)),
      ask: this.#ask,
      journal: (record) => {
        const { unaborted } = this.queue;
        if (unaborted !== undefined) this.#note(unaborted, record);
      },
      ...defined({ reserve }),
    });
    this.#conversation = terminal === undefined ? opened : counted(opened, reserve);
    return this.#conversation;
  }

  readonly #ask: AskQuestion = async (question, signal) => {
    this.#asker ??= this.#deps.dialogs.asker({
      sessionId: this.session.id,
      addressee: () => this.#addressee(),
      hold: () => this.#hold(),
      before: () => this.#sayBeforeQuestion(),
    });
    const asking = this.queue.current;
    if (asking !== undefined) this.#deps.usage.goesOn(asking.id);
    const answered = this.#deps.timings.asked(asking);
    const answer = await this.#asker(question, signal).finally(answered);
    const { current } = this.queue;
    if (current === undefined || signal.aborted) return answer;
    return decided(question, answer, (entry) => this.#deps.journal.note(current.id, entry));
  };

  /** What session file and journal tell of a turn that was cut off, with all its messages. */
  examine(items: readonly InboxItem[]): Promise<CutOff> {
    const { settings, journal, clock } = this.#deps;
    return examine(
      items.map(({ id, message, state }) => ({ id, text: message.text, steered: state === 'steering' })),
      {
        journal,
        mode: settings.agent.resume,
        now: clock(),
        conversation: this.#isHere ? this.conversation() : undefined,
      },
    );
  }

  /** A message has its outcome without a turn: what the agent had said to it, or that it joined a later one. */
  async settleCut(item: InboxItem, said: string, to: InboxItem): Promise<void> {
    const reply = this.#newReply(item, 'off');
    if (said !== '') reply.take({ type: 'text_delta', delta: said });
    const outcome: Outcome = said === '' ? { kind: 'joined', to } : { kind: 'answered' };
    // The end may have come before that was noted: its own notes go with its outcome.
    this.#tookOver(to, item);
    await this.#storing.run(() => finishTurn(this.#deps, this.session, item, outcome, reply));
  }

  /** Takes up a turn that was cut off, in which the agent works on this message. */
  resume(item: InboxItem, cut: CutOff, question = say('resume.question')): void {
    const { prepare, journal, dialogs } = this.#deps;
    const { session } = this;
    const turn = new ResumedTurn(cut, {
      id: item.id,
      question,
      conversation: () => this.conversation(),
      ask: this.#ask,
      note: (entry) => journal.note(item.id, entry),
      request: item.message.text,
      prepare: async () => ({ id: item.id, ...(await prepare(item.message, session)) }),
      allow: (known, calls) => dialogs.approvedBefore(session.id, item.message.sender.id, known, calls),
    });
    this.#resumed.set(item.id, turn);
  }

  /** Whom the agent asks: the sender of the message that it works on. */
  #addressee(): Addressee {
    const { chat, senderId, senderName } = this.session;
    const message = this.queue.current?.message;
    if (message === undefined) return { chat, requester: { id: senderId, name: senderName } };
    return { chat: message.chat, requester: message.sender, ...defined({ promptId: message.promptId }) };
  }

  /** The answer goes on below the question, in a message of its own. A program gets its answer in one piece. */
  async #sayBeforeQuestion(): Promise<void> {
    const { current } = this.queue;
    const reply = this.#reply;
    if (current === undefined || reply?.message !== current.message || reply.message.promptId !== undefined)
      return;
    const { chat } = current.message;
    const capabilities = this.#deps.adapter(chat.platform)?.capabilities;
    const nothing = reply.text.trim() === '';
    if (capabilities === undefined || capabilities.streamsEvents || (nothing && !capabilities.delete)) return;
    const continues = reply.continues || !nothing;
    this.#reply = this.#newReply(current, this.#deps.settings.chats(chat.platform).toolActivity, continues);
    await this.#storing.run(() => sayBeforeQuestion(this.#deps, this.session, reply, current));
  }

  /** A question waits: silence does not count, and no one is typing. */
  #hold(): () => void {
    const release = this.queue.hold();
    this.#endTyping();
    return () => {
      release();
      const { current } = this.queue;
      if (current !== undefined && this.#reply?.message === current.message) this.#showTyping(current);
    };
  }

  /** The next use opens a conversation with the session's present model and file. */
  async closeConversation(): Promise<void> {
    const open = this.#conversation;
    this.#conversation = undefined;
    await open?.close();
  }

  /** Without an agent a message is kept and shown, and waits for no one. */
  setAside(item: InboxItem): void {
    void this.#settled(item, { kind: 'dropped' });
  }

  /** The agent may be able to continue what a stop cuts off. */
  get #continuable(): boolean {
    const { resume } = this.#deps.settings.agent;
    return resume !== 'off' && this.#isHere && this.#conversation?.resume !== undefined;
  }

  /** Its session file is within reach, and no terminal works in it. */
  get #isHere(): boolean {
    const { agent, terminalOf } = this.#deps;
    return agent !== undefined && seesSessions(agent) && terminalOf(this.session) === undefined;
  }

  #port(): TurnQueuePort {
    const { settings, slots, prepare, inbox, persist, feed } = this.#deps;
    const { session } = this;
    return {
      slots,
      maxWaiting: settings.agent.maxWaiting,
      turnMs: settings.agent.turnMs,
      silenceMs: settings.agent.silenceMs,
      retryDelaysMs: [500, 2000, 8000],
      conversation: () => this.conversation(),
      resumed: (item) => this.#resumed.get(item.id),
      isContinuable: () => this.#continuable,
      cutOff: (item) => this.#cutOff(item),
      tookOver: (item, from) => this.#tookOver(item, from),
      takeUp: (items) => this.#takeUp(items),
      discard: () => {
        void this.closeConversation();
      },
      prepare: async (item) => ({ id: item.id, ...(await prepare(item.message, session)) }),
      mark: (item, state) => this.#storing.run(() => persist((tx) => inbox.setState(tx, item, state))),
      began: (item) => this.#began(item),
      event: (item, event) => this.#event(item, event),
      retried: (item, end) => this.#retried(item, end),
      settled: (item, outcome) => this.#settled(item, outcome),
      changed: () => feed.show(session, this.queue),
    };
  }

  /** Its turn stays in the store unchanged; no one types anymore, and the draft stays unchanged. */
  async #cutOff({ id }: InboxItem): Promise<void> {
    this.#endTyping();
    this.#deps.usage.goesOn(id);
    await this.#reply?.leave();
    this.#deps.log.info('a turn is cut off by the stop; the next start continues it', { id });
  }

  /** The machine where it ran is gone. The draft stays unchanged, to be replaced. */
  async #takeUp(items: readonly InboxItem[]): Promise<TakenUp | undefined> {
    const { agent, decide, files } = this.#deps;
    if (agent?.movesSessions !== true || !this.#isHere) return undefined;
    for (const { id } of items) this.#deps.usage.goesOn(id);
    await this.#reply?.leave();
    const taken = await takeUp(this, items, decide, say('resume.hostGone'));
    if (taken === undefined) return undefined;
    this.#endTyping();
    this.#reply = undefined;
    files.ended(this.session.id);
    return taken;
  }

  #tookOver(item: InboxItem, from: InboxItem): void {
    const { persist, journal, inbox, timings } = this.#deps;
    timings.tookOver(item, from);
    void this.#storing
      .run(() =>
        persist((tx) => {
          journal.tookOver(tx, item.id, from.id);
          inbox.setState(tx, item, 'running');
        }),
      )
      .catch(() => {}); // the gateway stops
  }

  async #settled(item: InboxItem, outcome: Outcome): Promise<void> {
    this.#deps.timings.ended(item, outcome.kind);
    if (this.#resumed.delete(item.id)) this.#deps.dialogs.turnEnded(this.session.id);
    const own = this.#reply?.message === item.message ? this.#reply : undefined;
    if (own !== undefined) this.#reply = undefined;
    const endTyping = own === undefined ? () => {} : this.#endTyping;
    if (own !== undefined) this.#deps.files.ended(this.session.id);
    const reply = own ?? this.#newReply(item, 'off');
    try {
      noteFailure(this.session, outcome, this.#deps.clock());
      const { atRest } = await this.#storing.run(() =>
        finishTurn(this.#deps, this.session, item, outcome, reply),
      );
      void atRest.then(endTyping);
    } catch (error) {
      endTyping();
      this.#deps.usage.goesOn(item.id);
      this.#deps.log.error('a message could not be brought to its end', {
        id: item.id,
        error: messageOf(error),
      });
    }
  }

  #began(item: InboxItem): void {
    const { settings, timings } = this.#deps;
    timings.began(item);
    const { toolActivity } = settings.chats(item.message.chat.platform);
    const notes = this.#resumed.get(item.id)?.cut.notes;
    this.#reply = this.#newReply(item, toolActivity, (notes?.said.length ?? 0) > 0, notes?.draft);
    this.#showTyping(item);
  }

  #showTyping({ message: { chat } }: InboxItem): void {
    const { adapter, settings } = this.#deps;
    this.#endTyping();
    this.#endTyping = showTyping(adapter(chat.platform), chat, settings.agent.turnMs);
  }

  #newReply(
    item: InboxItem,
    toolActivity: ToolActivity,
    continues = false,
    draft: TurnNotes['draft'] = undefined,
  ): Reply {
    const { adapter, outbox, egress, clock } = this.#deps;
    const { platform } = item.message.chat;
    return new Reply(item.message, {
      adapter: () => adapter(platform),
      outbox,
      clock,
      toolActivity,
      egress,
      continues,
      ...defined({ draft }),
      drafted: (id) => this.#note(item, { kind: 'draft', id }),
    });
  }

  #note(item: InboxItem, entry: JournalEntry): void {
    this.#noted(item, this.#deps.journal.note(item.id, entry));
  }

  #noted(item: InboxItem, noting: Promise<void>): void {
    noting.catch((error: unknown) =>
      this.#deps.log.warn('the journal of a turn is incomplete', { id: item.id, error: messageOf(error) }),
    );
  }

  #retried(item: InboxItem, { code, message }: Extract<TurnEnd, { status: 'failed' }>): void {
    const { platform, chatId } = this.session.chat;
    this.#deps.decide({
      what: 'turn',
      kind: 'retried',
      code,
      reason: `the model was not reached: ${message}`,
      platform,
      chatId,
      sessionId: this.session.id,
      id: item.id,
    });
  }

  #event(item: InboxItem, event: AgentEvent): void {
    const { db, sessions, events, log, timings, usage } = this.#deps;
    timings.saw(item, event);
    if (event.type === 'model') return;
    if (event.type === 'session') {
      this.session.sessionFile = event.sessionFile;
      this.#noted(item, this.#deps.journal.uses(item.id, event.sessionFile, event.since));
      this.session.host = event.host;
      db.write((tx) => sessions.save(tx, this.session)).catch((error: unknown) =>
        log.warn('the session file could not be noted', { error: messageOf(error) }),
      );
      return;
    }
    this.#deps.files.saw(this.session.id, event);
    if (event.type === 'usage') {
      const { sender, chat } = item.message;
      const owner = { platform: chat.platform, senderId: sender.id, senderName: sender.name };
      usage.hold(item.id, { ...owner, sessionId: this.session.id }, event);
    } else usage.goesOn(item.id);
    const shown = this.#reply?.message === item.message ? this.#reply.take(event) : undefined;
    if (shown !== undefined) events.emit({ type: 'turn', sessionId: this.session.id, event: shown });
  }
}
