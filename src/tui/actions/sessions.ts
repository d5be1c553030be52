/** Sessions: watch a conversation, write into it, take it over, stop or reset it. */
import { isPlatform } from '../../gateway/model.ts';
import type { SessionView } from '../../gateway/operator/operator.ts';
import { clean } from '../draw/cells.ts';
import { originWords } from '../lists/list.ts';
import { isWorking, sessionName } from '../lists/sessions.ts';
import { composing } from '../state/composer.ts';
import type { Undo } from '../state/decisions.ts';
import { type Mode, openedList, topMode, withMode } from '../state/view.ts';
import { type Action, type ActionContext, missing, needsRow, onRow } from './action.ts';
import { bulkOf } from './volume.ts';

function ended(row: SessionView): string | undefined {
  return row.state === 'ended' ? 'this session has ended' : undefined;
}

/** Runs, or has something to run. */
function isBusy(row: SessionView): boolean {
  return isWorking(row) || row.state === 'queued' || row.waiting > 0;
}

function label(row: SessionView): string {
  return `${originWords(row.id)}${row.chat.platform} ${sessionName(row)}`;
}

function reset(context: ActionContext, id: string, name: string): void {
  context.ask({
    title: `Reset ${name}?`,
    lines: ['A new session starts. The old one remains in the list and can be resumed.'],
    verb: 'reset',
    confirmed: () =>
      context.run(
        { type: 'session.reset', id },
        { pending: id, undo: { list: 'sessions', command: () => ({ type: 'session.reopen', id }) } },
      ),
  });
}

/** A turn runs: it may continue while the operator answers, or stop. */
function askToStop(context: ActionContext, row: SessionView): void {
  const { id } = row;
  const undo: Undo = { list: 'sessions', command: () => ({ type: 'session.resume', id }) };
  const pause = (then: () => void): void =>
    context.run(
      { type: 'session.pause', id },
      {
        pending: id,
        undo,
        after(result) {
          context.toast(result.message);
          then();
        },
      },
    );
  context.ask({
    title: `Pause ${label(row)}? Its turn is running.`,
    lines: [
      `It works on: ${clean(row.current ?? row.title, 120)}`,
      row.waiting > 0
        ? 'Stopping it also drops the queued messages.'
        : 'Later messages are queued until you resume.',
    ],
    verb: 'pause and stop the turn',
    confirmed: () => pause(() => context.run({ type: 'session.stop', id })),
    also: { key: 'l', verb: 'pause, let it finish', run: () => pause(() => {}) },
  });
}

