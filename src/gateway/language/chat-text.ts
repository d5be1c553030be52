/**
 * What people in chats read from the gateway. A text is a message of the catalogue with its values, and becomes words only
 * when the reader is known; a string of our own is none, so that nothing can be said in English alone.
 */

import { defined } from '../../base/defined.ts';
import { GatewayError, type GatewayErrorOptions } from '../../base/errors.ts';
import { writeTime, writeTimeIn } from '../time-zone.ts';
import { english } from './english/english.ts';
import { formatMessage } from './icu.ts';
import { type Language, LOCALES, type MessageKey, messageIn, readEnglish } from './languages.ts';

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

/** A text as JSON, for a store: what others have said is a string. */
export type StoredText =
  | string
  | { readonly key: string; readonly values: Readonly<Record<string, number | StoredText>> }
  | { readonly texts: readonly StoredText[]; readonly between: string }
  | { readonly sentence: StoredText }
  | { readonly at: number; readonly zone: string };

/** Made by `say`, `raw`, `joined`, `sentence`, `moment` and `fromStored` only. */
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
    const values = mapValues(source.values, (value) =>
      value instanceof ChatText ? value.in(language) : value,
    );
    return formatMessage(messageIn(source.key, language), values, LOCALES[language]);
  }

  /** The same text with every string in it changed: what others have said, and the values of messages. */
  map(change: (text: string) => string): ChatText {
    const source = this.#source;
    if ('raw' in source) return new ChatText({ raw: change(source.raw) });
    if ('sentence' in source) return new ChatText({ sentence: source.sentence.map(change) });
    if ('texts' in source)
      return joined(
        source.texts.map((text) => text.map(change)),
        source.between,
      );
    if ('at' in source) return this;
    const changed = (value: Value): Value =>
      value instanceof ChatText ? value.map(change) : typeof value === 'string' ? change(value) : value;
    return new ChatText({ key: source.key, values: mapValues(source.values, changed) });
  }

  /** As JSON that `fromStored` reads: the reader's language is chosen when the text is read, not when it is stored. */
  stored(): StoredText {
    const source = this.#source;
    if ('raw' in source) return source.raw;
    if ('sentence' in source) return { sentence: source.sentence.stored() };
    if ('texts' in source)
      return { texts: source.texts.map((text) => text.stored()), between: source.between };
    if ('at' in source) return source;
    return {
      key: source.key,
      values: mapValues(source.values, (value) => (value instanceof ChatText ? value.stored() : value)),
    };
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

/** Reads what `stored` made. A message that this version does not have is shown by its key. */
export function fromStored(stored: StoredText): ChatText {
  if (typeof stored === 'string') return raw(stored);
  if ('sentence' in stored) return sentence(fromStored(stored.sentence));
  if ('texts' in stored) return joined(stored.texts.map(fromStored), stored.between);
  if ('at' in stored) return moment(stored.at, stored.zone);
  const { key } = stored;
  if (!isKey(key)) return raw(key);
  const values = mapValues(stored.values, (value) => (typeof value === 'object' ? fromStored(value) : value));
  return new ChatText({ key, values });
}

function isKey(key: string): key is MessageKey {
  return Object.hasOwn(english, key);
}

function mapValues<From, To>(
  values: Readonly<Record<string, From>>,
  change: (value: From) => To,
): Readonly<Record<string, To>> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, change(value)]));
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

interface ChatErrorOptions extends Omit<GatewayErrorOptions, 'hint'> {
  /** What the person can do. */
  readonly hint?: ChatText;
}

/** A failure that people in chats read in their language; everyone else reads it in English. */
export class ChatError extends GatewayError {
  /** For the chat: what happened, and what to do. */
  readonly text: ChatText;

  constructor(code: string, message: ChatText, { hint, ...options }: ChatErrorOptions = {}) {
    super(code, message.in('en'), {
      ...options,
      ...defined({ hint: hint?.in('en') }),
    });
    this.text = joined([sentence(message), ...(hint === undefined ? [] : [hint])], ' ');
  }
}
