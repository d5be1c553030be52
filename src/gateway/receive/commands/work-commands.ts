/** What a person does with the queue, background tasks, questions, settings of their own, and their schedules. */
import { ChatError, type ChatText, joined, moment, raw, say } from '../../language/chat-text.ts';
import { LANGUAGE_NAMES, LANGUAGES, readLanguage } from '../../language/languages.ts';
import type { InboundMessage, ScheduleView } from '../../model.ts';
import { type ParsedSchedule, parseAt, parseEvery } from '../../schedules/parse.ts';
import { announce, pausedText, type ScheduleRecord, whenText } from '../../schedules/schedule-record.ts';
import { statusText, type TaskRecord } from '../../tasks/task-record.ts';
import { type CommandCore, command, notHere } from './command.ts';

function sameChat(chat: { platform: string; chatId: string } | undefined, message: InboundMessage): boolean {
  return chat?.platform === message.chat.platform && chat.chatId === message.chat.chatId;
}

function taskLines(tasks: readonly TaskRecord[]): ChatText {
  return joined(
    tasks.map((task) =>
      joined(
        [raw(task.id), statusText(task.status), raw(`${task.progress}%`), raw(task.command.slice(0, 60))],
        '  ',
      ),
    ),
    '\n',
  );
}

export const TASK_COMMANDS = [
  command({
    name: 'queue',
    args: '<text>',
    who: 'everyone',
    mode: 'queue',
    run: () => say('command.queueWhat'),
  }),
  command({
    name: 'steer',
    args: '<text>',
    who: 'everyone',
    mode: 'steer',
    run: () => say('command.steerWhat'),
  }),
  command({
    name: 'bg',
    aliases: ['background'],
    args: '<text>',
    who: 'listed',
    async run({ tasks, conversations }, args, message) {
      if (args === '') return say('command.bgWhat');
      const task = await tasks.start({
        command: args,
        parentSessionId: conversations.sessionOf(message)?.id ?? null,
        chat: message.chat,
        senderId: message.sender.id,
      });
      return say('command.bgStarted', { id: task.id });
    },
  }),
  command({
    name: 'tasks',
    who: 'everyone',
    control: 'own',
    run({ tasks }, _args, message) {
      const mine = tasks
        .list()
        .filter((task) => sameChat(task.chat, message))
        .slice(-20)
        .reverse();
      if (mine.length === 0) return say('command.noTasks');
      return taskLines(mine);
    },
  }),
  command({
    name: 'cancel',
    args: '[id]',
    who: 'listed',
    control: 'always',
    async run({ tasks }, args, message) {
      const open = tasks
        .list()
        .filter((task) => sameChat(task.chat, message) && task.completedAt === undefined)
        .reverse();
      if (args === '' && open.length === 0) return say('command.noTasks');
      // Which one is a person's choice.
      if (args === '' && open.length > 1)
        return joined([raw('/cancel <id>'), taskLines(open.slice(0, 20))], '\n');
      const task = args === '' ? open[0] : tasks.get(args);
      if (task === undefined || !sameChat(task.chat, message))
        notHere('task_not_found', say('command.noSuchTask', { id: args }), say('command.tasksLists'));
      await tasks.cancel(task.id);
      return say('command.cancelling', { id: task.id });
    },
  }),
] as const;

export const PERSON_COMMANDS = [
  command({
    name: 'btw',
    args: '<text>',
    who: 'everyone',
    patient: true,
    run: ({ sideQuestions, conversations }, text, message) =>
      text === ''
        ? say('command.btwWhat')
        : sideQuestions.ask({ ...message, text }, conversations.sessionOf(message)),
  }),
  command({
    name: 'approve',
    args: '[once|session] [#n]',
    who: 'listed',
    control: 'always',
    run: ({ answers }, args, message) => answers.approve(args, message),
  }),
  command({
    name: 'deny',
    args: '[#n]',
    who: 'everyone',
    control: 'always',
    run: ({ answers }, args, message) => answers.deny(args, message),
  }),
  command({
    name: 'answer',
    args: '[#n] <text>',
    who: 'everyone',
    control: 'always',
    run: ({ answers }, args, message) => answers.answer(args, message),
  }),
  command({
    name: 'owner',
    args: '[approve|deny|block|show|stop <id>]',
    who: 'everyone',
    control: 'always',
    hidden: true,
    run: ({ owner }, args, message) => owner(args, message),
  }),
  command({
    name: 'whoami',
    who: 'everyone',
    control: 'own',
    run: (_core, _args, { chat: { platform }, sender: { name, id, aliases = [] } }) =>
      joined(
        [
          say('command.whoami', { name, platform, id }),
          ...aliases.map((alias) => say('command.alias', { id: alias })),
        ],
        '\n',
      ),
  }),
  command({
    name: 'language',
    args: '[code]',
    who: 'everyone',
    control: 'own',
    async run({ readers, prefix }, args, message) {
      const codes = ['auto', ...LANGUAGES].join(', ');
      const nameOf = (): ChatText => raw(LANGUAGE_NAMES[readers.of(message.chat, message.sender)]);
      if (args === '') {
        const values = { name: nameOf(), prefix: prefix(message.chat), codes };
        const chosen = readers.chosen(message) ?? 'auto';
        return chosen === 'auto' ? say('command.languageAuto', values) : say('command.languageIs', values);
      }
      const chosen = readLanguage(args);
      if (chosen === undefined) return say('command.languageUnknown', { word: args.slice(0, 40), codes });
      await readers.choose(message, chosen);
      return chosen === 'auto'
        ? say('command.languageSetAuto', { name: nameOf() })
        : say('command.languageSet');
    },
  }),
] as const;

