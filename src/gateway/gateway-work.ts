/** The part of the gateway that works by itself: background tasks, schedules, and where their results go. */

import type { People } from './access/people.ts';
import type { Cores } from './core.ts';
import { machineZone } from './machine-zone.ts';
import type { ChatRef, InboundMessage } from './model.ts';
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

interface WorkParts {
  readonly sessions: Sessions;
  readonly conversations: Conversations;
  readonly outbox: Outbox;
  readonly files: AnswerFiles;
  readonly usage: Usage;
  readonly dialogs: Dialogs;
  readonly people: () => People;
  readonly listed: (message: Pick<InboundMessage, 'chat' | 'sender'>) => boolean;
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

export function createWork(cores: Cores, parts: WorkParts): Work {
  const { sessions, conversations, outbox, files, usage, dialogs, people, listed } = parts;
  const core = cores.of('tasks', 'tasks');
  const { settings, agent, known, programEnv, taskChanged } = core;
  // What is delivered is a row of the outbox, in the store of the sessions.
  const taskDelivery = { ...cores.of('sessions', 'tasks'), outbox, files };
  const taskLines = new TaskLines(core, outbox);
  const tasks: Tasks = new Tasks({
    ...core,
    agentOf: (chat) => {
      const own = settings.agentOf(chat);
      const sendsFiles =
        agent?.sharesFiles !== false &&
        chat !== undefined &&
        (known(chat.platform)?.capabilities.attachmentsOut ?? false);
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
    ...(programEnv === undefined ? {} : { env: programEnv }),
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
      if (task.chat !== undefined) taskChanged?.(task.chat, taskView(task));
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
    ...cores.of('tasks', 'schedules'),
    tasks,
    zone: machineZone(),
    ...scheduleRules({ settings, people, listed, conversations, chatsFor }),
  });
  return { tasks, taskLines, schedules, homes, chatOf, chatsFor };
}
