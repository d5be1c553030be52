/**
 * Names of keys, and which key does what in which scope: the registry's defaults with the operator's own keys over them,
 * where a key goes, and the key table of help and README.
 */

import type { Key } from 'ink';
import type { Action, Scope } from '../actions/action.ts';
import { type OwnCommand, ownActions, type WordedForm, wordedActions } from '../actions/commands.ts';
import { ACTIONS, actionsOf, SCOPE_TITLES, SCOPES } from '../actions/registry.ts';
import { graphemes } from '../draw/cells.ts';
import { type Mode, topMode, type ViewState } from '../state/view.ts';

/**
 * Names for keys, as the registry and the configuration write them: "a", "G", "ctrl+d", "shift+tab", "pgdn", "esc".
 * Keys that were typed fast arrive glued together as one string; they are taken apart here.
 */

const NAMED = [
  ['upArrow', 'up'],
  ['downArrow', 'down'],
  ['leftArrow', 'left'],
  ['rightArrow', 'right'],
  ['pageUp', 'pgup'],
  ['pageDown', 'pgdn'],
  ['home', 'home'],
  ['end', 'end'],
  ['return', 'enter'],
  ['escape', 'esc'],
  ['tab', 'tab'],
  ['backspace', 'backspace'],
  ['delete', 'delete'],
] as const;

const CONTROL: Readonly<Record<string, string>> = {
  '\r': 'enter',
  '\n': 'enter',
  '\t': 'tab',
  '\u001b': 'esc',
  '\u007f': 'backspace',
  '\b': 'backspace',
  ' ': 'space',
};

/** The names of the keys in what Ink reports for one input event. */
export function keyNames(input: string, key: Key): string[] {
  if (key.eventType === 'release') return [];
  for (const [flag, name] of NAMED) {
    if (!key[flag]) continue;
    // A line break in text; where one ends the text it must not.
    if (name === 'enter' && (key.meta || key.shift)) return ['alt+enter'];
    const shifted = key.shift && (name === 'tab' || name === 'up' || name === 'down');
    return [`${key.ctrl ? 'ctrl+' : ''}${shifted ? 'shift+' : ''}${name}`];
  }
  if (input === '') return [];
  if (key.ctrl) return [`ctrl+${input === ' ' ? 'space' : input}`];
  const names = graphemes(input).flatMap(nameOf);
  return key.meta && names.length === 1 ? [`alt+${names[0]}`] : names;
}

function nameOf(character: string): string[] {
  const known = CONTROL[character];
  if (known !== undefined) return [known];
  // A carriage return and a line feed typed in one go are one grapheme.
  if (character === '\r\n') return ['enter'];
  const code = character.codePointAt(0) ?? 0;
  if (code >= 1 && code <= 26) return [`ctrl+${String.fromCharCode(code + 96)}`];
  return code < 32 ? [] : [character];
}

const ALIASES: Readonly<Record<string, string>> = {
  return: 'enter',
  escape: 'esc',
  pageup: 'pgup',
  pagedown: 'pgdn',
  del: 'delete',
  bs: 'backspace',
  ' ': 'space',
};

/** Terminals send these as other keys, so they cannot be bound. */
const UNREADABLE: Readonly<Record<string, string>> = {
  'ctrl+h': 'Backspace',
  'ctrl+i': 'Tab',
  'ctrl+m': 'Enter',
  'ctrl+[': 'Esc',
};

/** Brings a key of the configuration into the form used here, or says what is wrong with it. */
export function parseKey(text: string): { readonly key: string } | { readonly problem: string } {
  if (text === '') return { problem: 'a key is missing' };
  const parts = text.length === 1 ? [text] : text.split('+').filter((part) => part !== '');
  const last = parts.pop() ?? text;
  const modifiers = parts.map((part) => part.toLowerCase());
  const wrong = modifiers.find((part) => !['ctrl', 'shift', 'alt'].includes(part));
  if (wrong !== undefined) return { problem: `"${wrong}" is not a modifier (ctrl, shift, alt)` };
  const lower = last.toLowerCase();
  if (/^f\d{1,2}$/u.test(lower))
    return { problem: `terminals do not report ${last.toUpperCase()} dependably` };
  const named = NAMED.some(([, name]) => name === lower) || lower === 'space';
  const base = ALIASES[lower] ?? (named ? lower : modifiers.length > 0 ? lower : last);
  if (graphemes(base).length > 1 && !named && ALIASES[lower] === undefined)
    return { problem: `"${text}" is not a key` };
  const key = [...(['ctrl', 'alt', 'shift'] as const).filter((m) => modifiers.includes(m)), base].join('+');
  const sent = UNREADABLE[key];
  return sent === undefined ? { key } : { problem: `terminals send ${key} as ${sent}` };
}