const USAGE = '/schedules pause|resume|run|remove <id>';
const VERBS: Readonly<Record<string, 'pause' | 'resume' | 'run' | 'remove' | 'list'>> = {
  pause: 'pause',
  stop: 'pause',
  resume: 'resume',
  run: 'run',
  now: 'run',
  remove: 'remove',
  delete: 'remove',
  rm: 'remove',
  list: 'list',
  all: 'list',
};

async function add(
  { schedules, clock }: CommandCore,
  args: string,
  message: InboundMessage,
  parse: (text: string, zone: string, now: number) => ParsedSchedule,
): Promise<ChatText> {
  const now = clock();
  const schedule = await schedules.add({
    parsed: parse(args, schedules.zone, now),
    source: 'chat',
    chat: message.chat,
    chatKind: message.chatKind,
    senderId: message.sender.id,
    senderName: message.sender.name,
  });
  return joined([announce(schedule, now), say('schedule.listsYours')], ' ');
}

/** Those that this person made in this chat, the next one first. */
function own({ schedules }: CommandCore, { chat, sender }: InboundMessage): ScheduleRecord[] {
  const ids = new Set([sender.id, ...(sender.aliases ?? [])]);
  return schedules
    .list()
    .filter(
      (each) =>
        each.chat?.platform === chat.platform &&
        each.chat.chatId === chat.chatId &&
        each.senderId !== undefined &&
        ids.has(each.senderId),
    )
    .sort((a, b) => (a.nextRunAt ?? Infinity) - (b.nextRunAt ?? Infinity));
}

/** What a person of a chat does to schedules, their own ones only. */
export const SCHEDULE_COMMANDS = [
  command({
    name: 'every',
    args: '<when> <text>',
    who: 'listed',
    run: (core, args, message) => add(core, args, message, parseEvery),
  }),
  command({
    name: 'at',
    args: '<when> <text>',
    who: 'listed',
    run: (core, args, message) => add(core, args, message, parseAt),
  }),
  command({
    name: 'schedules',
    args: '[pause|resume|run|remove <id>]',
    who: 'listed',
    async run(core, args, message) {
      const { schedules, clock } = core;
      const [word = 'list', id, ...more] = args.split(/\s+/).filter((each) => each !== '');
      const verb = VERBS[word.toLowerCase()];
      if (verb === 'list') {
        const shown = own(core, message).filter(
          ({ endedAt }) => word.toLowerCase() === 'all' || endedAt === undefined,
        );
        if (shown.length === 0) return say('schedule.none');
        return joined(
          shown.map((each) => line(schedules.view(each), whenText(each))),
          '\n',
        );
      }
      if (verb === undefined || id === undefined || more.length > 0)
        throw new ChatError('bad_schedule', say('schedule.notUnderstood'), { status: 400, hint: raw(USAGE) });
      const mine = own(core, message).find((each) => each.id === id.toLowerCase());
      if (mine === undefined)
        notHere('schedule_not_found', say('schedule.notFound', { id }), say('schedule.listsYours'));
      switch (verb) {
        case 'pause':
          await schedules.pause(mine.id);
          return say('schedule.paused', { id: mine.id });
        case 'resume':
          return announce(await schedules.resume(mine.id), clock());
        case 'run':
          return say('schedule.runs', { id: mine.id, task: (await schedules.run(mine.id)).id });
        case 'remove':
          await schedules.remove(mine.id);
          return say('schedule.removed', { id: mine.id });
      }
    },
  }),
] as const;

function line(view: ScheduleView, when: ChatText): ChatText {
  const { id, timezone, prompt, nextRunAt, state, pauseReason, lastStatus } = view;
  const next =
    state === 'active' && nextRunAt !== undefined
      ? say('schedule.lineNext', { time: moment(nextRunAt, timezone) })
      : state === 'paused'
        ? pausedText(pauseReason)
        : say('schedule.over');
  const last = lastStatus === undefined ? [] : [say('schedule.lastRun', { status: statusText(lastStatus) })];
  const text = prompt.replaceAll(/\s+/g, ' ');
  const shown = text.length > 60 ? `${text.slice(0, 59).toWellFormed()}…` : text;
  const facts = joined([joined([raw(`${id}  `), when, raw(` (${timezone})`)], ''), next, ...last], ', ');
  return joined([facts, raw(`: ${shown}`)], '');
}
