import { randomUUID } from 'node:crypto';
import { settlesWithin } from '../../../base/deadline.ts';
import { ownText } from '../../../base/own-text.ts';
import type { AgentControl } from '../../agent/agent.ts';
import type { Core } from '../../core.ts';
import { ChatError } from '../../language/chat-error.ts';
import { type ChatText, joined, raw, SILENCE, say } from '../../language/chat-text.ts';
import { LANGUAGE_NAMES, LANGUAGES, readLanguage } from '../../language/languages.ts';
import type { ChatRef, InboundMessage } from '../../model.ts';
import type { ChatAnswers } from '../../questions/chat-answers.ts';
import type { Schedules } from '../../schedules/schedules.ts';
import type { SaidHit } from '../../sessions/archive.ts';
import { sessionTitle } from '../../sessions/session-view.ts';
import type { SessionRecord, Sessions } from '../../sessions/sessions.ts';
import type { Spending } from '../../spending/spending.ts';
import { statusText } from '../../tasks/task-record.ts';
import type { Tasks } from '../../tasks/tasks.ts';
import type { Conversations } from '../../turns/conversations.ts';
import type { SideQuestions } from '../../turns/side-questions.ts';
import { type Usage, usageText } from '../../usage.ts';
import type { Inbox, InboxItem } from '../inbox.ts';
import { type ChatCommandName, commandRow, helpText } from './command-table.ts';
import { createScheduleCommands } from './schedule-commands.ts';

/** Lines that `/search` answers with. */
const SEARCH_HITS = 10;
/** A control word is answered within a second. */
const SOON_MS = 700;

export interface ExecuteDeps extends Core {
  readonly sessions: Sessions;
  readonly conversations: Conversations;
  readonly inbox: Inbox;
  readonly tasks: Tasks;
  readonly schedules: Schedules;
  readonly usage: Usage;
  readonly spending: Spending;
  /** Lines of those sessions with all of the words, the newest first. */
  readonly search: (words: string, limit: number, sessions: readonly string[]) => Promise<readonly SaidHit[]>;
  readonly sideQuestions: SideQuestions;
  /** Is the sender on the allowlist, and not merely let in by an open chat? */
  readonly listed: (message: InboundMessage) => boolean;
  readonly answers: ChatAnswers;
  /** What an owner decides. */
  readonly owner: (args: string, message: InboundMessage) => Promise<ChatText>;
  /** `/word`, or `!word` where that is what people type. */
  readonly prefix: (chat: ChatRef) => string;
}

