/**
 * A text field: what is in it, where the cursor stands, how keys change it. A form: fields one under the other, one of
 * them with the cursor. Pure; what the fields mean is someone else's.
 */

import type { ConfigKind } from '../../gateway/operator/operator.ts';
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

export interface FormField {
  /** What the answer is called when it is saved. */
  readonly key: string;
  readonly help: string;
  readonly kind: ConfigKind;
  /** For a choice and for yes or no: what can be chosen; the empty one is the default. */
  readonly options: readonly string[];
  /** What is typed is shown as bullets, never as text. */
  readonly secret: boolean;
  /** The form is not sent while it is empty. */
  readonly required: boolean;
  /** What counts when nothing is given, as it is shown. */
  readonly fallback: string;
  /** As it was when the form opened; of a stored secret only that there is one. */
  readonly before: string;
  readonly stored: boolean;
  readonly field: Field;
  readonly touched: boolean;
  readonly problem?: string;
}

export interface FormNote {
  readonly text: string;
  readonly tone: 'ok' | 'warn' | 'bad';
}

export interface Form {
  readonly title: string;
  /** Sentences above the fields. */
  readonly intro: readonly string[];
  readonly fields: readonly FormField[];
  readonly index: number;
  readonly notes: readonly FormNote[];
  /** What is in progress: keys wait until it has ended. */
  readonly busy?: string;
}

/** Whether the operator changed anything. */
export function isChanged(form: Form): boolean {
  return form.fields.some(isFieldChanged);
}

/** A stored secret that was emptied is a change although nothing was shown before. */
export function isFieldChanged(field: FormField): boolean {
  return field.touched && (fieldText(field.field) !== field.before || (field.secret && field.stored));
}

/** A required field that still has no answer; -1 when there is none. */
export function firstMissing(form: Form): number {
  return form.fields.findIndex((field) => field.required && isEmpty(field));
}

function isEmpty(field: FormField): boolean {
  if (field.secret && field.stored && !field.touched) return false;
  return fieldText(field.field).trim() === '';
}

export function withIndex(form: Form, index: number): Form {
  return { ...form, index: Math.min(form.fields.length - 1, Math.max(0, index)) };
}

function withField(form: Form, change: (field: FormField) => FormField): Form {
  return {
    ...form,
    notes: [],
    fields: form.fields.map((field, at) => (at === form.index ? change(field) : field)),
  };
}

function typed(field: FormField, next: Field): FormField {
  const { problem: _gone, ...rest } = field;
  return { ...rest, field: next, touched: true };
}

/** The form after a key of its own, or undefined when the key means nothing here. */
export function formKey(form: Form, key: string): Form | undefined {
  switch (key) {
    case 'tab':
    case 'down':
    case 'ctrl+n':
      return withIndex(form, (form.index + 1) % form.fields.length);
    case 'shift+tab':
    case 'up':
    case 'ctrl+p':
      return withIndex(form, (form.index - 1 + form.fields.length) % form.fields.length);
    case 'pgdn':
      return withIndex(form, form.index + 8);
    case 'pgup':
      return withIndex(form, form.index - 8);
  }
  const focused = form.fields[form.index];
  if (focused === undefined) return undefined;
  if (focused.options.length > 0) {
    const step = STEPS[key];
    return step === undefined ? undefined : withField(form, (field) => turned(field, step));
  }
  // Whether there is a stored secret can be seen; which one cannot, so one key is enough to take it away.
  if (focused.secret && focused.stored && !focused.touched && (key === 'backspace' || key === 'ctrl+u'))
    return withField(form, (field) => typed(field, fieldOf('')));
  const next = edit(focused.field, key);
  return next === undefined ? undefined : withField(form, (field) => typed(field, next));
}

const STEPS: Readonly<Record<string, number>> = { left: -1, right: 1, space: 1, h: -1, l: 1 };

function turned(field: FormField, step: number): FormField {
  const at = field.options.indexOf(fieldText(field.field));
  const next = field.options[(at + step + field.options.length) % field.options.length] ?? '';
  return typed(field, fieldOf(next));
}

/** Pasted text goes into the field with the cursor; a choice takes none. */
export function formPaste(form: Form, text: string): Form {
  const focused = form.fields[form.index];
  if (focused === undefined || focused.options.length > 0) return form;
  // Tokens are copied with blanks and line ends around them.
  const pasted = focused.secret ? text.trim() : text;
  return withField(form, (field) => typed(field, insert(field.field, pasted)));
}

/** The form with a problem at one of its fields, which gets the cursor. */
export function withProblem(form: Form, key: string, problem: string): Form {
  const index = form.fields.findIndex((field) => field.key === key);
  if (index < 0) return { ...form, notes: [{ text: problem, tone: 'bad' }] };
  return {
    ...form,
    index,
    fields: form.fields.map((field, at) => (at === index ? { ...field, problem } : field)),
  };
}