const LABELS: Readonly<Record<string, string>> = {
  up: '↑',
  down: '↓',
  left: '←',
  right: '→',
  enter: 'Enter',
  esc: 'Esc',
  tab: 'Tab',
  'shift+tab': 'Shift+Tab',
  pgup: 'PgUp',
  pgdn: 'PgDn',
  home: 'Home',
  end: 'End',
  space: 'Space',
  backspace: 'Backspace',
  delete: 'Delete',
};

/** How a key is written for people. */
export function keyLabel(key: string, ascii = false): string {
  const label = LABELS[key];
  if (label !== undefined) return ascii && label.codePointAt(0) !== undefined && label > '~' ? key : label;
  const control = /^ctrl\+(.)$/u.exec(key);
  return control === null ? key : `Ctrl+${(control[1] ?? '').toUpperCase()}`;
}

/** Keys of other keyboard layouts: the letter that is on the same key of a Latin keyboard. */
const LATIN = "qwertyuiop[]asdfghjkl;'zxcvbnm,.";
const LAYOUTS = ['йцукенгшщзхъфывапролджэячсмитьбю', ";ςερτυθιοπ[]ασδφγηξκλ΄'ζχψωβνμ,."] as const;

const SAME_KEY = new Map<string, string>();
for (const layout of LAYOUTS)
  for (const [index, letter] of [...layout].entries()) {
    const latin = LATIN[index];
    if (latin === undefined || letter.charCodeAt(0) < 128) continue;
    SAME_KEY.set(letter, latin);
    const upper = letter.toUpperCase();
    if (upper !== letter && !SAME_KEY.has(upper)) SAME_KEY.set(upper, latin.toUpperCase());
  }

/** A letter of another alphabet: anyone who types it may not know why nothing happens. */
export function isForeign(key: string): boolean {
  return /^\p{L}$/u.test(key) && !/^\p{Script=Latin}$/u.test(key);
}

/** `a` for `ф`; undefined for a letter that no known layout has. */
export function latinOf(key: string): string | undefined {
  return SAME_KEY.get(key);
}

export interface Bindings {
  /** The action of a key in a scope. */
  find(scope: Scope, key: string): Action | undefined;
  /** The keys of an action, the first one is shown. */
  keys(action: Action): readonly string[];
  /** The operator's own commands. */
  readonly own: readonly Action[];
  /** Commands for the palette that were handed in; see `offer`. */
  readonly worded: readonly Action[];
  /** Forms of commands for the palette: they come after the first frame. */
  offer(forms: readonly WordedForm[]): void;
  /** What was wrong with the operator's own keys, one sentence each. */
  readonly problems: readonly string[];
}

/**
 * `remapped`: action id -> keys, separated by blanks; an empty text takes the keys away.
 * A key that cannot be read, an unknown action and a clash are reported and the default stays.
 */
