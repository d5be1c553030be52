/** Pages of one record: a task, a pairing request, a log line. */
import type { LogLine, PairingView, TaskView } from '../../gateway/model.ts';
import { clean } from '../draw/cells.ts';
import { bar, type Line, span } from '../draw/line.ts';
import { clockTime, dayOf } from '../draw/times.ts';
import type { RejectedPerson } from '../lists/list.ts';
import { codeWords } from '../lists/pairing.ts';
import { isUndelivered, taskSign, taskWords } from '../lists/tasks.ts';
import type { Scene } from '../screen/scene.ts';
import { BLANK, fact, heading, type Page, paragraph } from './page.ts';

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
