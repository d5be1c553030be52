/** One question of an agent with everything that would run. */
import type { DialogView } from '../../gateway/model.ts';
import { clean } from '../draw/cells.ts';
import { dangers, markedLines } from '../draw/danger.ts';
import type { Line } from '../draw/line.ts';
import { clockTime } from '../draw/times.ts';
import type { Scene } from '../screen/scene.ts';
import { BLANK, fact, heading, type Page, paragraph } from './page.ts';

/** Longer pieces would be cut. */
const PIECE = 10_000;

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
