/**
 * What people in chats read from the gateway. A text is a message of the catalogue with its values, and becomes words only
 * when the reader is known; a string of our own is none, so that nothing can be said in English alone.
 */

import { writeTime, writeTimeIn } from '../wall-clock.ts';
import { type MessageKey, messageIn, readEnglish } from './catalogues.ts';
import type { english } from './english/english.ts';
import { formatMessage } from './icu.ts';
import { type Language, LOCALES } from './languages.ts';

/** Languages without blanks between sentences. */
const UNSPACED: ReadonlySet<Language> = new Set(['zh', 'ja']);

type Value = string | number | ChatText;

/** The value that begins after a brace, with what the message wants of it. */
type ValueOf<After extends string> = After extends `${infer Head}}${string}`
  ? Head extends `${infer Name}, ${infer Kind}`
    ? Name extends `${string} ${string}` | `${string}{${string}`
      ? unknown
      : Kind extends `plural,${string}` | 'number'
        ? { readonly [Key in Name]: number }
        : Kind extends `select,${string}`
          ? { readonly [Key in Name]: string }
          : unknown
    : Head extends '' | `${string}${' ' | '#' | '{' | '\n' | '.' | ':' | '*' | '…'}${string}`
      ? unknown
      : { readonly [Key in Head]: Value }
  : unknown;

/** The values of a message, read from its English text. An option that is one bare word would look like a value. */
type ValuesOf<Text extends string> = Text extends `${string}{${infer After}`
  ? ValueOf<After> & ValuesOf<After>
  : unknown;

type ArgumentsOf<Key extends MessageKey> =
  unknown extends ValuesOf<(typeof english)[Key]> ? [] : [values: ValuesOf<(typeof english)[Key]>];

type Source =
  | { readonly key: MessageKey; readonly values: Readonly<Record<string, Value>> }
  | { readonly raw: string }
  | { readonly texts: readonly ChatText[]; readonly between: string }
  | { readonly sentence: ChatText }
  | { readonly at: number; readonly zone: string };

/** Made by `say`, `raw`, `joined` and `sentence` only. */
export class ChatText {
  readonly #source: Source;

  constructor(source: Source) {
    this.#source = source;
  }

  in(language: Language): string {
    const source = this.#source;
    if ('raw' in source) return source.raw;
    if ('at' in source)
      return language === 'en'
        ? writeTime(source.at, source.zone)
        : writeTimeIn(LOCALES[language], source.at, source.zone);
    if ('sentence' in source) return finished(source.sentence.in(language));
    if ('texts' in source)
      return source.texts
        .map((text) => text.in(language))
        .filter((text) => text !== '')
        .join(source.between === ' ' && UNSPACED.has(language) ? '' : source.between);
    const values = Object.fromEntries(
      Object.entries(source.values).map(([name, value]) => [
        name,
        value instanceof ChatText ? value.in(language) : value,
      ]),
    );
    return formatMessage(messageIn(source.key, language), values, LOCALES[language]);
  }

  /** Nothing is said, in any language. */
  get isEmpty(): boolean {
    return this.in('en') === '';
  }

  /** The English text: for logs, the console, the audit and programs. */
  toString(): string {
    return this.in('en');
  }

  toJSON(): string {
    return this.in('en');
  }
}

/** A message of the catalogue. */
export function say<Key extends MessageKey>(key: Key, ...values: ArgumentsOf<Key>): ChatText {
  const [given = {}] = values as readonly Readonly<Record<string, Value>>[];
  return new ChatText({ key, values: given });
}

/** What others have said: people, agents, platforms, programs, the operator. Never words of our own. */
export function raw(text: string): ChatText {
  return new ChatText({ raw: text });
}

/** A sentence that was stored or sent in English: in the words of the catalogue where it is one of them. */
export function recognized(english: string, area: string): ChatText {
  const known = readEnglish(english, area);
  return known === undefined ? raw(english) : new ChatText(known);
}

export const SILENCE: ChatText = raw('');

/** A moment, on the clock of a time zone. */
export function moment(at: number, zone: string): ChatText {
  return new ChatText({ at, zone });
}

/** Several texts as one; empty ones leave no gap. */
export function joined(texts: readonly ChatText[], between: string): ChatText {
  return new ChatText({ texts, between });
}

/** A message that logs and command lines show as a phrase: here with a capital letter and a period. */
export function sentence(text: ChatText): ChatText {
  return new ChatText({ sentence: text });
}

function finished(text: string): string {
  const capital = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…。！？]["')\]»”」）]?$/u.test(capital) ? capital : `${capital.replace(/[\s:;,-]+$/, '')}.`;
}