export const SESSIONS: readonly Action[] = [
  {
    id: 'session.open',
    scopes: ['sessions'],
    keys: ['enter'],
    label: 'transcript',
    help: 'Watch the conversation live.',
    hint: 10,
    ...onRow('sessions', (context, row) =>
      context.open({ kind: 'page', page: 'session', subject: row.id, top: undefined }),
    ),
  },
  {
    id: 'session.write',
    scopes: ['sessions', 'session'],
    keys: ['i'],
    label: 'write',
    help: 'Write to the chat as the bot, under its transcript.',
    hint: 11,
    ...onRow(
      'sessions',
      (context, row) => {
        const top = topMode(context.view);
        const page: Mode = { kind: 'page', page: 'session', subject: row.id, top: undefined };
        context.update((view) =>
          composing(top?.kind === 'page' && top.page === 'session' ? view : withMode(view, page), row.id),
        );
      },
      ended,
    ),
  },
  {
    id: 'session.pause',
    scopes: ['sessions', 'session'],
    keys: ['P'],
    label: 'pause/resume',
    help: 'Pause the agent for this chat and answer by hand, or resume it.',
    hint: 12,
    careful: 'sessions',
    labelNow: (context) => (context.target('sessions')?.state === 'paused' ? 'resume' : 'pause'),
    confirm(context) {
      const row = context.target('sessions');
      if (row === undefined || row.state === 'paused' || isWorking(row)) return undefined;
      return {
        title: `Pause ${label(row)}?`,
        lines: ['Messages are queued while you answer.'],
        verb: 'pause',
      };
    },
    ...onRow(
      'sessions',
      (context, row) => {
        const type = row.state === 'paused' ? 'session.resume' : 'session.pause';
        if (type === 'session.pause' && isWorking(row)) {
          askToStop(context, row);
          return;
        }
        const opposite = type === 'session.pause' ? 'session.resume' : 'session.pause';
        const undo: Undo = { list: 'sessions', command: () => ({ type: opposite, id: row.id }) };
        context.run({ type, id: row.id }, { pending: row.id, undo });
      },
      ended,
    ),
  },
  {
    id: 'session.terminal',
    scopes: ['sessions', 'session'],
    keys: ['o'],
    label: 'open in pi',
    help: 'Open the session with pi in this terminal; messages queue until you exit.',
    hint: 17,
    careful: 'sessions',
    disabled(context) {
      const row = context.target('sessions');
      if (row === undefined) return 'no session is selected';
      return context.slices.link.kind === 'local'
        ? undefined
        : `on the gateway's machine: pi-gateway-tui open ${clean(row.id, 60)}`;
    },
    run(context) {
      const row = context.target('sessions');
      if (row === undefined) return;
      context.run(
        { type: 'session.lend', id: row.id },
        { pending: row.id, after: (result) => context.effects.openSession(row.id, result.data) },
      );
    },
  },
  {
    id: 'session.stop',
    scopes: ['sessions', 'session'],
    keys: ['x'],
    label: 'stop turn',
    help: 'Stop what the agent is doing for this chat.',
    hint: 13,
    careful: 'sessions',
    bulk: (context) =>
      bulkOf(
        context,
        'sessions',
        { verb: 'stop', done: 'stopped', noun: 'turn', means: 'Their chats are notified.' },
        (row) =>
          isBusy(row) ? { name: label(row), command: { type: 'session.stop', id: row.id } } : undefined,
      ),
    ...onRow(
      'sessions',
      (context, row) =>
        context.ask({
          title: `Stop the turn of ${label(row)}?`,
          lines: [
            row.current === undefined
              ? 'The current answer ends here.'
              : `It works on: ${clean(row.current, 120)}`,
            'The chat is notified that it was stopped.',
          ],
          verb: 'stop the turn',
          confirmed: () => context.run({ type: 'session.stop', id: row.id }, { pending: row.id }),
        }),
      (row) => (isBusy(row) ? undefined : 'nothing is running in this session'),
    ),
  },
  {
    id: 'session.reset',
    scopes: ['sessions', 'session'],
    keys: ['r'],
    label: 'reset',
    help: 'Start a new session. The old one remains in the list.',
    hint: 14,
    words: 'session reset',
    args: '<id>',
    careful: 'sessions',
    bulk: (context) =>
      bulkOf(
        context,
        'sessions',
        {
          verb: 'reset',
          done: 'reset',
          noun: 'session',
          means: 'Each starts again; the old ones stay in the list and can be resumed.',
        },
        (row) =>
          row.state === 'ended'
            ? undefined
            : {
                name: label(row),
                command: { type: 'session.reset', id: row.id },
                undo: { type: 'session.reopen', id: row.id },
              },
      ),
    disabled: needsRow('sessions', ended),
    run(context, [id]) {
      const row =
        id === undefined ? context.target('sessions') : context.slices.sessions.find((s) => s.id === id);
      if (row === undefined) missing(context, 'session', id);
      else reset(context, row.id, label(row));
    },
  },
  {
    id: 'session.failures',
    scopes: ['sessions'],
    keys: ['F'],
    label: 'failures first',
    help: 'List sessions whose last turn failed first, or in their usual order again.',
    hint: 19,
    labelNow: ({ view }) => (view.failuresFirst ? 'usual order' : 'failures first'),
    disabled: ({ view, slices }) =>
      view.failuresFirst || slices.sessions.some((row) => row.lastFailure !== undefined)
        ? undefined
        : 'no last turn has failed',
    run: (context) => context.update((view) => ({ ...view, failuresFirst: !view.failuresFirst })),
  },
  {
    id: 'session.queue',
    scopes: ['sessions', 'session'],
    keys: ['Q'],
    label: 'queue',
    help: 'Show the queued messages of this session.',
    hint: 15,
    ...onRow('sessions', (context, row) => {
      context.load('queue', row.id);
      context.update((view) => openedList(view, { kind: 'list', list: 'queue', subject: row.id }));
    }),
  },
  {
    id: 'queue.drop',
    scopes: ['queue'],
    keys: ['x'],
    label: 'drop',
    help: 'Drop the selected queued message.',
    hint: 10,
    careful: 'queue',
    ...onRow('queue', (context, row) => {
      const sessionId = queueSession(context);
      if (sessionId === undefined) return;
      context.ask({
        title: `Drop the message of ${clean(row.senderName, 60)}?`,
        lines: [clean(row.text, 160)],
        verb: 'drop it',
        confirmed: () =>
          context.run(
            { type: 'queue.drop', sessionId, messageId: row.messageId },
            {
              after(result) {
                context.toast(result.message);
                context.load('queue', sessionId);
              },
              undo: {
                list: 'queue',
                command: () => ({ type: 'queue.restore', sessionId, messageId: row.messageId }),
              },
            },
          ),
      });
    }),
  },
  {
    id: 'queue.up',
    scopes: ['queue'],
    keys: ['K'],
    label: 'move up',
    help: 'Move the selected queued message up by one.',
    hint: 11,
    careful: 'queue',
    ...onRow('queue', (context, row) => {
      const sessionId = queueSession(context);
      if (sessionId === undefined) return;
      context.run(
        { type: 'queue.up', sessionId, messageId: row.messageId },
        { after: () => context.load('queue', sessionId) },
      );
    }),
  },
];

