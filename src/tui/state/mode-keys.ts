/**
 * What keys do inside a filter, a text field, the palette, a dialog and a form, and which keys are held down.
 */

import type { ActionContext } from '../actions/action.ts';
import { clean } from '../draw/cells.ts';
import {
  edit,
  fieldOf,
  fieldText,
  firstMissing,
  formKey,
  formPaste,
  insert,
  isChanged,
  withIndex,
} from '../forms/form.ts';
import { setupKey } from '../forms/setup.ts';
import type { Bindings } from '../keys/bindings.ts';
import { latinOf } from '../keys/bindings.ts';
import { completed, completedId, exactEntry, paletteEntries, parseCommand } from '../keys/palette.ts';
import { composerKey, composerPaste } from './composer.ts';
import type { Timers } from './store.ts';
import { type Mode, replaceMode, type ViewState, withoutMode } from './view.ts';

type FormMode = Extract<Mode, { kind: 'form' }>;

/** What keys do in a form: Enter tries and saves, Esc leaves, everything else belongs to the field with the cursor. */
function formModeKey(context: ActionContext, mode: FormMode, key: string): void {
  const { form } = mode;
  if (key === 'esc') {
    leave(context, mode);
    return;
  }
  // What is being tried must stay what was typed.
  if (form.busy !== undefined) return;
  if (key === 'enter') {
    const missing = firstMissing(form);
    // Enter walks through what has to be filled in, then sends the form.
    if (missing >= 0 && missing !== form.index)
      context.update((view) => replaceMode(view, { ...mode, form: withIndex(form, missing) }));
    else mode.submit(form, true);
    return;
  }
  if (key === 'ctrl+s') {
    mode.submit(form, false);
    return;
  }
  const next = formKey(form, key);
  if (next !== undefined) context.update((view) => replaceMode(view, { ...mode, form: next }));
}

function leave(context: ActionContext, mode: FormMode): void {
  if (!isChanged(mode.form)) {
    context.update(withoutMode);
    return;
  }
  context.ask({
    title: 'Leave the form?',
    lines: ['What you typed is not saved.'],
    verb: 'leave',
    confirmed: () => context.update(withoutMode),
  });
}

type Of<K extends Mode['kind']> = Extract<Mode, { kind: K }>;

export function modeKey(context: ActionContext, mode: Mode, key: string, bindings: Bindings): void {
  switch (mode.kind) {
    case 'filter':
      filterKey(context, mode, key);
      return;
    case 'search':
      searchKey(context, mode, key);
      return;
    case 'text':
      textKey(context, mode, key);
      return;
    case 'palette':
      paletteKey(context, mode, key, bindings);
      return;
    case 'dialog':
      dialogKey(context, mode, latinOf(key) ?? key);
      return;
    case 'compose':
      composerKey(context, mode, key);
      return;
    case 'form':
      formModeKey(context, mode, key);
      return;
    case 'setup':
      setupKey(context, mode, latinOf(key) ?? key);
      return;
    case 'page':
    case 'list':
      return;
  }
}

/** Pasted text goes into a field unchanged; elsewhere a paste is not a series of keys and is dropped. */
export function modePaste(context: ActionContext, mode: Mode | undefined, text: string): void {
  if (mode?.kind === 'form') {
    if (mode.form.busy === undefined)
      context.update((view) => replaceMode(view, { ...mode, form: formPaste(mode.form, text) }));
    return;
  }
  if (mode?.kind === 'compose') composerPaste(context, mode, text);
  if (mode?.kind !== 'filter' && mode?.kind !== 'search' && mode?.kind !== 'text' && mode?.kind !== 'palette')
    return;
  if (mode.kind === 'text' && mode.busy === true) return;
  const field = insert(mode.field, text);
  const changed = mode.kind === 'palette' ? { ...mode, field, index: -1 } : { ...mode, field };
  context.update((view) => replaceMode(view, changed));
}

function filterKey(context: ActionContext, mode: Of<'filter'>, key: string): void {
  const leave = (text: string): void =>
    context.update((view) => ({
      ...withoutMode(view),
      filters: { ...view.filters, [mode.list]: text },
    }));
  if (key === 'enter') {
    leave(fieldText(mode.field));
    return;
  }
  if (key === 'esc') {
    leave(mode.before);
    return;
  }
  if (key === 'up' || key === 'down') {
    // The list can be walked while the filter is typed.
    context.move({ kind: 'rows', rows: key === 'up' ? -1 : 1 });
    return;
  }
  const field = edit(mode.field, key);
  if (field !== undefined) context.update((view) => replaceMode(view, { ...mode, field }));
}

