/** What a person does to the sessions of a chat, and asks about them. */

import { randomUUID } from 'node:crypto';
import { settlesWithin } from '../../../base/async.ts';
import { defined } from '../../../base/defined.ts';
import { ownText } from '../../../base/text.ts';
import type { AgentControl } from '../../agent/agent.ts';
import { type ChatText, joined, raw, SILENCE, say } from '../../language/chat-text.ts';
import type { InboundMessage } from '../../model.ts';
import { sessionTitle } from '../../sessions/session-view.ts';
import type { SessionRecord } from '../../sessions/sessions.ts';
import { usageText } from '../../usage.ts';
import type { InboxItem } from '../inbox.ts';
import { type CommandCore, command, notHere } from './command.ts';

/** Lines that `/search` answers with. */
const SEARCH_HITS = 10;
/** A control word is answered within a second. */
const SOON_MS = 700;

function need({ conversations }: CommandCore, message: InboundMessage): SessionRecord {
  return (
    conversations.sessionOf(message) ??
    notHere('no_session', say('command.noSession'), say('command.writeFirst'))
  );
}

/** Sessions of this conversation, the newest first. */
function listOf({ conversations, sessions }: CommandCore, message: InboundMessage): SessionRecord[] {
  return sessions.ofKey(conversations.keyOf(message));
}

async function control(core: CommandCore, message: InboundMessage, wish: AgentControl): Promise<ChatText> {
  const { conversations } = core;
  const session = need(core, message);
  const conversation = conversations.conversation(session);
  const answer = await conversation.control(wish);
  const { model, thinking } = conversation.chosen ?? {};
  if (wish.type === 'model' && wish.name !== undefined) session.model = model ?? wish.name;
  if (wish.type === 'thinking' && wish.level !== undefined) session.thinking = thinking ?? wish.level;
  if (wish.type === 'model' || wish.type === 'thinking') await conversations.save(session);
  return answer;
}

async function retryOffers(
  { conversations, inbox, persist, clock }: CommandCore,
  session: SessionRecord,
  offers: readonly InboxItem[],
): Promise<ChatText> {
  const now = clock();
  const taken = await persist((tx) => offers.filter((offer) => inbox.takeOffer(tx, offer.id, now)));
  for (const offer of taken)
    conversations.enqueue({ ...offer, state: 'queued', acceptedAt: now }, session, 'queue');
  return taken.length === 1 ? say('command.runningIt') : say('command.runningThem', { n: taken.length });
}