function queueSession(context: ActionContext): string | undefined {
  const mode = context.view.modes.findLast((entry) => entry.kind === 'list' && entry.list === 'queue');
  return mode?.kind === 'list' ? mode.subject : undefined;
}

/** An id as targets are written: a colon inside it is `%3A`. */
function escaped(id: string): string {
  return id.replaceAll('%', '%25').replaceAll(':', '%3A').replaceAll(',', '%2C');
}

/** The chat that a platform's results and notices go to when a target says `home:<platform>`. */
export const HOME: readonly Action[] = [
  {
    id: 'home.set',
    scopes: ['sessions'],
    keys: ['H'],
    label: 'home chat',
    help: 'Make the selected chat the home chat of its platform.',
    hint: 18,
    words: 'home',
    args: '<platform> [chat[:thread]]',
    careful: 'sessions',
    disabled: needsRow('sessions'),
    run(context, [platform, chat]) {
      if (platform !== undefined) {
        if (!isPlatform(platform)) context.toast(`There is no platform ${clean(platform, 40)}.`, 'warn');
        else context.run({ type: 'home.set', platform, ...(chat === undefined ? {} : { chat }) });
        return;
      }
      const row = context.target('sessions');
      if (row === undefined) {
        context.toast('No session is selected.', 'warn');
        return;
      }
      const { platform: own, chatId, threadId } = row.chat;
      const named = `${escaped(chatId)}${threadId === undefined ? '' : `:${escaped(threadId)}`}`;
      context.ask({
        title: `Set the home chat of ${own}?`,
        lines: [
          `Chat: ${clean(row.chatName ?? row.senderName, 80)}`,
          `Tasks and schedules that deliver to home:${own} send their results to it.`,
        ],
        verb: 'set it',
        confirmed: () => context.run({ type: 'home.set', platform: own, chat: named }),
      });
    },
  },
];