function textKey(context: ActionContext, mode: Of<'text'>, key: string): void {
  if (key === 'esc') {
    context.update(withoutMode);
    return;
  }
  // What the gateway looks at must stay what was typed.
  if (mode.busy === true) return;
  if (key === 'enter') {
    if (!context.isDrawn(mode)) return;
    submit(context, mode);
    return;
  }
  const field = edit(mode.field, key);
  if (field === undefined) return;
  const { error: _old, ...rest } = mode;
  context.update((view) => replaceMode(view, { ...rest, field }));
}

/** Closes the prompt when its text is good and the command has succeeded; else it says what is wrong. */
function submit(context: ActionContext, mode: Of<'text'>): void {
  const outcome = mode.submit(fieldText(mode.field));
  const closed = (): void =>
    context.update((view) => ({
      ...view,
      modes: view.modes.filter((each) => each.kind !== 'text' || each.submit !== mode.submit),
    }));
  // What it led to may be open above it already.
  if (outcome === undefined) {
    closed();
    return;
  }
  const isOpen = (): boolean =>
    context.view.modes.some((each) => each.kind === 'text' && each.submit === mode.submit);
  const change = (state: Pick<Of<'text'>, 'error' | 'busy'>): void =>
    context.update((view) => ({
      ...view,
      modes: view.modes.map((each) =>
        each.kind === 'text' && each.submit === mode.submit
          ? { ...each, error: undefined, busy: false, ...state }
          : each,
      ),
    }));
  if (typeof outcome === 'string') {
    change({ error: outcome });
    return;
  }
  change({ busy: true });
  context.run(outcome.command, {
    ...outcome.options,
    succeeded: closed,
    failed(sentence) {
      if (isOpen()) change({ error: sentence });
      else context.toast(sentence, 'bad');
    },
  });
}

function searchKey(context: ActionContext, mode: Of<'search'>, key: string): void {
  if (key === 'enter') {
    const find = fieldText(mode.field);
    context.update((view) => {
      const below = withoutMode(view);
      const page = below.modes.at(-1);
      return page?.kind === 'page' ? replaceMode(below, { ...page, find }) : below;
    });
    context.findNext(1);
    return;
  }
  if (key === 'esc') {
    context.update(withoutMode);
    return;
  }
  const field = edit(mode.field, key);
  if (field !== undefined) context.update((view) => replaceMode(view, { ...mode, field }));
}

function paletteKey(context: ActionContext, mode: Of<'palette'>, key: string, bindings: Bindings): void {
  if (key === 'esc') {
    context.update(withoutMode);
    return;
  }
  const text = fieldText(mode.field);
  const entries = paletteEntries(text, context, bindings);
  const chosen = mode.index < 0 ? undefined : entries[Math.min(mode.index, entries.length - 1)];
  const { commands } = context.view;
  const back = commands.indexOf(text.trim());
  if (key === 'up' && mode.index < 0 && (text === '' || back >= 0) && commands[back + 1] !== undefined) {
    context.update((view) => replaceMode(view, { ...mode, field: fieldOf(commands[back + 1] ?? '') }));
    return;
  }
  if (key === 'up' || key === 'ctrl+p' || key === 'down' || key === 'ctrl+n') {
    const step = key === 'up' || key === 'ctrl+p' ? -1 : 1;
    const from = mode.index < 0 && step < 0 ? 0 : mode.index;
    const index = entries.length === 0 ? -1 : (from + step + entries.length) % entries.length;
    context.update((view) => replaceMode(view, { ...mode, index }));
    return;
  }
  if (key === 'tab') {
    const id = chosen === undefined ? completedId(text, context) : undefined;
    if (id !== undefined) {
      context.update((view) => replaceMode(view, { ...mode, field: fieldOf(id), index: -1 }));
      return;
    }
    const first = chosen ?? entries[0];
    if (first !== undefined)
      context.update((view) => replaceMode(view, { ...mode, field: fieldOf(completed(first)), index: -1 }));
    return;
  }
  if (key === 'enter') {
    const entry = chosen ?? exactEntry(text, entries, bindings.worded);
    if (entry === undefined) {
      context.toast(noCommand(text, entries.length), 'warn');
      return;
    }
    if (entry.disabled !== undefined) {
      context.toast(`Cannot do this: ${entry.disabled}.`, 'warn');
      return;
    }
    const command = parseCommand(text, bindings.worded);
    const args = command?.action === entry.action ? command.args : [];
    if (entry.action.wants?.(args) !== undefined) {
      // It was chosen before it was said what with.
      const field = fieldOf(completed(entry));
      context.update((view) => replaceMode(view, { ...mode, field, index: -1 }));
      return;
    }
    context.update((view) =>
      remembered(withoutMode(view), chosen === undefined ? text.trim() : completed(entry)),
    );
    context.performFromPalette(entry.action, args);
    return;
  }
  const field = edit(mode.field, key);
  if (field !== undefined) context.update((view) => replaceMode(view, { ...mode, field, index: -1 }));
}

