/** What a person does with the queue, background tasks, questions and settings of their own. */

import { type ChatText, joined, raw, say } from '../../language/chat-text.ts';
import { LANGUAGE_NAMES, LANGUAGES, readLanguage } from '../../language/languages.ts';
import type { InboundMessage } from '../../model.ts';
import { statusText } from '../../tasks/task-record.ts';
import { command, notHere } from './command.ts';

function sameChat(chat: { platform: string; chatId: string } | undefined, message: InboundMessage): boolean {
  return chat?.platform === message.chat.platform && chat.chatId === message.chat.chatId;
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
  }),
  command({
    name: 'cancel',
    args: '<id>',
    who: 'listed',
    control: 'always',
    async run({ tasks }, args, message) {
      const task = tasks.get(args);
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
