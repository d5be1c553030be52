/** A one-line text field: what is in it, where the cursor stands, and how keys change it. */
import { clean, graphemes } from '../draw/cells.ts';

export interface Field {
  /** The characters as a person counts them. */
  readonly chars: readonly string[];
  readonly cursor: number;
}

/** Longest text of a field, in characters. */
const LIMIT = 4_000;

export function fieldOf(text: string): Field {
  const chars = graphemes(text);
  return { chars, cursor: chars.length };
}

export function fieldText(field: Field): string {
  return field.chars.join('');
}

/** Inserts typed or pasted text; line ends become blanks, control characters go. */
export function insert(field: Field, text: string): Field {
  return insertChars(field, graphemes(clean(text, LIMIT)));
}

/** Inserts characters as they are, as far as there is room. */
export function insertChars(field: Field, added: readonly string[]): Field {
  const chars = added.slice(0, LIMIT - field.chars.length);
  return {
    chars: [...field.chars.slice(0, field.cursor), ...chars, ...field.chars.slice(field.cursor)],
    cursor: field.cursor + chars.length,
  };
}

function without(field: Field, from: number, to: number): Field {
  return { chars: [...field.chars.slice(0, from), ...field.chars.slice(to)], cursor: from };
}

function wordStart(field: Field): number {
  let at = field.cursor;
  while (at > 0 && field.chars[at - 1] === ' ') at -= 1;
  while (at > 0 && field.chars[at - 1] !== ' ') at -= 1;
  return at;
}

type Edit = (field: Field) => Field;

const EDITS: Readonly<Record<string, Edit>> = {
  left: (field) => ({ ...field, cursor: Math.max(0, field.cursor - 1) }),
  right: (field) => ({ ...field, cursor: Math.min(field.chars.length, field.cursor + 1) }),
  home: (field) => ({ ...field, cursor: 0 }),
  end: (field) => ({ ...field, cursor: field.chars.length }),
  'ctrl+a': (field) => ({ ...field, cursor: 0 }),
  'ctrl+e': (field) => ({ ...field, cursor: field.chars.length }),
  backspace: (field) => without(field, Math.max(0, field.cursor - 1), field.cursor),
  delete: (field) => without(field, field.cursor, field.cursor + 1),
  'ctrl+w': (field) => without(field, wordStart(field), field.cursor),
  'ctrl+u': (field) => without(field, 0, field.cursor),
  'ctrl+k': (field) => without(field, field.cursor, field.chars.length),
};

/** The field after a key, or undefined when the key means nothing to a field. */
export function edit(field: Field, key: string): Field | undefined {
  const known = EDITS[key];
  if (known !== undefined) return known(field);
  const typed = key === 'space' ? ' ' : key;
  return graphemes(typed).length === 1 ? insert(field, typed) : undefined;
}
