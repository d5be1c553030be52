/**
 * The words that people type for an operation, on the command line and behind `/gateway`: `adapter <platform> start`.
 * Usage, help, completion and what is read of a line are made of this one form.
 */
import { defined } from '../../../base/defined.ts';
import { isPlatform, PLATFORMS } from '../../model.ts';
import type { Seen } from './names.ts';

type Group = 'start' | 'access' | 'sessions' | 'automation' | 'configuration' | 'help';

/** What was typed where the form has `<name>`. */
export type Typed = Readonly<Record<string, string>>;

export interface Words {
  /** Literals, `<name>`, `[name]`, and at the end `<name…>` or `[name…]` for the rest of the line. */
  readonly say: string;
  /** Another order that is understood and not shown. */
  readonly also?: string;
  /** Only a running gateway can do it. */
  readonly live?: true;
  /** What a person in a terminal is asked first, because there is no way back. */
  readonly asks?: string;
  /** The page of the first word in the help; one form of each first word has it. */
  readonly group?: Group;
  readonly example?: string;
  /** Default: the help of the row. */
  readonly help?: string;
  /** What follows the first word, where it is more than its forms side by side. */
  readonly args?: string;
  /** Words that follow the first one at most, where it is not as many as its longest form has. */
  readonly most?: number;
  /** The parameters; default: what was typed, under its names. Undefined: the line is not of this form. */
  read?(typed: Typed, seen: Seen, rest: readonly string[]): object | undefined;
  /** What a person reads, where it is more than the message of the result. */
  told?(data: unknown): string;
}

/** A row that people can name by words. */
export interface Worded {
  readonly help?: string;
  readonly words?: readonly Words[];
}

/** A first word with everything that it can begin. */
export interface Command {
  readonly name: string;
  readonly group: Group;
  readonly args: string;
  readonly help: string;
  readonly example: string;
  /** Words that follow at most; absent when it takes text. */
  readonly most?: number;
  readonly forms: readonly string[];
}

const OTHER_NAMES: Readonly<Record<string, string>> = { task: 'tasks', schedule: 'schedules' };

function split(text: string): string[] {
  return text.split(' ').filter((each) => each !== '');
}

/** `adapter <platform> start` → `adapter`. */
function headOf({ say }: Words): string {
  return split(say)[0] ?? '';
}

/** The first words of all rows, each with its usage, help and example. */
export function commandsOf(rows: readonly Worded[]): readonly Command[] {
  const all = rows.flatMap(({ words = [], help = '' }) => words.map((each) => ({ help, ...each })));
  return all.flatMap((main): Command[] => {
    const { group, example, help } = main;
    if (group === undefined || example === undefined) return [];
    const name = headOf(main);
    const forms = all.filter((each) => headOf(each) === name).map(({ say }) => say);
    const takesText = forms.some((form) => form.includes('…'));
    const longest = Math.max(...forms.map((form) => split(form).length - 1));
    const most = main.most ?? (takesText ? undefined : longest);
    const args = main.args ?? sideBySide(forms.map((form) => split(form).slice(1)));
    return [{ name, group, args, help, example, forms, ...defined({ most }) }];
  });
}

/** `<platform> start` and `<platform> stop` → `<platform> start|stop`. */
function sideBySide(forms: readonly (readonly string[])[]): string {
  const longest = forms.reduce((a, b) => (b.length > a.length ? b : a), []);
  return longest
    .map((word, i) => {
      const options = [...new Set(forms.flatMap((form) => form[i] ?? []))];
      const shown = options.length > 1 && !word.startsWith('<') ? options.join('|') : word;
      return shown.replace('…', '');
    })
    .join(' ');
}

/** What can stand behind the words of a line that has been typed so far, with more behind it or not. */
export function nextWords(
  forms: readonly string[],
  typed: readonly string[],
): readonly { readonly word: string; readonly more: boolean }[] {
  const found = new Map<string, boolean>();
  for (const form of forms) {
    const words = split(form);
    if (!typed.every((word, i) => /^[<[]/.test(words[i] ?? '') || words[i] === word)) continue;
    const next = words[typed.length] ?? '';
    const options = /^[<[]platform/.test(next) ? PLATFORMS : /^\w/.test(next) ? [next] : [];
    for (const word of options) found.set(word, found.get(word) || words.length > typed.length + 1);
  }
  return [...found].map(([word, more]) => ({ word, more }));
}

export type Reading<R> =
  | { readonly row: R; readonly words: Words; readonly params: object }
  /** No row has such a form; `platform` is a word that is where a platform belongs and is none. */
  | { readonly row?: undefined; readonly head: string; readonly platform?: string };

/** The row that a line asks for, and the parameters that it gives. */
export function readLine<R extends Worded>(
  rows: readonly R[],
  [first = '', ...rest]: readonly string[],
  seen: Seen,
): Reading<R> {
  const head = OTHER_NAMES[first] ?? first;
  let platform: string | undefined;
  for (const row of rows)
    for (const words of row.words ?? [])
      for (const form of [words.say, words.also ?? '']) {
        const [word, ...expected] = split(form);
        if (word !== head) continue;
        const typed = typedIn(expected, rest);
        if (typed === undefined) continue;
        if (typed['platform'] !== undefined && !isPlatform(typed['platform'])) {
          platform = typed['platform'];
          continue;
        }
        const text = expected.findIndex((each) => each.includes('…'));
        const params = words.read ? words.read(typed, seen, text < 0 ? [] : rest.slice(text)) : typed;
        if (params !== undefined) return { row, words, params };
      }
  return { head, platform };
}

/** Undefined: the words do not fit the form. */
function typedIn(form: readonly string[], words: readonly string[]): Typed | undefined {
  const typed: Record<string, string> = {};
  for (const [i, part] of form.entries()) {
    const [, open, name = '', text] = /^([<[])(.+?)(…?)[>\]]$/.exec(part) ?? [];
    const word = (text === '…' ? words.slice(i).join(' ') : words[i]) ?? '';
    if (open === undefined ? word !== part : open === '<' && word.trim() === '') return undefined;
    if (open !== undefined && word !== '') typed[camel(name)] = word;
    if (text === '…') return typed;
  }
  return words.length > form.length ? undefined : typed;
}

function camel(name: string): string {
  return name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
}
