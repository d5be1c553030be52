/** What a line begins with, by the rules of CommonMark. All patterns take at most three leading spaces. */

export const FENCE = /^( {0,3})(`{3,}|~{3,})(.*)$/s;
export const HEADING = /^ {0,3}(#{1,6})(?:[ \t]+(.*))?$/s;
export const RULE = /^ {0,3}(?:(?:-[ \t]*){3,}|(?:_[ \t]*){3,}|(?:\*[ \t]*){3,})$/;
export const QUOTE = /^ {0,3}>/;
export const SETEXT = /^ {0,3}(=+|-+)[ \t]*$/;
/** A list item with content on its first line: indent and marker with its spaces, marker, content. */
export const ITEM = /^( {0,3}([-+*]|\d{1,9}[.)]) {1,4})(?=[^ \t])/;
/** A list marker of any kind, also without content. */
export const MARKER = /^ {0,3}(?:[-+*]|\d{1,9}[.)])(?=[ \t]|$)/;
/** A numbered item right inside another container, where the reference parser has rules of its own. */
export const NESTED_NUMBER = /^[ \t]*(?:(?:>|[-+*]|\d{1,9}[.)])[ \t]*)+\d{1,9}[.)]/;
export const TABLE_RULE = /^ {0,3}\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*(?:\|[ \t]*)?$/;
/** A definition, or a footnote, also inside quotes and list items. */
export const DEFINITION = /^[ \t>*+\-\d.)]*\[[^\]]+\]:/;

export function isBlankLine(line: string): boolean {
  for (let at = 0; at < line.length; at += 1) {
    const code = line.charCodeAt(at);
    if (code !== 0x20 && code !== 0x09) return false;
  }
  return true;
}

/** `text` without spaces and tabs at its end. Not a regular expression: those are quadratic in inner blanks. */
export function trimBlanksEnd(text: string): string {
  let end = text.length;
  while (end > 0 && (text.charCodeAt(end - 1) === 0x20 || text.charCodeAt(end - 1) === 0x09)) end -= 1;
  return text.slice(0, end);
}

/** Leading spaces; -1 when a tab is among them, which counts in ways of its own. */
export function indentOf(line: string): number {
  let at = 0;
  while (line.charCodeAt(at) === 0x20) at += 1;
  return line.charCodeAt(at) === 0x09 ? -1 : at;
}

/** True when the line opens a fenced block: the info of a backtick fence has no backtick. */
export function isFence(line: string): boolean {
  const match = FENCE.exec(line);
  return match !== null && !(match[2]?.startsWith('`') && match[3]?.includes('`'));
}

/** True when the line certainly ends a paragraph before it. */
export function interruptsParagraph(line: string): boolean {
  if (isFence(line) || HEADING.test(line) || RULE.test(line) || QUOTE.test(line)) return true;
  const item = ITEM.exec(line);
  return item !== null && (!/\d/.test(item[2] ?? '') || /^1[.)]$/.test(item[2] ?? ''));
}