export function bindKeys(
  remapped: Readonly<Record<string, string>> = {},
  commands: readonly OwnCommand[] = [],
): Bindings {
  const problems: string[] = [];
  const keys = new Map<string, readonly string[]>();
  for (const [id, text] of Object.entries(remapped)) {
    const action = ACTIONS.find((entry) => entry.id === id);
    if (action === undefined) {
      problems.push(`keys.${id}: there is no action of this name${suggestion(id)}`);
      continue;
    }
    const parsed = text
      .split(/\s+/u)
      .filter((part) => part !== '')
      .map(parseKey);
    const bad = parsed.find((entry) => 'problem' in entry);
    if (bad !== undefined && 'problem' in bad) problems.push(`keys.${id}: ${bad.problem}`);
    else
      keys.set(
        id,
        parsed.flatMap((entry) => ('key' in entry ? [entry.key] : [])),
      );
  }
  const table = new Map<Scope, Map<string, Action>>();
  const bind = (action: Action, own: boolean): void => {
    for (const scope of action.scopes) {
      const scoped = table.get(scope) ?? new Map<string, Action>();
      table.set(scope, scoped);
      for (const key of keys.get(action.id) ?? action.keys) {
        const taken = scoped.get(key);
        if (taken === undefined) scoped.set(key, action);
        else if (own) problems.push(`keys.${action.id}: ${key} is taken by ${taken.id}`);
      }
    }
  };
  // The operator's own keys come first: a default that clashes with one gives way silently.
  for (const action of ACTIONS) if (keys.has(action.id)) bind(action, true);
  for (const action of ACTIONS) if (!keys.has(action.id)) bind(action, false);
  // A command of one's own takes no key that decides something already.
  const own: Action[] = [];
  for (const action of ownActions(commands)) {
    const [name = ''] = action.keys;
    const parsed = parseKey(name);
    const taken = action.scopes.map((scope) =>
      'key' in parsed
        ? (table.get(scope)?.get(parsed.key) ??
          table.get('list')?.get(parsed.key) ??
          table.get('global')?.get(parsed.key))
        : undefined,
    )[0];
    if ('problem' in parsed) problems.push(`commands.${action.label}: ${parsed.problem}`);
    else if (taken !== undefined) problems.push(`commands.${action.label}: ${name} is taken by ${taken.id}`);
    else {
      const bound = { ...action, keys: [parsed.key] };
      own.push(bound);
      bind(bound, true);
    }
  }
  const kept = (action: Action): readonly string[] =>
    (keys.get(action.id) ?? action.keys).filter((key) =>
      action.scopes.some((scope) => table.get(scope)?.get(key) === action),
    );
  let worded: readonly Action[] = [];
  return {
    find: (scope, key) => table.get(scope)?.get(key),
    keys: kept,
    own,
    get worded() {
      return worded;
    },
    offer(forms) {
      worded = wordedActions(forms, ACTIONS);
    },
    problems,
  };
}

function suggestion(id: string): string {
  const near = ACTIONS.find((action) => action.id.endsWith(`.${id}`) || id.endsWith(`.${action.id}`));
  return near === undefined ? '' : `; did you mean ${near.id}?`;
}

type Routed =
  | {
      readonly kind: 'action';
      readonly action: Action;
      /** The guided setup gives way first: anyone who continues with the panes does not want it. */
      readonly leaves?: true;
    }
  /** The mode on top takes the key itself: a field, a dialog or the palette. */
  | { readonly kind: 'mode'; readonly mode: Mode }
  /** Ctrl+C works in every mode and cannot be remapped: it is the way out. */
  | { readonly kind: 'interrupt' }
  | { readonly kind: 'none' };

/** Scopes in which a key is looked for, the nearest first. */
export function scopesOf(view: ViewState): readonly Scope[] {
  const mode = topMode(view);
  if (mode?.kind === 'page') return [mode.page, 'page', 'global'];
  if (mode?.kind === 'list') return [mode.list, 'list', 'view', 'global'];
  return [view.focus, 'list', 'global'];
}

/** Modes that take plain characters; actions get no key while one is open. */
export function takesText(mode: Mode | undefined): boolean {
  return mode !== undefined && TEXT_MODES.has(mode.kind);
}

const TEXT_MODES: ReadonlySet<Mode['kind']> = new Set([
  'filter',
  'search',
  'palette',
  'text',
  'form',
  'compose',
]);
/** Modes with keys of their own. */
const OWN_KEYS: ReadonlySet<Mode['kind']> = new Set([...TEXT_MODES, 'dialog', 'setup']);

/** Keys that work while text is typed, too. */
const ALWAYS: ReadonlySet<string> = new Set(['redraw', 'suspend']);

export function route(key: string, view: ViewState, bindings: Bindings): Routed {
  if (key === 'ctrl+c') return { kind: 'interrupt' };
  const mode = topMode(view);
  if (mode !== undefined && OWN_KEYS.has(mode.kind)) {
    const always = bindings.find('global', key);
    if (always !== undefined && ALWAYS.has(always.id)) return { kind: 'action', action: always };
    if (mode.kind !== 'setup' || mode.step !== 'agent' || FIRST_STEP_KEYS.has(key))
      return { kind: 'mode', mode };
    const action = find(key, view, bindings);
    return action === undefined ? { kind: 'none' } : { kind: 'action', action, leaves: true };
  }
  const action = find(key, view, bindings);
  return action === undefined ? { kind: 'none' } : { kind: 'action', action };
}