/** Commands that ↑ brings back. */
const COMMANDS_KEPT = 50;

function remembered(view: ViewState, text: string): ViewState {
  const commands = [text.trim(), ...view.commands.filter((each) => each !== text.trim())];
  return { ...view, commands: commands.slice(0, COMMANDS_KEPT) };
}

function noCommand(text: string, similar: number): string {
  const typed = text.trim();
  if (typed === '') return 'Type a command, or choose one with the arrow keys.';
  const next = similar === 0 ? '? shows every command.' : 'Arrow keys choose one.';
  // All of it fits into 60 columns.
  const word = clean(typed, 80);
  return `"${word.length > 12 ? `${clean(word, 9)}...` : word}" is not a command. ${next}`;
}

const TOGGLES: ReadonlySet<string> = new Set(['tab', 'shift+tab', 'left', 'right', 'h', 'l']);

function dialogKey(context: ActionContext, mode: Of<'dialog'>, key: string): void {
  const { also } = mode;
  if (also !== undefined && key === also.key && mode.openedBy !== key) {
    if (!context.isDrawn(mode)) return;
    context.update(withoutMode);
    also.run();
    return;
  }
  if (TOGGLES.has(key)) {
    context.update((view) => replaceMode(view, { ...mode, onConfirm: !mode.onConfirm }));
    return;
  }
  const confirmed = (key === 'y' && mode.openedBy !== 'y') || (key === 'enter' && mode.onConfirm);
  if (confirmed) {
    if (!context.isDrawn(mode)) return;
    // The Enter that opened the question is often still down.
    context.deliberate(() => {
      if (!context.view.modes.some((entry) => entry.kind === 'dialog' && entry.confirmed === mode.confirmed))
        return;
      context.update(withoutMode);
      mode.confirmed();
    });
    return;
  }
  if (key === 'n' || key === 'esc' || key === 'q' || key === 'enter') context.update(withoutMode);
}

/** Keys of one name closer than this were not pressed by a finger each. */
const REPEAT_MS = 200;
/** Longest pause before a terminal begins to repeat a key. */
const PAUSE_MS = 1_000;
/** How long a key that comes back waits for its repetition. */
const WAIT_MS = 120;

interface Waiting {
  readonly key: string;
  readonly run: () => void;
  readonly cancel: () => void;
}

/**
 * Tells a key that is pressed again from one that is held down. Terminals report no release: a held key comes once,
 * then after a pause (250 to 660 ms) some thirty times a second. So a key that comes back soon waits for a moment: if it
 * comes again in the meantime it is held, and decides nothing.
 */
export class HeldKeys {
  readonly #timers: Timers;
  #key = '';
  #at = Number.NEGATIVE_INFINITY;
  #gap = Number.POSITIVE_INFINITY;
  #waiting: Waiting | undefined;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /** A key came. What waited for its repetition runs when it was another one. */
  press(key: string): void {
    const now = this.#timers.now();
    this.#gap = key === this.#key ? now - this.#at : Number.POSITIVE_INFINITY;
    this.#key = key;
    this.#at = now;
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    this.#waiting = undefined;
    waiting.cancel();
    if (waiting.key !== key) waiting.run();
  }

  /** Runs what the key of the last `press` decides: now, in a moment, or not at all. */
  decide(run: () => void): void {
    if (this.#gap >= PAUSE_MS) run();
    else if (this.#gap >= REPEAT_MS) {
      const key = this.#key;
      const cancel = this.#timers.after(WAIT_MS, () => {
        this.#waiting = undefined;
        run();
      });
      this.#waiting = { key, run, cancel };
    }
  }

  stop(): void {
    this.#waiting?.cancel();
    this.#waiting = undefined;
  }
}
