import { HEADING, isBlankLine, isFence } from './lines.ts';

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
export function endOfHtml(lines: readonly string[], start: number): number {
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