/** The first step of the setup opens on its own: every other key does what it always does. */
const FIRST_STEP_KEYS: ReadonlySet<string> = new Set(['enter', 'esc', 'c']);

function find(key: string, view: ViewState, bindings: Bindings): Action | undefined {
  for (const scope of scopesOf(view)) {
    const action = bindings.find(scope, key);
    if (action !== undefined) return action;
  }
  const latin = latinOf(key);
  return latin === undefined ? undefined : find(latin, view, bindings);
}

interface KeyTableRow {
  /** "j ↓", as people write keys. */
  readonly keys: string;
  /** Where it works: "Everywhere", "Pairing". */
  readonly scope: string;
  readonly help: string;
}

/** What the modes do with keys on their own; these cannot be remapped. */
const FIXED: readonly KeyTableRow[] = [
  { scope: 'Everywhere', keys: 'Ctrl+C Ctrl+C', help: 'Quit without a question.' },
  { scope: 'Dialogs', keys: 'y', help: 'Do it.' },
  { scope: 'Dialogs', keys: 'n Esc', help: 'Cancel.' },
  {
    scope: 'Dialogs',
    keys: 'Tab ← → Enter',
    help: 'Choose a button and press it; Cancel has the focus first.',
  },
  { scope: 'Text fields', keys: 'Enter', help: 'Done.' },
  { scope: 'Text fields', keys: 'Esc', help: 'Leave the field as it was.' },
  { scope: 'Text fields', keys: 'Ctrl+A Ctrl+E', help: 'Start, end of the line.' },
  { scope: 'Text fields', keys: 'Ctrl+U Ctrl+K Ctrl+W', help: 'Delete to the start, to the end, one word.' },
  { scope: 'Composer', keys: 'Enter', help: 'Send.' },
  { scope: 'Composer', keys: 'Alt+Enter', help: 'New line; pasted text keeps its lines.' },
  { scope: 'Composer', keys: '↑ ↓', help: 'Line above, line below; beyond them what was written before.' },
  { scope: 'Composer', keys: 'PgUp PgDn', help: 'Scroll the transcript.' },
  { scope: 'Composer', keys: 'Esc', help: 'Leave; the text stays as a draft.' },
  { scope: 'Forms', keys: 'Tab Shift+Tab ↑ ↓', help: 'Next field, previous field.' },
  { scope: 'Forms', keys: '← → Space', help: 'Another choice.' },
  { scope: 'Forms', keys: 'Enter', help: 'Try what was typed against the platform, then save it.' },
  { scope: 'Forms', keys: 'Ctrl+S', help: 'Save without testing.' },
  { scope: 'Forms', keys: 'Esc', help: 'Leave the form as it was.' },
  { scope: 'Palette', keys: '↑ ↓ Ctrl+N Ctrl+P', help: 'Choose a command.' },
  { scope: 'Palette', keys: 'Tab', help: 'Complete the command.' },
];

/** Every key with its place and its sentence, in the order of help. */
export function keyTable(bindings: Bindings = bindKeys(), ascii = false): KeyTableRow[] {
  const rows: KeyTableRow[] = [];
  for (const scope of SCOPES) {
    for (const action of actionsOf(scope)) {
      const keys = bindings.keys(action);
      if (keys.length === 0) continue;
      const label = keys.map((key) => keyLabel(key, ascii)).join(' ');
      rows.push({ keys: label, scope: SCOPE_TITLES[scope], help: action.help });
    }
    rows.push(...FIXED.filter((row) => row.scope === SCOPE_TITLES[scope]));
  }
  return [...rows, ...FIXED.filter((row) => !rows.includes(row))];
}

/** Every command of the palette that has words, for the documentation. */
export function commandTable(): { readonly words: string; readonly help: string }[] {
  return ACTIONS.flatMap((action) =>
    action.words === undefined
      ? []
      : [
          {
            words: action.args === undefined ? action.words : `${action.words} ${action.args}`,
            help: action.help,
          },
        ],
  );
}