/** Carries out the chat commands of an admitted sender. Each returns the sentence or list that the chat reads. */
export function createExecutor(deps: ExecuteDeps) {
  const { conversations, sessions, tasks, usage, sideQuestions, inbox, persist, clock } = deps;

  const current = (message: InboundMessage): SessionRecord | undefined => conversations.sessionOf(message);
  const need = (message: InboundMessage): SessionRecord =>
    current(message) ?? fail('no_session', say('command.noSession'), say('command.writeFirst'));
  /** Sessions of this conversation, the newest first. */
  const listOf = (message: InboundMessage): SessionRecord[] => sessions.ofKey(conversations.keyOf(message));

  async function control(message: InboundMessage, command: AgentControl): Promise<ChatText> {
    const session = need(message);
    const conversation = conversations.conversation(session);
    const answer = await conversation.control(command);
    const { model, thinking } = conversation.chosen ?? {};
    if (command.type === 'model' && command.name !== undefined) session.model = model ?? command.name;
    if (command.type === 'thinking' && command.level !== undefined)
      session.thinking = thinking ?? command.level;
    if (command.type === 'model' || command.type === 'thinking') await conversations.save(session);
    return answer;
  }

  /** Work of the queue: what is written meanwhile waits behind it, and `/stop` ends it. */
  async function compact(message: InboundMessage): Promise<ChatText> {
    const session = need(message);
    const conversation = conversations.conversation(session);
    let stopped: AbortSignal | undefined;
    try {
      return await conversations.openQueue(session).compact(message.sender.id, (signal) => {
        stopped = signal;
        return conversation.control({ type: 'compact' }, signal);
      });
    } catch (error) {
      if (stopped?.aborted !== true) throw error;
      // Whoever stopped it has a sentence already; a program waits for an answer to every prompt id.
      return stopped.reason === 'told' && message.promptId === undefined
        ? SILENCE
        : say('command.notCompacted');
    }
  }

  /** In a chat that people share, only the last turn of all can be taken back, by whoever it belongs to. */
  async function undo(message: InboundMessage): Promise<ChatText> {
    const session = need(message);
    const conversation = conversations.conversation(session);
    if (conversation.undo === undefined) return say('command.noUndo');
    if (!(conversations.queue(session.id)?.idle ?? true)) return say('command.busy', { name: 'undo' });
    const owner = inbox.lastOf(session.id)?.message.sender.id;
    if (owner !== undefined && owner !== message.sender.id) return say('command.notYourTurn');
    const { text } = await conversation.undo();
    session.sessionFile = conversation.sessionFile ?? session.sessionFile;
    await conversations.save(session);
    const words = sessionTitle(text);
    conversations.note(session, 'notice', `undone: ${words}`);
    return say('command.undone', { words });
  }

  const actions: Record<ChatCommandName, (args: string, message: InboundMessage) => Promise<ChatText>> = {
    // Telegram sends it when a person opens the bot; what a link adds to it means nothing to somebody who has access.
    start: async (_args, message) => say('command.hello', { prefix: deps.prefix(message.chat) }),
    help: async (_args, message) => helpText(deps.prefix(message.chat)),
    async new(_args, message) {
      const session = current(message);
      if (session === undefined) return say('command.newAlready');
      await conversations.endSession(session, 'new session asked for');
      return say('command.newStarted');
    },
    async stop(_args, message) {
      const session = current(message);
      const { id: senderId } = message.sender;
      if (session === undefined)
        return sideQuestions.stop(message.chat.platform, [senderId], true)
          ? say('command.stopped')
          : say('command.nothingRuns');
      const result = conversations.queue(session.id)?.stop(senderId, true);
      // Said once it is true for good; a store that is slow is no reason to keep a person waiting.
      if (result !== undefined) await settlesWithin(result.stored, SOON_MS);
      const offers = inbox.offered(session.id, senderId);
      if (offers.length > 0)
        await persist((tx) => {
          for (const offer of offers) inbox.setState(tx, offer, 'done');
        });
      const aside = sideQuestions.stop(message.chat.platform, [senderId], true);
      const dropped = (result?.dropped ?? 0) + offers.length;
      const said = [
        ...(result?.aborted || aside ? [say('command.stopped')] : []),
        ...(dropped === 0 ? [] : [say('command.dropped', { n: dropped })]),
      ];
      return said.length === 0 ? say('command.nothingRuns') : joined(said, ' ');
    },
    async status(_args, message) {
      const session = current(message);
      if (session === undefined) return say('command.statusNone');
      const view = conversations.view(session);
      const state = say(`state.${conversations.queue(session.id)?.doing ?? view.state}`);
      const lines = [
        say('command.session', { title: view.title || view.id }),
        view.current === undefined
          ? say('command.state', { state })
          : say('command.stateOf', { state, current: view.current }),
        say('command.waiting', { n: view.waiting }),
        say('command.turns', { n: view.turns }),
        ...(view.model === undefined ? [] : [say('command.model', { name: view.model })]),
      ];
      return joined(lines, '\n');
    },
    async sessions(_args, message) {
      const list = listOf(message);
      if (list.length === 0) return say('command.noSessions');
      const titles = list.slice(0, 20).map(({ title, endedAt }) => {
        const shown = title === '' ? say('command.untitled') : raw(title);
        return endedAt === undefined ? say('command.current', { title: shown }) : shown;
      });
      return joined(
        titles.map((title, i) => joined([raw(`${i + 1}. `), title], '')),
        '\n',
      );
    },
    async resume(args, message) {
      const list = listOf(message);
      const chosen = args === '' ? list.find((each) => each.endedAt !== undefined) : list[Number(args) - 1];
      if (chosen === undefined)
        fail(
          'no_such_session',
          args === '' ? say('command.noEarlier') : say('command.noSuchSession', { n: args }),
          say('command.sessionsLists'),
        );
      await conversations.reopen(chosen);
      return say('command.back', { title: chosen.title || chosen.id });
    },
    async search(args, message) {
      if (args === '') return say('command.searchWhat');
      // What was said elsewhere stays there: another chat has other readers.
      const list = listOf(message);
      const found = await deps.search(
        args,
        SEARCH_HITS,
        list.map(({ id }) => id),
      );
      if (found.length === 0) return say('command.searchNone');
      return joined(
        [
          ...found.map(({ sessionId, entry }) => {
            const n = list.findIndex(({ id }) => id === sessionId) + 1;
            const who =
              entry.role !== 'user'
                ? raw(entry.role)
                : entry.name === undefined
                  ? say('command.searchYou')
                  : raw(entry.name);
            const day = new Date(entry.at).toISOString().slice(0, 10);
            return joined(
              [raw(`${n}. ${day} `), who, raw(`: ${entry.text.replaceAll(/\s+/gu, ' ').trim()}`)],
              '',
            );
          }),
          say('command.searchBack'),
        ],
        '\n',
      );
    },
    async retry(_args, message) {
      const session = need(message);
      const offers = inbox.offered(session.id, message.sender.id);
      if (offers.length > 0) return retryOffers(session, offers);
      if (conversations.queue(session.id)?.current?.message.sender.id === message.sender.id)
        return say('command.retryWorking');
      const last = inbox.last(session.id, message.sender.id);
      if (last === undefined) return say('command.retryNothing');
      if (last.message.textForgotten) return say('command.retryForgotten');
      if (!conversations.hasRoom(session.id)) return say('receive.queueFull');
      const { promptId, ...rest } = last.message;
      const again = await persist((tx) =>
        inbox.add(
          tx,
          randomUUID(),
          {
            ...rest,
            messageId: message.messageId,
            ...(message.promptId === undefined ? {} : { promptId: `${message.promptId}:retry` }),
          },
          'queued',
          session.id,
          clock(),
        ),
      );
      conversations.enqueue(again, session, 'queue');
      return say('command.retrying');
    },
    undo: (_args, message) => undo(message),
    async title(args, message) {
      const session = need(message);
      if (args === '')
        return say('command.title', { title: session.title === '' ? say('command.noTitle') : session.title });
      session.title = ownText(args.replaceAll('\n', ' ').slice(0, 80).toWellFormed());
      await conversations.save(session);
      return say('command.title', { title: session.title });
    },
    model: (args, message) =>
      control(message, args === '' ? { type: 'model' } : { type: 'model', name: args }),
    thinking: (args, message) =>
      control(message, args === '' ? { type: 'thinking' } : { type: 'thinking', level: args }),
    compact: (_args, message) => compact(message),
    async usage(_args, message) {
      const session = current(message);
      const { platform } = message.chat;
      const lines = [
        ...(session === undefined
          ? []
          : [say('command.usageSession', { usage: usageText(usage.ofSession(session.id)) })]),
        say('command.usageToday', { usage: usageText(usage.ofSender(platform, message.sender.id, true)) }),
        say('command.usageTotal', { usage: usageText(usage.ofSender(platform, message.sender.id, false)) }),
        ...deps.spending.ownLines(message),
      ];
      return joined(lines, '\n');
    },
    queue: async () => say('command.queueWhat'),
    steer: async () => say('command.steerWhat'),
    async bg(args, message) {
      if (args === '') return say('command.bgWhat');
      const task = await tasks.start({
        command: args,
        parentSessionId: current(message)?.id ?? null,
        chat: message.chat,
        senderId: message.sender.id,
      });
      return say('command.bgStarted', { id: task.id });
    },
    async tasks(_args, message) {
      const mine = tasks
        .list()
        .filter((task) => sameChat(task.chat, message))
        .slice(-20)
        .reverse();
      if (mine.length === 0) return say('command.noTasks');
      return joined(
        mine.map((task) =>
          joined(
            [raw(task.id), statusText(task.status), raw(`${task.progress}%`), raw(task.command.slice(0, 60))],
            '  ',
          ),
        ),
        '\n',
      );
    },
    async cancel(args, message) {
      const task = tasks.get(args);
      if (task === undefined || !sameChat(task.chat, message))
        fail('task_not_found', say('command.noSuchTask', { id: args }), say('command.tasksLists'));
      await tasks.cancel(task.id);
      return say('command.cancelling', { id: task.id });
    },
    ...createScheduleCommands(deps),
    btw: async (args, message) =>
      args === '' ? say('command.btwWhat') : sideQuestions.ask({ ...message, text: args }, current(message)),
    approve: (args, message) => deps.answers.approve(args, message),
    deny: (args, message) => deps.answers.deny(args, message),
    answer: (args, message) => deps.answers.answer(args, message),
    owner: (args, message) => deps.owner(args, message),
    whoami: async (_args, message) =>
      joined(
        [
          say('command.whoami', {
            name: message.sender.name,
            platform: message.chat.platform,
            id: message.sender.id,
          }),
          ...(message.sender.aliases ?? []).map((id) => say('command.alias', { id })),
        ],
        '\n',
      ),
    language: (args, message) => language(args, message),
  };

  /** Shows the language of this person, or changes it. */
  async function language(args: string, message: InboundMessage): Promise<ChatText> {
    const { readers } = deps;
    const codes = ['auto', ...LANGUAGES].join(', ');
    const nameOf = (): ChatText => raw(LANGUAGE_NAMES[readers.of(message.chat, message.sender)]);
    if (args === '') {
      const values = { name: nameOf(), prefix: deps.prefix(message.chat), codes };
      const chosen = readers.chosen(message) ?? 'auto';
      return chosen === 'auto' ? say('command.languageAuto', values) : say('command.languageIs', values);
    }
    const chosen = readLanguage(args);
    if (chosen === undefined) return say('command.languageUnknown', { word: args.slice(0, 40), codes });
    await readers.choose(message, chosen);
    return chosen === 'auto'
      ? say('command.languageSetAuto', { name: nameOf() })
      : say('command.languageSet');
  }

  async function retryOffers(session: SessionRecord, offers: readonly InboxItem[]): Promise<ChatText> {
    const now = clock();
    const taken = await persist((tx) => offers.filter((offer) => inbox.takeOffer(tx, offer.id, now)));
    for (const offer of taken)
      conversations.enqueue({ ...offer, state: 'queued', acceptedAt: now }, session, 'queue');
    return taken.length === 1 ? say('command.runningIt') : say('command.runningThem', { n: taken.length });
  }

  return async (name: ChatCommandName, args: string, message: InboundMessage): Promise<ChatText> => {
    const row = commandRow(name);
    if (row.who === 'listed' && !deps.listed(message)) return say('command.approvedOnly', { name });
    const session = current(message);
    const queue = session === undefined ? undefined : conversations.queue(session.id);
    const working = queue?.current !== undefined || queue?.doing !== undefined;
    if (working && !row.midTurn) return say('command.busy', { name });
    return actions[name](args, message);
  };
}

function sameChat(chat: { platform: string; chatId: string } | undefined, message: InboundMessage): boolean {
  return chat?.platform === message.chat.platform && chat.chatId === message.chat.chatId;
}

function fail(code: string, message: ChatText, hint: ChatText): never {
  throw new ChatError(code, message, { status: 404, hint });
}
