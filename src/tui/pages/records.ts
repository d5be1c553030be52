/** Pages of one record: a task, a pairing request, a rejected message, a log line, a question. */

import type { DialogView, LogLine, PairingView, TaskView } from '../../gateway/model.ts';
import { clean } from '../draw/cells.ts';
import { BLANK, bar, fact, heading, type Line, type Page, paragraph, span } from '../draw/line.ts';
import { clockTime, dayOf } from '../draw/times.ts';
import type { RejectedPerson } from '../lists/list.ts';
import { codeWords } from '../lists/people.ts';
import { dangers, markedLines } from '../lists/questions.ts';
import { isUndelivered, taskSign, taskWords } from '../lists/tasks.ts';
import type { Scene } from '../screen/scene.ts';

export function taskPage({ glyphs, ticker }: Scene, row: TaskView, width: number): Page {
  const lines: Line[] = [
    [
      taskSign(row.status, glyphs),
      span(' '),
      taskWords(row.status),
      span('  '),
      span(bar(row.progress / 100, Math.min(30, Math.max(4, width - 30)), glyphs), 'accent'),
      span(` ${Math.round(row.progress)}%`, 'strong'),
    ],
    BLANK,
    ...fact('Step', row.progressMessage ?? 'none reported', width),
    ...fact('Session', row.sessionId, width),
    ...(row.retryOf === undefined ? [] : fact('Retry of', row.retryOf, width)),
    ...(row.scheduleId === undefined ? [] : fact('Schedule', row.scheduleId, width)),
    ...(row.exitCode === undefined ? [] : fact('Exit code', String(row.exitCode), width)),
    ...(row.parentSessionId === null ? [] : fact('Started from', row.parentSessionId, width)),
    ...fact('Created', `${clockTime(row.createdAt)}, ${ticker.age(row.createdAt)} ago`, width),
  ];
  if (row.startedAt !== undefined) lines.push(...fact('Started', `${ticker.age(row.startedAt)} ago`, width));
  if (row.completedAt !== undefined) {
    lines.push(...fact('Ended', `${ticker.age(row.completedAt)} ago`, width));
    lines.push(
      ...fact(
        'Delivery',
        row.silent === true
          ? 'nothing to deliver'
          : isUndelivered(row)
            ? 'not delivered; R sends it again'
            : `delivered ${ticker.age(row.deliveredAt ?? 0)} ago`,
        width,
        isUndelivered(row) ? 'warn' : 'ok',
      ),
    );
  }
  lines.push(BLANK, heading('Told'), ...paragraph(row.command, width, 'text', '  '));
  if (row.error !== undefined)
    lines.push(BLANK, heading('Error'), ...paragraph(row.error, width, 'bad', '  '));
  if (row.result !== undefined)
    lines.push(BLANK, heading('Result'), ...paragraph(row.result, width, 'text', '  '));
  return { title: `Task ${clean(row.id, 40)}`, lines };
}

export function requestPage({ ticker }: Scene, row: PairingView, width: number): Page {
  return {
    title: `Request of ${clean(row.senderName, 60)}`,
    lines: [
      ...fact('Platform', `${row.platform}, account ${row.accountId}`, width),
      ...fact('Name', row.senderName, width, 'strong'),
      ...fact('Id', row.senderId, width),
      [span('Code'.padEnd(14), 'dim'), codeWords(row)],
      ...fact('Asked', `${clockTime(row.createdAt)}, ${ticker.age(row.createdAt)} ago`, width),
      ...fact('Expires', `in ${ticker.left(row.expiresAt)}`, width),
      BLANK,
      heading('First message'),
      ...paragraph(row.firstWords, width, 'text', '  '),
      BLANK,
      ...paragraph(
        'A name can be chosen by anybody; the id cannot. Ask for the code on another channel.',
        width,
        'dim',
      ),
    ],
  };
}

/** The whole record: when, what, and each of its fields on a line of its own. */
export function linePage(row: LogLine, width: number): Page {
  const fields = Object.entries(row.fields ?? {});
  return {
    title: `${row.level} of ${clean(row.source, 40)}`,
    lines: [
      ...fact('Time', `${dayOf(row.at)} ${clockTime(row.at)}`, width),
      ...fact('Source', row.source, width),
      BLANK,
      ...paragraph(row.text, width),
      ...(fields.length === 0 ? [] : [BLANK]),
      ...fields.flatMap(([name, value]) => fact(clean(name, 13), value, width)),
    ],
  };
}

