/** A field of several lines: the keys that move between lines, and text that keeps its line ends. */
import { clean, graphemes } from '../draw/cells.ts';
import { edit, type Field, insertChars } from '../forms/form.ts';

const LINE_END = /\r\n|[\r\n\u0085\u2028\u2029]/u;

/** Inserts typed or pasted text with its line ends; control characters go. */
export function insertLines(field: Field, text: string): Field {
  const lines = text.split(LINE_END).map((line) => graphemes(clean(line.replaceAll('\t', '  '), 4_000)));
  return insertChars(
    field,
    lines.flatMap((line, index) => (index === 0 ? line : ['\n', ...line])),
  );
}

/** The first and the last place of the line in which the cursor stands. */
function lineAt({ chars }: Field, cursor: number): { readonly from: number; readonly to: number } {
  const from = chars.lastIndexOf('\n', cursor - 1) + 1;
  const end = chars.indexOf('\n', cursor);
  return { from: cursor === 0 ? 0 : from, to: end < 0 ? chars.length : end };
}

/** The field with the cursor one line up or down, in the same column; undefined beyond the first and the last line. */
export function byLine(field: Field, step: 1 | -1): Field | undefined {
  const here = lineAt(field, field.cursor);
  if (step < 0 ? here.from === 0 : here.to === field.chars.length) return undefined;
  const there = lineAt(field, step < 0 ? here.from - 1 : here.to + 1);
  return { ...field, cursor: Math.min(there.to, there.from + field.cursor - here.from) };
}

/** The field after a key, or undefined when the key means nothing to it. Keys for a line work within the line. */
export function editLines(field: Field, key: string): Field | undefined {
  const { from, to } = lineAt(field, field.cursor);
  if (key === 'alt+enter') return insertChars(field, ['\n']);
  if (key === 'home' || key === 'ctrl+a') return { ...field, cursor: from };
  if (key === 'end' || key === 'ctrl+e') return { ...field, cursor: to };
  if (key === 'ctrl+u')
    return { chars: [...field.chars.slice(0, from), ...field.chars.slice(field.cursor)], cursor: from };
  if (key === 'ctrl+k')
    return { ...field, chars: [...field.chars.slice(0, field.cursor), ...field.chars.slice(to)] };
  return edit(field, key);
}
