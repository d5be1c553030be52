/** The catalogues: English is part of the program, every other language is read when the first person needs it. */
import { english } from './english/english.ts';
import { type Piece, parseMessage } from './icu.ts';
import type { Language } from './languages.ts';

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