/** A person whose messages were rejected, and what they wrote. */
export function refusalPage({ ticker }: Scene, row: RejectedPerson, width: number): Page {
  return {
    title: `Rejected: ${clean(row.senderName, 60)}`,
    lines: [
      ...fact('Platform', row.platform, width),
      ...fact('Name', row.senderName, width, 'strong'),
      ...fact('Id', row.senderId, width),
      ...fact('Chat', row.chatId, width),
      ...fact('Messages', String(row.count ?? 1), width),
      ...row.messages
        .toReversed()
        .flatMap((each) => [
          BLANK,
          [
            span(`${dayOf(each.at)} ${clockTime(each.at)}`, 'title'),
            span(`  ${ticker.age(each.at)} ago  `, 'dim'),
            span(each.count === undefined ? '' : `${each.count} messages  `, 'dim'),
            span(clean(each.reason, 200), 'warn'),
          ],
          ...(each.text === undefined ? [] : paragraph(each.text, width, 'text', '  ')),
        ]),
    ],
  };
}

/** Longer pieces would be cut. */
const PIECE = 10_000;

/** One question of an agent with everything that would run. */
export function questionPage({ ticker }: Scene, row: DialogView, width: number): Page {
  const { call, chat } = row;
  return {
    title: call === undefined ? `Question #${row.number}` : `May it run? #${row.number}`,
    lines: [
      ...fact('Asked by', row.requesterName ?? 'no one in a chat', width, 'strong'),
      ...(row.requesterId === undefined ? [] : fact('Id', row.requesterId, width)),
      ...(chat === undefined ? [] : fact('Chat', `${chat.platform} ${chat.chatId}`, width)),
      ...fact('Session', row.sessionId, width),
      ...fact('Asked', `${clockTime(row.createdAt)}, ${ticker.age(row.createdAt)} ago`, width),
      ...fact('Waits', ticker.left(row.expiresAt), width),
      BLANK,
      ...(call === undefined ? plainLines(row, width) : callLines(call, width)),
    ],
  };
}

function callLines(call: NonNullable<DialogView['call']>, width: number): Line[] {
  return [
    ...fact('Tool', call.tool, width, 'strong'),
    ...fact('Why it asks', call.reason, width),
    ...fact('For session', call.group, width),
    ...fact('Fingerprint', call.hash.slice(0, 16), width),
    BLANK,
    ...argumentLines(call, width),
  ];
}

const wrapped = new WeakMap<object, { readonly width: number; readonly lines: readonly Line[] }>();

/** A call may be of a hundred pages: it is wrapped once, not for every frame. */
function argumentLines(call: NonNullable<DialogView['call']>, width: number): readonly Line[] {
  const known = wrapped.get(call);
  if (known?.width === width) return known.lines;
  const lines = [
    ...warning(call.arguments, width),
    heading('Arguments'),
    ...markedLines(pieces(call.arguments).flatMap((piece) => paragraph(piece, width, 'text', '  '))),
  ];
  wrapped.set(call, { width, lines });
  return lines;
}

/** The words that are marked below, for a call of many pages. */
function warning(text: string, width: number): Line[] {
  const found = dangers(text);
  return found.length === 0 ? [] : [...fact('Check', found.join(', '), width, 'bad'), BLANK];
}

/** To the very end: anyone who approves a call has to see all of it. */
function pieces(text: string): string[] {
  return text.split('\n').flatMap((line) => line.match(new RegExp(`[^]{1,${PIECE}}`, 'gu')) ?? ['']);
}

function plainLines(row: DialogView, width: number): Line[] {
  return [
    heading(clean(row.title, 200)),
    ...(row.text === undefined ? [] : paragraph(row.text, width, 'text', '  ')),
    ...(row.options ?? []).flatMap((option, i) => paragraph(`${i + 1}. ${option}`, width, 'text', '  ')),
    ...(row.preset === undefined ? [] : [BLANK, ...paragraph(row.preset, width, 'dim', '  ')]),
  ];
}
