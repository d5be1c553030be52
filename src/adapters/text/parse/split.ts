import { endOfHtml } from './html-edge.ts';
import {
  FENCE,
  HEADING,
  ITEM,
  indentOf,
  interruptsParagraph,
  isBlankLine,
  isFence,
  MARKER,
} from './lines.ts';

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
  /** The piece has a list, or indented code, somewhere: a further marker may depend on it. */
  let hasList = false;
  let blankBefore = true;
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? '';
    if (isBlankLine(line)) {
      blankBefore = true;
      continue;
    }
    const indent = indentOf(line);
    const marker = MARKER.test(line);
    const outside = indent >= 0 && (content === 0 || indent < content);
    if (indent === 0 && blankBefore && !(marker && hasList)) {
      cut(at);
      hasList = false;
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
    if (indent < 0 || indent > 3) hasList = true;
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
