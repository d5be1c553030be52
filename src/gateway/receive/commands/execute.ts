import { randomUUID } from 'node:crypto';
import { settlesWithin } from '../../../base/deadline.ts';
import { GatewayError } from '../../../base/errors.ts';
import { ownText } from '../../../base/own-text.ts';
import type { AgentControl } from '../../agent/agent.ts';
import type { Core } from '../../core.ts';
import type { ChatRef, InboundMessage } from '../../model.ts';
import type { ChatAnswers } from '../../questions/chat-answers.ts';
import type { Schedules } from '../../schedules/schedules.ts';
import type { SaidHit } from '../../sessions/archive.ts';
import { sessionTitle } from '../../sessions/session-view.ts';
import type { SessionRecord, Sessions } from '../../sessions/sessions.ts';
import type { Spending } from '../../spending/spending.ts';
import type { Tasks } from '../../tasks/tasks.ts';
import type { Conversations } from '../../turns/conversations.ts';
import type { SideQuestions } from '../../turns/side-questions.ts';
import { type Usage, usageWords } from '../../usage.ts';
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
  readonly owner: (args: string, message: InboundMessage) => Promise<string>;
  /** `/word`, or `!word` where that is what people type. */
  readonly prefix: (chat: ChatRef) => string;
}

/** Carries out the chat commands of an admitted sender. Each returns the sentence or list that the chat reads. */
export function createExecutor(deps: ExecuteDeps) {
  const { conversations, sessions, tasks, usage, sideQuestions, inbox, persist, clock } = deps;

  const current = (message: InboundMessage): SessionRecord | undefined => conversations.sessionOf(message);
  const need = (message: InboundMessage): SessionRecord =>
    current(message) ?? fail('no_session', 'there is no session here yet', 'Write something first.');
  /** Sessions of this conversation, the newest first. */
  const listOf = (message: InboundMessage): SessionRecord[] => sessions.ofKey(conversations.keyOf(message));

  async function control(message: InboundMessage, command: AgentControl): Promise<string> {
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
  async function compact(message: InboundMessage): Promise<string> {
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
        ? ''
        : 'Stopped. Nothing was compacted.';
    }
  }

  /** In a chat that people share, only the last turn of all can be taken back, by whoever it belongs to. */
  async function undo(message: InboundMessage): Promise<string> {
    const session = need(message);
    const conversation = conversations.conversation(session);
    if (conversation.undo === undefined) return 'This agent cannot undo a turn. /new starts a new session.';
    if (!(conversations.queue(session.id)?.idle ?? true))
      return '/undo has to wait until I am done. /stop ends the running turn.';
    const owner = inbox.lastOf(session.id)?.message.sender.id;
    if (owner !== undefined && owner !== message.sender.id)
      return 'The last turn is not yours, so you cannot undo it.';
    const { text } = await conversation.undo();
    session.sessionFile = conversation.sessionFile ?? session.sessionFile;
    await conversations.save(session);
    const words = sessionTitle(text);
    conversations.note(session, 'notice', `undone: ${words}`);
    return `Undid “${words}” and the answer to it. Changes to files remain. /retry runs it again.`;
  }

  const actions: Record<ChatCommandName, (args: string, message: InboundMessage) => Promise<string>> = {
    // Telegram sends it when a person opens the bot; what a link adds to it means nothing to somebody who has access.
    start: async (_args, message) =>
      `Hi! Send me a message, and I get to work. ${deps.prefix(message.chat)}help lists the commands.`,
    help: async (_args, message) => helpText(deps.prefix(message.chat)),
    async new(_args, message) {
      const session = current(message);
      if (session === undefined) return 'This is a new session already.';
      await conversations.endSession(session, 'new session asked for');
      return 'Started a new session. /resume goes back to the old one.';
    },
    async stop(_args, message) {
      const session = current(message);
      const { id: senderId } = message.sender;
      if (session === undefined)
        return sideQuestions.stop(message.chat.platform, [senderId], true)
          ? 'Stopped.'
          : 'Nothing is running.';
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
        ...(result?.aborted || aside ? ['Stopped.'] : []),
        ...(dropped === 0 ? [] : [`Dropped ${count(dropped, 'queued message')}.`]),
      ];
      return said.length === 0 ? 'Nothing is running.' : said.join(' ');
    },
    async status(_args, message) {
      const session = current(message);
      if (session === undefined) return 'No session yet. Write something.';
      const view = conversations.view(session);
      const lines = [
        `Session: ${view.title || view.id}`,
        `State: ${conversations.queue(session.id)?.doing ?? view.state}${view.current === undefined ? '' : ` – ${view.current}`}`,
        `Waiting: ${view.waiting}`,
        `Turns: ${view.turns}`,
        ...(view.model === undefined ? [] : [`Model: ${view.model}`]),
      ];
      return lines.join('\n');
    },
    async sessions(_args, message) {
      const list = listOf(message);
      if (list.length === 0) return 'No sessions yet.';
      return list
        .slice(0, 20)
        .map(
          (each, i) =>
            `${i + 1}. ${each.title || '(no title)'}${each.endedAt === undefined ? ' (current)' : ''}`,
        )
        .join('\n');
    },
    async resume(args, message) {
      const list = listOf(message);
      const chosen = args === '' ? list.find((each) => each.endedAt !== undefined) : list[Number(args) - 1];
      if (chosen === undefined)
        fail(
          'no_such_session',
          args === '' ? 'there is no earlier session' : `there is no session number ${args}`,
          '/sessions lists them.',
        );
      await conversations.reopen(chosen);
      return `Back in: ${chosen.title || chosen.id}`;
    },
    async search(args, message) {
      if (args === '') return 'Send the words to look for: /search <words>';
      // What was said elsewhere stays there: another chat has other readers.
      const list = listOf(message);
      const found = await deps.search(
        args,
        SEARCH_HITS,
        list.map(({ id }) => id),
      );
      if (found.length === 0) return 'Nothing was found in your sessions of this chat.';
      return found
        .map(({ sessionId, entry }) => {
          const n = list.findIndex(({ id }) => id === sessionId) + 1;
          const who = entry.role === 'user' ? (entry.name ?? 'you') : entry.role;
          const day = new Date(entry.at).toISOString().slice(0, 10);
          return `${n}. ${day} ${who}: ${entry.text.replaceAll(/\s+/gu, ' ').trim()}`;
        })
        .concat('/resume <n> goes back to that session.')
        .join('\n');
    },
    async retry(_args, message) {
      const session = need(message);
      const offers = inbox.offered(session.id, message.sender.id);
      if (offers.length > 0) return retryOffers(session, offers);
      if (conversations.queue(session.id)?.current?.message.sender.id === message.sender.id)
        return 'I am still working on your last message.';
      const last = inbox.last(session.id, message.sender.id);
      if (last === undefined) return 'There is nothing to run again.';
      if (last.message.textForgotten) return 'That message was too long to be kept. Please send it again.';
      if (!conversations.hasRoom(session.id)) return 'Too many messages are already queued.';
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
      return 'Running your last message again.';
    },
    undo: (_args, message) => undo(message),
    async title(args, message) {
      const session = need(message);
      if (args === '') return `Title: ${session.title || '(none)'}`;
      session.title = ownText(args.replaceAll('\n', ' ').slice(0, 80).toWellFormed());
      await conversations.save(session);
      return `Title: ${session.title}`;
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
        ...(session === undefined ? [] : [`This session: ${usageWords(usage.ofSession(session.id))}`]),
        `You today: ${usageWords(usage.ofSender(platform, message.sender.id, true))}`,
        `You in total: ${usageWords(usage.ofSender(platform, message.sender.id, false))}`,
        ...deps.spending.ownLines(message),
      ];
      return lines.join('\n');
    },
    queue: async () => 'Add the text to queue: /queue <text>',
    steer: async () => 'Add the text to send into the running turn: /steer <text>',
    async bg(args, message) {
      if (args === '') return 'Describe the task: /bg <text>';
      const task = await tasks.start({
        command: args,
        parentSessionId: current(message)?.id ?? null,
        chat: message.chat,
        senderId: message.sender.id,
      });
      return `Started task ${task.id}. /tasks shows it, /cancel ${task.id} ends it.`;
    },
    async tasks(_args, message) {
      const mine = tasks
        .list()
        .filter((task) => sameChat(task.chat, message))
        .slice(-20)
        .reverse();
      if (mine.length === 0) return 'No background tasks.';
      return mine
        .map((task) => `${task.id}  ${task.status}  ${task.progress}%  ${task.command.slice(0, 60)}`)
        .join('\n');
    },
    async cancel(args, message) {
      const task = tasks.get(args);
      if (task === undefined || !sameChat(task.chat, message))
        fail('task_not_found', `no task of this chat has the id "${args}"`, '/tasks lists them.');
      await tasks.cancel(task.id);
      return `Cancelling ${task.id}.`;
    },
    ...createScheduleCommands(deps),
    btw: async (args, message) =>
      args === ''
        ? 'Add your question: /btw <text>'
        : sideQuestions.ask({ ...message, text: args }, current(message)),
    approve: (args, message) => deps.answers.approve(args, message),
    deny: (args, message) => deps.answers.deny(args, message),
    answer: (args, message) => deps.answers.answer(args, message),
    owner: (args, message) => deps.owner(args, message),
    whoami: async (_args, message) =>
      `${message.sender.name}\nplatform: ${message.chat.platform}\nid: ${message.sender.id}${(message.sender.aliases ?? []).map((alias) => `\nalso: ${alias}`).join('')}`,
  };

  async function retryOffers(session: SessionRecord, offers: readonly InboxItem[]): Promise<string> {
    const now = clock();
    const taken = await persist((tx) => offers.filter((offer) => inbox.takeOffer(tx, offer.id, now)));
    for (const offer of taken)
      conversations.enqueue({ ...offer, state: 'queued', acceptedAt: now }, session, 'queue');
    return taken.length === 1 ? 'Running it.' : `Running ${count(taken.length, 'message')}.`;
  }

  return async (name: ChatCommandName, args: string, message: InboundMessage): Promise<string> => {
    const row = commandRow(name);
    if (row.who === 'listed' && !deps.listed(message)) return `/${name} is available to approved users only.`;
    const session = current(message);
    const queue = session === undefined ? undefined : conversations.queue(session.id);
    const working = queue?.current !== undefined || queue?.doing !== undefined;
    if (working && !row.midTurn) return `/${name} has to wait until I am done. /stop ends the running turn.`;
    return actions[name](args, message);
  };
}

function sameChat(chat: { platform: string; chatId: string } | undefined, message: InboundMessage): boolean {
  return chat?.platform === message.chat.platform && chat.chatId === message.chat.chatId;
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`;
}

function fail(code: string, message: string, hint: string): never {
  throw new GatewayError(code, message, { status: 404, hint });
}
