import {
  FENCE,
  HEADING,
  ITEM,
  indentOf,
  interruptsParagraph,
  isBlankLine,
  isFence,
  MARKER,
  RULE,
} from './lines.ts';

/** HTML that may hold empty lines, and what ends it (CommonMark, HTML blocks, conditions 1 to 5). */
const SPANNING: readonly (readonly [RegExp, RegExp])[] = [
  [/^ {0,3}<(?:script|pre|style|textarea)(?:[\s>]|$)/i, /<\/(?:script|pre|style|textarea)>/i],
  [/^ {0,3}<!--/, /-->/],
  [/^ {0,3}<\?/, /\?>/],
  [/^ {0,3}<!\[CDATA\[/, /\]\]>/],
  [/^ {0,3}<![A-Za-z]/, />/],
];

/** Tags of blocks: such HTML ends before the next empty line (condition 6). The common ones; others are "uncertain". */
const BLOCK_TAG =
  /^ {0,3}<\/?(?:address|article|aside|blockquote|body|center|details|dialog|div|dl|dt|dd|fieldset|figcaption|figure|footer|form|h[1-6]|head|header|hr|html|iframe|li|link|main|menu|nav|ol|option|p|section|summary|table|tbody|td|tfoot|th|thead|title|tr|ul)(?:[ \t]|\/?>|$)/i;

/**
 * The last line of what begins with `<` at `start`, as far as it may hide the beginnings of other blocks. Where it
 * is uncertain whether it is HTML and a fence or heading follows, that is the last line of the document.
 */
function endOfHtml(lines: readonly string[], start: number): number {
  const line = lines[start] ?? '';
  const end = SPANNING.find(([opening]) => opening.test(line))?.[1];
  if (end !== undefined) {
    for (let at = start; at < lines.length; at += 1) if (end.test(lines[at] ?? '')) return at;
    return lines.length - 1;
  }
  let last = start;
  let hides = false;
  for (let at = start + 1; at < lines.length && !isBlankLine(lines[at] ?? ''); at += 1) {
    last = at;
    hides ||= isFence(lines[at] ?? '') || HEADING.test(lines[at] ?? '');
  }
  if (BLOCK_TAG.test(line)) return last;
  return hides ? lines.length - 1 : start;
}

/**
 * Splits a document into pieces that can be parsed one by one: no block reaches over an edge. Linear, and cautious:
 * where an edge is not certain there is none.
 */
export function splitBlocks(lines: readonly string[]): readonly (readonly string[])[] {
  const pieces: (readonly string[])[] = [];
  let start = 0;
  const cut = (end: number) => {
    if (end > start) pieces.push(lines.slice(start, end));
    start = end;
  };
  /** Column at which the content of the current list item begins; 0 outside of lists. */
  let content = 0;
  /** The piece has a list somewhere: a further marker may continue it. */
  let hasList = false;
  /** The piece has indented code, or what looks like it: containers behind it are read differently. */
  let hasIndent = false;
  let blankBefore = true;
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? '';
    if (isBlankLine(line)) {
      blankBefore = true;
      continue;
    }
    const indent = indentOf(line);
    const marker = MARKER.test(line) && !RULE.test(line);
    const outside = indent >= 0 && (content === 0 || indent < content);
    const bound = (marker && hasList) || (hasIndent && (marker || line.startsWith('>')));
    if (indent === 0 && blankBefore && !bound) {
      cut(at);
      hasList = false;
      hasIndent = false;
      content = 0;
    }
    if (outside && isFence(line)) {
      if (indent === 0) {
        cut(at);
        hasList = false;
      }
      content = 0;
      at = endOfFence(lines, at);
      if (indent === 0) cut(at + 1);
    } else if (outside && indent === 0 && HEADING.test(line)) {
      cut(at);
      cut(at + 1);
      hasList = false;
      content = 0;
    } else if (outside && line.trimStart().startsWith('<')) {
      at = endOfHtml(lines, at);
    } else if (outside && marker) {
      hasList = true;
      content = ITEM.exec(line)?.[1]?.length ?? indent + 2;
    } else if (outside && (blankBefore || interruptsParagraph(line))) content = 0;
    if (indent < 0 || indent > 3) hasIndent = true;
    blankBefore = false;
  }
  cut(lines.length);
  return pieces;
}

/** Index of the line that closes the fence opened at `start`, or of the last line. */
function endOfFence(lines: readonly string[], start: number): number {
  const fence = FENCE.exec(lines[start] ?? '')?.[2] ?? '```';
  for (let at = start + 1; at < lines.length; at += 1) if (closesFence(lines[at] ?? '', fence)) return at;
  return lines.length - 1;
}

export function closesFence(line: string, fence: string): boolean {
  const char = fence.charAt(0);
  const trimmed = line.trim();
  return (
    trimmed.length >= fence.length &&
    trimmed.startsWith(fence) &&
    indentOf(line) >= 0 &&
    indentOf(line) <= 3 &&
    !/[^ \t]/.test(line.replaceAll(char, ' '))
  );
}