export const SESSION_COMMANDS = [
  command({
    name: 'new',
    aliases: ['reset'],
    who: 'everyone',
    control: 'own',
    async run({ conversations }, _args, message) {
      const session = conversations.sessionOf(message);
      if (session === undefined) return say('command.newAlready');
      await conversations.endSession(session, 'new session asked for');
      return say('command.newStarted');
    },
  }),
  command({
    name: 'stop',
    who: 'everyone',
    control: 'always',
    async run({ conversations, inbox, persist, sideQuestions }, _args, message) {
      const session = conversations.sessionOf(message);
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
  }),
  command({
    name: 'status',
    who: 'everyone',
    control: 'own',
    run({ conversations }, _args, message) {
      const session = conversations.sessionOf(message);
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
  }),
  command({
    name: 'sessions',
    who: 'everyone',
    control: 'own',
    run(core, _args, message) {
      const list = listOf(core, message);
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
  }),
  command({
    name: 'resume',
    args: '<n>',
    who: 'everyone',
    control: 'own',
    async run(core, args, message) {
      const list = listOf(core, message);
      const chosen = args === '' ? list.find((each) => each.endedAt !== undefined) : list[Number(args) - 1];
      if (chosen === undefined)
        notHere(
          'no_such_session',
          args === '' ? say('command.noEarlier') : say('command.noSuchSession', { n: args }),
          say('command.sessionsLists'),
        );
      await core.conversations.reopen(chosen);
      return say('command.back', { title: chosen.title || chosen.id });
    },
  }),
  command({
    name: 'search',
    args: '<words>',
    who: 'everyone',
    control: 'own',
    async run(core, args, message) {
      if (args === '') return say('command.searchWhat');
      // What was said elsewhere stays there: another chat has other readers.
      const list = listOf(core, message);
      const found = await core.search(
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
  }),
  command({
    name: 'retry',
    who: 'everyone',
    async run(core, _args, message) {
      const { conversations, inbox, persist, clock } = core;
      const session = need(core, message);
      const offers = inbox.offered(session.id, message.sender.id);
      if (offers.length > 0) return retryOffers(core, session, offers);
      if (conversations.queue(session.id)?.current?.message.sender.id === message.sender.id)
        return say('command.retryWorking');
      const last = inbox.last(session.id, message.sender.id);
      if (last === undefined) return say('command.retryNothing');
      if (last.message.textForgotten) return say('command.retryForgotten');
      if (!conversations.hasRoom(session.id)) return say('receive.queueFull');
      const { promptId: _, ...rest } = last.message;
      const promptId = message.promptId === undefined ? undefined : `${message.promptId}:retry`;
      const again = { ...rest, messageId: message.messageId, ...defined({ promptId }) };
      const item = await persist((tx) => inbox.add(tx, randomUUID(), again, 'queued', session.id, clock()));
      conversations.enqueue(item, session, 'queue');
      return say('command.retrying');
    },
  }),
  command({
    name: 'undo',
    idleOnly: true,
    who: 'everyone',
    async run(core, _args, message) {
      const { conversations, inbox } = core;
      const session = need(core, message);
      const conversation = conversations.conversation(session);
      if (conversation.undo === undefined) return say('command.noUndo');
      if (!(conversations.queue(session.id)?.idle ?? true)) return say('command.busy', { name: 'undo' });
      // In a chat that people share, only the last turn of all can be undone, by the one who it belongs to.
      const owner = inbox.lastOf(session.id)?.message.sender.id;
      if (owner !== undefined && owner !== message.sender.id) return say('command.notYourTurn');
      const { text } = await conversation.undo();
      session.sessionFile = conversation.sessionFile ?? session.sessionFile;
      await conversations.save(session);
      const words = sessionTitle(text);
      conversations.note(session, 'notice', `undone: ${words}`);
      return say('command.undone', { words });
    },
  }),
  command({
    name: 'title',
    args: '<text>',
    who: 'everyone',
    control: 'own',
    async run(core, args, message) {
      const session = need(core, message);
      if (args === '')
        return say('command.title', { title: session.title === '' ? say('command.noTitle') : session.title });
      session.title = ownText(args.replaceAll('\n', ' ').slice(0, 80).toWellFormed());
      await core.conversations.save(session);
      return say('command.title', { title: session.title });
    },
  }),
  command({
    name: 'model',
    args: '[name]',
    idleOnly: true,
    who: 'listed',
    run: (core, args, message) =>
      control(core, message, args === '' ? { type: 'model' } : { type: 'model', name: args }),
  }),
  command({
    name: 'thinking',
    args: '[level]',
    idleOnly: true,
    who: 'listed',
    run: (core, args, message) =>
      control(core, message, args === '' ? { type: 'thinking' } : { type: 'thinking', level: args }),
  }),
  command({
    name: 'compact',
    idleOnly: true,
    patient: true,
    who: 'listed',
    /** Work of the queue: what is written in the meantime waits behind it, and `/stop` ends it. */
    async run(core, _args, message) {
      const session = need(core, message);
      const conversation = core.conversations.conversation(session);
      let stopped: AbortSignal | undefined;
      try {
        return await core.conversations.openQueue(session).compact(message.sender.id, (signal) => {
          stopped = signal;
          return conversation.control({ type: 'compact' }, signal);
        });
      } catch (error) {
        if (stopped?.aborted !== true) throw error;
        // Anyone who stopped it has a sentence already; a program waits for an answer to every prompt id.
        return stopped.reason === 'told' && message.promptId === undefined
          ? SILENCE
          : say('command.notCompacted');
      }
    },
  }),
  command({
    name: 'usage',
    who: 'everyone',
    control: 'own',
    run({ conversations, usage, spending }, _args, message) {
      const session = conversations.sessionOf(message);
      const { platform } = message.chat;
      const lines = [
        ...(session === undefined
          ? []
          : [say('command.usageSession', { usage: usageText(usage.ofSession(session.id)) })]),
        say('command.usageToday', { usage: usageText(usage.ofSender(platform, message.sender.id, true)) }),
        say('command.usageTotal', { usage: usageText(usage.ofSender(platform, message.sender.id, false)) }),
        ...spending.ownLines(message),
      ];
      return joined(lines, '\n');
    },
  }),
] as const;
