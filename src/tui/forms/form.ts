/** A form: fields one under the other, one of them with the cursor. Pure; what the fields mean is someone else's. */
import type { ConfigKind } from '../../gateway/operator/operator.ts';
import { edit, type Field, fieldOf, fieldText, insert } from '../keys/field.ts';

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
