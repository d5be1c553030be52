/** The part of the gateway that works by itself: background tasks, schedules, and where their results go. */

import type { Logger } from '../base/log.ts';
import type { Tx } from '../store/database.ts';
import type { People } from './access/people.ts';
import type { Adapter } from './adapter.ts';
import type { GatewayDeps } from './core.ts';
import type { Decide } from './decisions.ts';
import { machineZone } from './machine-zone.ts';
import type { ChatRef, InboundMessage, Platform } from './model.ts';
import type { Dialogs } from './questions/dialogs.ts';
import { scheduleRules } from './schedules/rules.ts';
import { Schedules } from './schedules/schedules.ts';
import type { AnswerFiles } from './send/answer-files.ts';
import { filePolicy, filesPrompt } from './send/file-policy.ts';
import { HomeChats } from './send/home-chats.ts';
import type { Outbox } from './send/outbox.ts';
import { resolveTargets, type Target, type TargetContext } from './send/target.ts';
import type { Sessions } from './sessions/sessions.ts';
import { deliverTask } from './tasks/task-delivery.ts';
import { TaskLines } from './tasks/task-lines.ts';
import { taskView } from './tasks/task-record.ts';
import { Tasks } from './tasks/tasks.ts';
import type { Conversations } from './turns/conversations.ts';
import type { Usage } from './usage.ts';

type Persist = <T>(body: (tx: Tx) => T) => Promise<T>;

export interface WorkDeps
  extends Pick<
    GatewayDeps,
    'settings' | 'stores' | 'events' | 'clock' | 'agent' | 'folder' | 'programEnv' | 'taskChanged'
  > {
  readonly persistSessions: Persist;
  readonly persistTasks: Persist;
  readonly sessions: Sessions;
  readonly conversations: Conversations;
  readonly outbox: Outbox;
  readonly files: AnswerFiles;
  readonly usage: Usage;
  readonly dialogs: Dialogs;
  readonly people: () => People;
  /** Of a platform that is connected. */
  readonly adapter: (platform: Platform) => Adapter | undefined;
  /** Also of one that is not connected right now. */
  readonly known: (platform: Platform) => Adapter | undefined;
  readonly listed: (message: Pick<InboundMessage, 'chat' | 'sender'>) => boolean;
  readonly egress: (text: string) => string;
  readonly decide: Decide;
  readonly log: Logger;
}

export interface Work {
  readonly tasks: Tasks;
  readonly taskLines: TaskLines;
  readonly schedules: Schedules;
  readonly homes: HomeChats;
  /** A chat, or a thread of it, as the gateway knows it: which account it belongs to. */
  readonly chatOf: TargetContext['chat'];
  /** The chats that targets mean now. Throws GatewayError for one that leads nowhere. */
  chatsFor(targets: readonly Target[], origin: ChatRef | undefined): readonly ChatRef[];
}

export function createWork(deps: WorkDeps): Work {
  const { settings, stores, events, clock, agent, folder, sessions, conversations, outbox, files, usage } =
    deps;
  const { dialogs, people, adapter, listed, egress, decide, persistSessions, persistTasks, log } = deps;
  const taskDelivery = {
    outbox,
    files,
    adapter: deps.known,
    persist: persistSessions,
    egress,
    filesFolder: folder.files,
    log: log.child('tasks'),
  };
  const taskLines = new TaskLines({ outbox, adapter, clock });
  const tasks: Tasks = new Tasks({
    db: stores.tasks,
    agent,
    agentOf: (chat) => {
      const own = settings.agentOf(chat);
      const sendsFiles =
        agent?.sharesFiles !== false &&
        chat !== undefined &&
        (deps.known(chat.platform)?.capabilities.attachmentsOut ?? false);
      const prompts = [
        sendsFiles ? filesPrompt(filePolicy(own, settings.agent.approvals), own.tools) : undefined,
        own.systemPrompt,
      ].filter((each) => each !== undefined);
      return prompts.length === 0 ? own : { ...own, systemPrompt: prompts.join('\n\n') };
    },
    saw: ({ id }, event) => (event === undefined ? files.ended(id) : files.saw(id, event)),
    used: (task, event) =>
      usage.add(
        {
          platform: task.chat?.platform,
          senderId: task.senderId ?? '',
          senderName: sessions.get(task.parentSessionId ?? '')?.senderName ?? '',
          sessionId: task.parentSessionId ?? task.id,
        },
        event,
      ),
    parallel: settings.agent.maxTasks,
    ...(deps.programEnv === undefined ? {} : { env: deps.programEnv }),
    clock,
    events,
    log: log.child('tasks'),
    decide,
    persist: persistTasks,
    deliver: (task, text, again) => deliverTask(taskDelivery, task, text, again),
    ask: ({ id, chat, senderId }) =>
      dialogs.asker({
        sessionId: id,
        addressee: () => ({
          chat,
          requester: senderId === undefined ? undefined : { id: senderId, name: senderId },
        }),
      }),
    changed: (task) => {
      taskLines.changed(task);
      schedules.taskChanged(task);
      if (task.chat !== undefined) deps.taskChanged?.(task.chat, taskView(task));
    },
  });
  const chatOf: TargetContext['chat'] = (platform, chatId, threadId) => {
    const known = sessions.inChat(platform, chatId);
    const chat = { platform, accountId: known?.chat.accountId ?? 'default', chatId };
    return threadId === undefined ? chat : { ...chat, threadId };
  };
  const homes = new HomeChats(settings, chatOf);
  const chatsFor = (targets: readonly Target[], origin: ChatRef | undefined): readonly ChatRef[] =>
    resolveTargets(targets, { origin, home: (platform) => homes.get(platform), chat: chatOf });
  const schedules: Schedules = new Schedules({
    db: stores.tasks,
    clock,
    events,
    log: log.child('schedules'),
    decide,
    persist: persistTasks,
    tasks,
    zone: machineZone(),
    ...scheduleRules({ settings, people, listed, conversations, chatsFor }),
  });
  return { tasks, taskLines, schedules, homes, chatOf, chatsFor };
}
