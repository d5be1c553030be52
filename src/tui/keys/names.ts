/**
 * Names for keys, as the registry and the configuration write them: "a", "G", "ctrl+d", "shift+tab", "pgdn", "esc".
 * Keys that were typed fast arrive glued together as one string; they are taken apart here.
 */

import type { Key } from 'ink';
import { graphemes } from '../draw/cells.ts';

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
