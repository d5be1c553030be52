/** Puts the core together: which part knows which. Who calls what when is the gateway's business. */

import { join } from 'node:path';
import { defined } from '../base/defined.ts';
import { messageOf } from '../base/errors.ts';
import { Access } from './access/access.ts';
import { AdapterManager } from './adapter-manager.ts';
import { interactivePi, sessionFileFor } from './agent/pi-files.ts';
import type { Backups } from './backup/backups.ts';
import { Bindings } from './bindings/bindings.ts';
import { agentSharesFiles } from './config/agent-settings.ts';
import { createCores, type GatewayDeps } from './core.ts';
import { Maintenance } from './maintenance.ts';
import type { ChatRef, InboundMessage, Platform, RefusalView } from './model.ts';
import { createNotify } from './notify/create.ts';
import { createDialogs } from './questions/chat-answers.ts';
import { isListed } from './receive/admission.ts';
import { prepareInput } from './receive/agent-input.ts';
import { AgentWords, ChatCommands, execute, menuIn, menusFor } from './receive/commands/chat-commands.ts';
import type { CommandCore } from './receive/commands/command.ts';
import { Inbox } from './receive/inbox.ts';
import { Receiver } from './receive/receiver.ts';
import { scheduleRules } from './schedules/requests.ts';
import { Schedules } from './schedules/schedules.ts';
import { AnswerFiles } from './send/answer-files.ts';
import { filePolicy, filesPrompt } from './send/file-policy.ts';
import { HomeChats, resolveTargets, type Target, type TargetContext } from './send/outbound.ts';
import { announcer, Outbox } from './send/outbox.ts';
import { Archive } from './sessions/archive.ts';
import { Handoffs } from './sessions/handoffs.ts';
import { Sessions } from './sessions/sessions.ts';
import { Spending } from './spending/spending.ts';
import { deliverTask, TaskLines, taskOfRow, undelivered } from './tasks/task-progress.ts';
import { taskView } from './tasks/task-record.ts';
import { TaskTurns } from './tasks/task-turns.ts';
import { Tasks } from './tasks/tasks.ts';
import { machineZone } from './time-zone.ts';
import { Conversations } from './turns/conversations.ts';
import { SideQuestions } from './turns/side-questions.ts';
import { TurnJournal } from './turns/turn-journal.ts';
import { TurnSlots } from './turns/turn-queue.ts';
import { Usage } from './usage.ts';

export type GatewayParts = ReturnType<typeof createParts>;

