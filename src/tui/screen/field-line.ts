/** A text field as spans: the part around the cursor that fits, the cursor itself inverted. */
import { cellWidth } from '../draw/cells.ts';
import { type Span, span } from '../draw/line.ts';
import { UNICODE_GLYPHS } from '../draw/theme.ts';
import type { Field } from '../forms/form.ts';
import type { Scene } from './scene.ts';

/** The field as it is shown of a secret: how much was typed, not what. */
export function masked(field: Field, { glyphs }: Pick<Scene, 'glyphs'>): Field {
  const bullet = glyphs === UNICODE_GLYPHS ? '•' : '*';
  return { ...field, chars: field.chars.map(() => bullet) };
}

export function fieldSpans(field: Field, width: number): Span[] {
  const { chars, cursor } = field;
  const at = chars[cursor] ?? ' ';
  // Walk back from the cursor while it fits, then forward.
  let from = cursor;
  let used = cellWidth(at);
  while (from > 0) {
    const cells = cellWidth(chars[from - 1] ?? '');
    if (used + cells > width) break;
    used += cells;
    from -= 1;
  }
  let to = cursor + 1;
  while (to < chars.length) {
    const cells = cellWidth(chars[to] ?? '');
    if (used + cells > width) break;
    used += cells;
    to += 1;
  }
  return [
    span(chars.slice(from, cursor).join('')),
    span(at, 'caret'),
    span(chars.slice(cursor + 1, to).join('')),
  ];
}
