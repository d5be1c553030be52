/**
 * The languages in which the gateway speaks in chats, and their catalogues. English is part of the program; every other
 * catalogue is read when the first person needs it.
 */
import { english } from './english/english.ts';
import { type Piece, parseMessage } from './icu.ts';

/** The languages in which the gateway itself speaks in chats. */
export const LANGUAGES = ['en', 'de', 'fr', 'es', 'pt', 'zh', 'ja', 'ru'] as const;

export type Language = (typeof LANGUAGES)[number];

/** `auto`: what the platform says about the person, else English. */
export type LanguageSetting = Language | 'auto';

/** Each in its own words, as a person looks for it. */
export const LANGUAGE_NAMES: Readonly<Record<Language, string>> = {
  en: 'English',
  de: 'Deutsch',
  fr: 'Français',
  es: 'Español',
  pt: 'Português',
  zh: '中文',
  ja: '日本語',
  ru: 'Русский',
};

/** How numbers and dates are written. */
export const LOCALES: Readonly<Record<Language, string>> = {
  en: 'en-US',
  de: 'de',
  fr: 'fr',
  es: 'es',
  pt: 'pt-BR',
  zh: 'zh-Hans',
  ja: 'ja',
  ru: 'ru',
};

const CODE_CHARS = 35;

function isLanguage(code: string): code is Language {
  return (LANGUAGES as readonly string[]).includes(code);
}

/** The language that a code of a platform names (`de`, `pt-BR`, `zh_Hans`); undefined: none that we speak. */
export function languageOf(code: string | undefined): Language | undefined {
  if (code === undefined || code.length > CODE_CHARS) return undefined;
  const [primary = ''] = code.trim().toLowerCase().split(/[-_]/);
  return isLanguage(primary) ? primary : undefined;
}

/** What a person names: a code, `auto`, or the name of a language. */
export function readLanguage(word: string): LanguageSetting | undefined {
  const said = word.trim().toLowerCase();
  if (said === 'auto') return 'auto';
  return LANGUAGES.find((each) => LANGUAGE_NAMES[each].toLowerCase() === said) ?? languageOf(said);
}

export type MessageKey = keyof typeof english;

/** A language has every message of English: the compiler says which is missing. */
type Catalogue = Readonly<Record<MessageKey, string>>;

const LOADERS: Readonly<Record<Exclude<Language, 'en'>, () => Promise<Catalogue>>> = {
  de: async () => (await import('./de.json', { with: { type: 'json' } })).default,
  fr: async () => (await import('./fr.json', { with: { type: 'json' } })).default,
  es: async () => (await import('./es.json', { with: { type: 'json' } })).default,
  pt: async () => (await import('./pt.json', { with: { type: 'json' } })).default,
  zh: async () => (await import('./zh.json', { with: { type: 'json' } })).default,
  ja: async () => (await import('./ja.json', { with: { type: 'json' } })).default,
  ru: async () => (await import('./ru.json', { with: { type: 'json' } })).default,
};

const loaded = new Map<Language, Catalogue>([['en', english]]);
const parsed = new Map<Language, Map<MessageKey, readonly Piece[]>>();

/** Reads a catalogue; until then its people read English. Rejects when the file cannot be read. */
export async function loadCatalogue(language: Language): Promise<Catalogue> {
  const known = loaded.get(language);
  if (known !== undefined) return known;
  const catalogue = language === 'en' ? english : await LOADERS[language]();
  loaded.set(language, catalogue);
  return catalogue;
}

export function isLoaded(language: Language): boolean {
  return loaded.has(language);
}

interface Pattern {
  readonly key: MessageKey;
  readonly names: readonly string[];
  readonly reads: RegExp;
}

const patterns = new Map<string, readonly Pattern[]>();

/**
 * The message that reads so in English, with its values: sentences that were stored, or came from another process. Only
 * messages without plurals whose keys begin with `area`; undefined: none of them.
 */
export function readEnglish(
  text: string,
  area: string,
): { readonly key: MessageKey; readonly values: Readonly<Record<string, string>> } | undefined {
  const known = patterns.get(area) ?? patternsOf(area);
  patterns.set(area, known);
  for (const { key, names, reads } of known) {
    const match = reads.exec(text);
    if (match === null) continue;
    return { key, values: Object.fromEntries(names.map((name, i) => [name, match[i + 1] ?? ''])) };
  }
  return undefined;
}

function patternsOf(area: string): readonly Pattern[] {
  return (Object.keys(english) as MessageKey[]).flatMap((key) => {
    const pieces = key.startsWith(area) ? parseMessage(english[key]) : [];
    if (pieces.length === 0 || pieces.some(({ kind }) => kind !== 'text' && kind !== 'argument')) return [];
    const names = pieces.flatMap((piece) => (piece.kind === 'argument' ? [piece.name] : []));
    const source = pieces.map((piece) =>
      piece.kind === 'text' ? piece.text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&') : '([\\s\\S]+?)',
    );
    return [{ key, names, reads: new RegExp(`^${source.join('')}$`) }];
  });
}

/** The message in that language, or in English as long as the language is not read; each is parsed once. */
export function messageIn(key: MessageKey, language: Language): readonly Piece[] {
  const cache = parsed.get(language) ?? new Map<MessageKey, readonly Piece[]>();
  parsed.set(language, cache);
  const known = cache.get(key);
  if (known !== undefined) return known;
  const pieces = parseMessage((loaded.get(language) ?? english)[key]);
  if (loaded.has(language)) cache.set(key, pieces);
  return pieces;
}