/** `stopping`: no one waits for the store anymore. */
export function createParts(
  deps: GatewayDeps,
  stopping: AbortSignal,
  onRefusal: (refusal: RefusalView) => void,
  backups: Backups,
) {
  const { settings, stores, clock, agent } = deps;
  const log = deps.logs.logger('gateway');
  const cores = createCores(deps, stopping, {
    adapter: (platform) => adapters.get(platform),
    known: (platform) => adapters.known(platform),
  });
  const core = cores.of('sessions', 'sessions');
  const { adapter: adapterOf, egress } = core;
  // In a pool each host has its own cap: a turn that is waiting for a slow host must not hold up the others.
  const slots = new TurnSlots(
    settings.agent.hosts.length > 0 ? Number.POSITIVE_INFINITY : settings.agent.maxConcurrent,
  );
  const sessions = new Sessions();
  const sessionFileOf = (id: string): string =>
    sessions.get(id)?.sessionFile ?? sessionFileFor(deps.folder.agentSessions, id);
  const journal = new TurnJournal(stores.sessions, clock, sessionFileOf);
  const inbox = new Inbox(stores.sessions, journal);
  const usage = new Usage(cores.of('sessions', 'usage'));
  const spending = new Spending(cores.of('sessions', 'limits'), settings.limits.spend, () => access.people);
  const outbox = new Outbox({
    ...cores.of('sessions', 'outbox'),
    format: (platform, markdown) => adapters.format(platform, egress(markdown)),
    online: (platform) => adapters.online(platform),
    waits: (row) => inbox.inUse.holdAnswer(row),
    settled: (row) => {
      core.timings.settled(row);
      inbox.inUse.releaseAnswer(row.id);
      if (row.state === 'delivered')
        void files
          .delivered(row)
          .catch((error: unknown) => log.warn('a copy was not removed', { error: messageOf(error) }));
      const taskId = row.state === 'delivered' ? taskOfRow(row) : undefined;
      const task = taskId === undefined ? undefined : tasks.get(taskId);
      if (taskId !== undefined && task !== undefined && !undelivered(outbox, task))
        void tasks
          .delivered(taskId)
          .catch((error: unknown) =>
            log.warn('the delivery of a task was not noted', { task: taskId, error: messageOf(error) }),
          );
    },
  });
  const archive = new Archive({ ...core, sessionFileOf, redact: egress });
  const files = new AnswerFiles({
    ...cores.of('sessions', 'files'),
    outbox,
    // What an agent elsewhere calls a file of its own is none of ours.
    adapter: (platform) => (agent?.sharesFiles === false ? undefined : adapters.known(platform)),
    cwdOf: (chat, sessionId) => sessions.get(sessionId)?.cwd ?? settings.agentOf(chat).cwd,
    policyOf: (chat) => filePolicy(settings.agentOf(chat), settings.agent.approvals),
    sessionFileOf,
    asker: (sessionId, addressee) => dialogs.asker({ sessionId, addressee: () => addressee }),
  });
  const listed = ({ chat, sender }: Pick<InboundMessage, 'chat' | 'sender'>): boolean =>
    settings.allowAll ||
    access.people.isAllowed(chat.platform, sender) ||
    isListed(settings.chats(chat.platform), { chat, sender });
  const { dialogs, answers } = createDialogs({
    ...cores.of('security', 'dialogs'),
    outbox,
    listed,
    prefix: prefixOf,
  });
  const words = new AgentWords(cores.of('sessions', 'commands'));
  const prepare = (message: InboundMessage, id: string): ReturnType<typeof prepareInput> =>
    prepareInput(message, adapterOf(message.chat.platform), join(deps.folder.files, id), {
      sharesFiles: agent?.sharesFiles,
      context: settings.agentOf(message.chat).context,
      now: clock(),
      isProgram: (word) => words.isProgram(word),
    });
  const conversations: Conversations = new Conversations({
    ...core,
    dialogs,
    files,
    sessions,
    inbox,
    outbox,
    slots,
    usage,
    spending,
    journal,
    prepare: (message, session) => prepare(message, session.id),
    busyElsewhere: (sessionId) => tasks.busy(sessionId) || handoffs.has(sessionId),
    handoffs: { refuse: (session) => handoffs.refuse(session), wrote: (session) => handoffs.wrote(session) },
    bindings: {
      keyOf: (chat) => bindings.keyOf(chat),
      refuse: (session) => bindings.refuse(session),
      tookLate: (item) => bindings.tookLate(item),
    },
    terminalOf: (session) => bindings.agentOf(session),
  });
  const handoffs: Handoffs = new Handoffs({
    ...cores.of('sessions', 'handoff'),
    sessions,
    outbox,
    sharesFiles: agentSharesFiles(settings.agent),
    interactive: ({ id, cwd }, file) =>
      interactivePi(settings.agent.command, { id, file, cwd: cwd ?? settings.agent.cwd }, process.env),
    queue: (session) => conversations.openQueue(session),
    close: (session) => conversations.closeConversation(session),
    show: (session) => conversations.show(session),
  });
  const bindings: Bindings = new Bindings({
    ...cores.of('sessions', 'bindings'),
    sessions,
    conversations,
    inbox,
    outbox,
    dialogs,
    agentSessions: deps.folder.agentSessions,
    sharesFiles: agentSharesFiles(settings.agent),
    asksApproval: () => settings.agent.approvals !== 'off',
    leased: (id) => handoffs.has(id),
  });
  const sideQuestions = new SideQuestions({
    ...core,
    usage,
    conversation: (session) => conversations.conversation(session),
    prepare,
    meter: ({ chat, sender }, sessionId) =>
      spending.meter({
        sessionId,
        caller: () => ({ chat, sender }),
        ask: dialogs.asker({ sessionId, operator: true, addressee: () => ({ chat, requester: undefined }) }),
      }),
  });
  // What is delivered is a row of the outbox, in the store of the sessions.
  const taskDelivery = { ...cores.of('sessions', 'tasks'), outbox, files };
  const taskLines = new TaskLines(core, outbox);
  const tasks: Tasks = new Tasks({
    ...cores.of('tasks', 'tasks'),
    agentOf: (chat) => {
      const own = settings.agentOf(chat);
      const sendsFiles =
        agent?.sharesFiles !== false &&
        chat !== undefined &&
        (adapters.known(chat.platform)?.capabilities.attachmentsOut ?? false);
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
    ...defined({ env: deps.programEnv }),
    deliver: (task, text, again) => deliverTask(taskDelivery, task, text, again),
    ask: ({ id, chat, senderId }) =>
      dialogs.asker({
        sessionId: id,
        addressee: () => ({
          chat,
          requester: senderId === undefined ? undefined : { id: senderId, name: senderId },
        }),
      }),
    turns: new TaskTurns({ ...cores.of('sessions', 'tasks'), journal, dialogs }),
    reserve: ({ id, chat, senderId, parentSessionId, scheduleId }) =>
      spending.meter({
        sessionId: id,
        caller: () => ({
          chat,
          sender:
            senderId === undefined
              ? undefined
              : { id: senderId, name: sessions.get(parentSessionId ?? '')?.senderName ?? '' },
          taskId: id,
          scheduleId,
        }),
        ask: dialogs.asker({
          sessionId: id,
          operator: true,
          addressee: () => ({ chat, requester: undefined }),
        }),
      }),
    changed: (task) => {
      taskLines.changed(task);
      schedules.taskChanged(task);
      if (task.chat !== undefined) deps.taskChanged?.(task.chat, taskView(task));
    },
  });
  /** A chat, or a thread of it, as the gateway knows it: which account it belongs to. */
  const chatOf: TargetContext['chat'] = (platform, chatId, threadId) => {
    const known = sessions.inChat(platform, chatId);
    const chat = { platform, accountId: known?.chat.accountId ?? 'default', chatId };
    return threadId === undefined ? chat : { ...chat, threadId };
  };
  const homes = new HomeChats(settings, chatOf);
  /** The chats that targets mean now. Throws GatewayError for one that leads nowhere. */
  const chatsFor = (targets: readonly Target[], origin: ChatRef | undefined): readonly ChatRef[] =>
    resolveTargets(targets, { origin, home: (platform) => homes.get(platform), chat: chatOf });
  const schedules: Schedules = new Schedules({
    ...cores.of('tasks', 'schedules'),
    tasks,
    zone: () => machineZone(),
    ...scheduleRules({ settings, people: () => access.people, listed, conversations, chatsFor }),
  });
  /** These people lost access: what runs for them ends. */
  const cutOff = (platform: Platform, ids: readonly string[]): void => {
    receiver.flush();
    conversations.cutOff(platform, ids);
    files.cutOff(platform, ids);
    sideQuestions.stop(platform, ids);
    tasks.cutOff(platform, ids);
    schedules.cutOff(platform, ids);
  };
  const access: Access = new Access({
    ...cores.of('security', 'pairing'),
    limits: deps.settings.pairing,
    onApproved: (request) => receiver.release(request),
    onRejected: (request, tell) => receiver.reject(request, tell),
    onReopened: (request) => receiver.holdAgain(request),
    onRevoked: cutOff,
  });
  const commandCore: CommandCore = {
    ...core,
    sessions,
    conversations,
    inbox,
    tasks,
    schedules,
    usage,
    spending,
    search: (words, limit, within) => archive.search(words, limit, within),
    sideQuestions,
    answers,
    owner: (args, message) => notify.commands.run(args, message),
    listed,
    prefix: prefixOf,
  };
  const receiver: Receiver = new Receiver({
    ...cores.of('sessions', 'inbox'),
    sessions,
    access,
    inbox,
    outbox,
    conversations,
    commands: new ChatCommands({
      ...cores.of('sessions', 'commands'),
      answers,
      inbox,
      outbox,
      words,
      cwdOf: (message) => conversations.sessionOf(message)?.cwd ?? settings.agentOf(message.chat).cwd,
      passOn: (message, more) => conversations.take(message, more),
      execute: (row, args, message) => execute(commandCore, row, args, message),
    }),
    onRefusal,
  });
  const adapters: AdapterManager = new AdapterManager({
    ...core,
    log,
    create: deps.createAdapter,
    open: (platform) => settings.allowAll || settings.chats(platform).dmPolicy === 'open',
    accept: (message) => receiver.accept(message),
    refusal: (message) => receiver.refusal(message),
    deleted: (chat, messageId) => receiver.deleted(chat, messageId),
    announce: announcer(core, outbox, (targets) => chatsFor(targets, undefined)),
    onOnline: (platform) => outbox.kick(platform),
    commands: menuIn('en'),
    menus: (platform) => menusFor(settings.language({ platform, chatId: '' }).setting),
  });
  const notify = createNotify({
    ...cores.of('sessions', 'notify'),
    outbox,
    dialogs,
    conversations,
    tasks,
    access: () => access,
    adapters: () => adapters.views(),
    listed,
    chatOf,
    chatKind: ({ platform, chatId }) => sessions.inChat(platform, chatId)?.chatKind,
    prefix: prefixOf,
    env: deps.env ?? {},
  });
  const maintenance = new Maintenance({
    ...cores.of('sessions', 'sweep'),
    refusalFile: deps.refusalFile,
    dropCopies: deps.dropCopies,
    backups,
    audit: access.audit,
    heard: receiver,
    archive,
    conversations,
    outbox,
    tasks,
    usage,
    spending,
    schedules,
    notify,
  });
  return {
    adapters,
    readers: core.readers,
    access,
    sessions,
    conversations,
    outbox,
    sideQuestions,
    handoffs,
    bindings,
    tasks,
    taskLines,
    schedules,
    homes,
    chatsFor,
    chatOf,
    usage,
    spending,
    inbox,
    receiver,
    maintenance,
    timings: core.timings,
    cutOff,
    cores,
    slots,
    dialogs,
    archive,
    notify,
    journal,
    sessionFileOf,
  };
}

/** What people type before a word of command. */
function prefixOf({ platform }: ChatRef): string {
  return platform === 'twitch' ? '!' : '/';
}
