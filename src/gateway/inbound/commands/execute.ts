import { randomUUID } from 'node:crypto';
import type { AgentControl } from '../../agent/agent.ts';
import type { Clock } from '../../clock.ts';
import type { Conversations } from '../../conversation/conversations.ts';
import type { SessionRecord, Sessions } from '../../conversation/sessions.ts';
import { GatewayError } from '../../errors.ts';
import type { InboundMessage } from '../../model.ts';
import type { Database } from '../../store/database.ts';
import type { Tasks } from '../../tasks/tasks.ts';
import type { Inbox } from '../inbox.ts';
import { type ChatCommandName, helpText } from './command-table.ts';

export interface ExecuteDeps {
  readonly db: Database;
  readonly sessions: Sessions;
  readonly conversations: Conversations;
  readonly inbox: Inbox;
  readonly tasks: Tasks;
  readonly clock: Clock;
}

/** Carries out the chat commands of an admitted sender. Each returns the sentence or list that the chat reads. */
export function createExecutor(deps: ExecuteDeps) {
  const { conversations, sessions, tasks, inbox, db, clock } = deps;

  const current = (message: InboundMessage): SessionRecord | undefined => {
    const place = conversations.place(message, clock());
    return place.fresh ? place.ended?.session : place.session;
  };
  const need = (message: InboundMessage): SessionRecord =>
    current(message) ?? fail('no_session', 'there is no session here yet', 'Write something first.');

  async function control(message: InboundMessage, command: AgentControl): Promise<string> {
    const session = need(message);
    const answer = await conversations.conversation(session).control(command);
    if (command.type === 'model' && command.name !== undefined) session.model = command.name;
    if (command.type === 'thinking' && command.level !== undefined) session.thinking = command.level;
    if (command.type === 'model' || command.type === 'thinking') await conversations.save(session);
    return answer;
  }

  const actions: Record<ChatCommandName, (args: string, message: InboundMessage) => Promise<string>> = {
    help: async () => helpText('/'),
    async new(_args, message) {
      const session = current(message);
      if (session === undefined) return 'This is a new session already.';
      await conversations.endSession(session, 'new session asked for');
      return 'Started a new session. /resume goes back to the old one.';
    },
    async stop(_args, message) {
      const session = current(message);
      const result =
        session === undefined ? undefined : conversations.lane(session.id)?.stop(message.sender.id);
      if (result === undefined || (!result.aborted && result.dropped === 0)) return 'Nothing is running.';
      const dropped = result.dropped === 0 ? '' : ` Dropped ${count(result.dropped, 'waiting message')}.`;
      return `${result.aborted ? 'Stopping.' : 'Nothing was running.'}${dropped}`;
    },
    async status(_args, message) {
      const session = current(message);
      if (session === undefined) return 'No session yet. Write something.';
      const view = conversations.view(session);
      const lines = [
        `Session: ${view.title || view.id}`,
        `State: ${view.state}${view.current === undefined ? '' : ` – ${view.current}`}`,
        `Waiting: ${view.waiting}`,
        `Turns: ${view.turns}`,
        ...(view.model === undefined ? [] : [`Model: ${view.model}`]),
      ];
      return lines.join('\n');
    },
    async sessions(_args, message) {
      const session = current(message);
      const list = session === undefined ? [] : sessions.ofKey(session.key);
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
      const session = need(message);
      const list = sessions.ofKey(session.key);
      const number = args === '' ? 2 : Number(args);
      const chosen = list[number - 1];
      if (!Number.isInteger(number) || chosen === undefined)
        fail('no_such_session', `there is no session number ${args}`, '/sessions lists them.');
      await conversations.reopen(chosen);
      return `Back in: ${chosen.title || chosen.id}`;
    },
    async retry(_args, message) {
      const session = need(message);
      const last = inbox.last(session.id);
      if (last === undefined) return 'There is nothing to run again.';
      if (!conversations.hasRoom(session.id)) return 'Too many messages wait already.';
      const again = await db.write((tx) =>
        inbox.add(
          tx,
          randomUUID(),
          {
            ...last.message,
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
    undo: async () => 'Taking a turn back is not possible with this agent. /new starts afresh.',
    async title(args, message) {
      const session = need(message);
      if (args === '') return `Title: ${session.title || '(none)'}`;
      session.title = args.replaceAll('\n', ' ').slice(0, 80).toWellFormed();
      await conversations.save(session);
      return `Title: ${session.title}`;
    },
    model: (args, message) =>
      control(message, args === '' ? { type: 'model' } : { type: 'model', name: args }),
    thinking: (args, message) =>
      control(message, args === '' ? { type: 'thinking' } : { type: 'thinking', level: args }),
    compact: (_args, message) => control(message, { type: 'compact' }),
    usage: (_args, message) => control(message, { type: 'usage' }),
    queue: async () => 'Say what is to be queued: /queue <text>',
    steer: async () => 'Say what is to be handed over: /steer <text>',
    async bg(args, message) {
      if (args === '') return 'Say what the task is to do: /bg <text>';
      const task = await tasks.start({
        command: args,
        parentSessionId: current(message)?.id ?? null,
        chat: message.chat,
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
    btw: async () =>
      'Questions beside the conversation are not possible with this agent. /bg runs one in the background.',
    approve: async () => 'Nothing waits for your approval.',
    deny: async () => 'Nothing waits for your approval.',
    whoami: async (_args, message) =>
      `${message.sender.name}\nplatform: ${message.chat.platform}\nid: ${message.sender.id}${(message.sender.aliases ?? []).map((alias) => `\nalso: ${alias}`).join('')}`,
  };

  return (name: ChatCommandName, args: string, message: InboundMessage): Promise<string> =>
    actions[name](args, message);
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
