/**
 * Markdown for reading in a terminal: headings, lists, quotes, code and emphasis, line by line. It does not parse the
 * whole language: a streamed answer is incomplete most of the time, and a line that is not understood stays as it is.
 */
import { clean, wrap } from '../draw/cells.ts';
import { type Line, type Span, span } from '../draw/line.ts';
import type { Style } from '../draw/theme.ts';

const LIMIT = 4_000;

export function markdownLines(text: string, width: number): Line[] {
  const lines: Line[] = [];
  let fenced = false;
  for (const raw of text.slice(0, 200_000).split('\n')) {
    if (/^\s*(```|~~~)/u.test(raw)) {
      fenced = !fenced;
      continue;
    }
    if (fenced) pushPlain(lines, `  ${clean(raw.replaceAll('\t', '  '), 8_000)}`, width, 'code');
    else pushBlock(lines, clean(raw, 8_000), width);
    if (lines.length >= LIMIT) break;
  }
  return lines;
}

function pushPlain(lines: Line[], text: string, width: number, style: Style): void {
  for (const part of wrap(text, width)) lines.push([span(part, style)]);
}

function pushBlock(lines: Line[], text: string, width: number): void {
  const title = /^#{1,6}\s+(.*)$/u.exec(text);
  if (title !== null) {
    pushPlain(lines, title[1] ?? '', width, 'title');
    return;
  }
  const quote = /^>\s?(.*)$/u.exec(text);
  if (quote !== null) {
    pushIndented(lines, '> ', quote[1] ?? '', width, 'dim');
    return;
  }
  const item = /^(\s*)([-*+]|\d{1,3}[.)])\s+(.*)$/u.exec(text);
  if (item !== null) {
    const mark = /\d/u.test(item[2] ?? '') ? (item[2] ?? '') : '-';
    pushIndented(lines, `${(item[1] ?? '').slice(0, 8)}${mark} `, item[3] ?? '', width, 'text');
    return;
  }
  pushIndented(lines, '', text, width, 'text');
}

function pushIndented(lines: Line[], prefix: string, text: string, width: number, style: Style): void {
  const room = Math.max(4, width - prefix.length);
  for (const [index, part] of wrap(text, room).entries())
    lines.push([span(index === 0 ? prefix : ' '.repeat(prefix.length), 'dim'), ...inline(part, style)]);
}

/** `code` and **strong** within one line; marks that do not close on it stay visible. */
function inline(text: string, style: Style): Span[] {
  const out: Span[] = [];
  let from = 0;
  for (const match of text.matchAll(/`([^`]+)`|\*\*([^*]+)\*\*/gu)) {
    if (match.index > from) out.push(span(text.slice(from, match.index), style));
    out.push(match[1] === undefined ? span(match[2] ?? '', 'strong') : span(match[1], 'code'));
    from = match.index + match[0].length;
  }
  if (from < text.length) out.push(span(text.slice(from), style));
  return out;
}
