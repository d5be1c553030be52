/**
 * The languages in which the gateway speaks in chats: their catalogues, and who reads which. English is part of the
 * program; every other catalogue is read when the first person needs it.
 */
import { messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Database } from '../../store/database.ts';
import type { ChatRef, InboundMessage, Sender } from '../model.ts';
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

function isLoaded(language: Language): boolean {
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

/** What is known of a person. */
interface Known {
  /** What the platform says about them. */
  readonly code: Language | undefined;
  /** What they have chosen with `/language`; undefined: nothing. */
  readonly chosen: LanguageSetting | undefined;
}

/** What is stored of a person who has access. */
interface Kept extends Known {
  /** Their direct message. */
  readonly chat: string | undefined;
}

const NOTHING: Known = { code: undefined, chosen: undefined };

/** People without access, and chats, that are remembered; the oldest are forgotten first. */
const MOST = 20_000;

/** The order of what decides: the person's own choice, the configuration, what the platform says, English. */
function languageFor(known: Known | undefined, configured: LanguageSetting): Language {
  const setting = known?.chosen ?? configured;
  return setting === 'auto' ? (known?.code ?? 'en') : setting;
}

interface LanguageSettings {
  readonly language: (chat?: Pick<ChatRef, 'chatId' | 'platform'>) => {
    readonly setting: LanguageSetting;
    readonly used: readonly Language[];
  };
}

/** Who reads which language. */
export class Readers {
  readonly #db: Database;
  readonly #settings: LanguageSettings;
  readonly #log: Logger;
  readonly #people = new Map<string, Known>();
  /** The rows of the store. Never forgotten for others: no one takes away what a person has chosen. */
  readonly #kept = new Map<string, Kept>();
  /** The person whose language a chat has: in a direct message the only one, in a group the last who called the bot. */
  readonly #chats = new Map<string, string>();

  constructor(db: Database, settings: LanguageSettings, log: Logger) {
    this.#db = db;
    this.#settings = settings;
    this.#log = log;
  }

  /** What the last run has stored; resolves when every language that may be needed at once is read. */
  async load(): Promise<void> {
    for (const row of this.#db.all('SELECT platform, person_id, chat_id, code, chosen FROM languages')) {
      const person = personKey(String(row['platform']), String(row['person_id']));
      const chat = textOf(row['chat_id']);
      this.#kept.set(person, {
        code: languageOf(textOf(row['code'])),
        chosen: readLanguage(textOf(row['chosen']) ?? ''),
        chat,
      });
      if (chat !== undefined) this.#chats.set(personKey(String(row['platform']), chat), person);
    }
    const used = new Set<Language>(this.#settings.language().used);
    for (const known of this.#kept.values()) used.add(languageFor(known, 'auto'));
    await Promise.all([...used].map((language) => this.#ready(language)));
  }

  /** A person wrote: from now on their chat is answered in their language. A promise where that has to be read first. */
  heard(
    message: Pick<InboundMessage, 'chat' | 'chatKind' | 'sender' | 'language'>,
  ): Promise<void> | undefined {
    const { chat, chatKind, sender } = message;
    const key = personKey(chat.platform, sender.id);
    const code = languageOf(message.language);
    const known = this.#known(key);
    if (code !== undefined && known?.code !== code)
      remember(this.#people, key, { ...(known ?? NOTHING), code });
    if (chatKind === 'dm' && this.#known(key) !== undefined)
      remember(this.#chats, personKey(chat.platform, chat.chatId), key);
    const language = this.of(chat, sender);
    return isLoaded(language) ? undefined : this.#ready(language);
  }

  /**
   * A person who has access wrote: their language is known after a restart, and a group that they call the bot in has it.
   * Never rejects.
   */
  async keep(message: Pick<InboundMessage, 'chat' | 'chatKind' | 'sender' | 'mentioned'>): Promise<void> {
    const { platform, chatId } = message.chat;
    const key = personKey(platform, message.sender.id);
    const known = this.#known(key);
    if (known === undefined) return;
    if (message.chatKind === 'group' && message.mentioned)
      remember(this.#chats, personKey(platform, chatId), key);
    const before = this.#kept.get(key);
    const { code, chosen } = known;
    const chat = message.chatKind === 'dm' ? chatId : before?.chat;
    this.#people.delete(key);
    if (before !== undefined && before.code === code && before.chosen === chosen && before.chat === chat)
      return;
    const kept: Kept = { code, chosen, chat };
    this.#kept.set(key, kept);
    await this.#db
      .write((tx) =>
        tx.run(
          'INSERT OR REPLACE INTO languages (platform, person_id, chat_id, code, chosen) VALUES (?,?,?,?,?)',
          [platform, message.sender.id, chat ?? null, code ?? null, chosen ?? null],
        ),
      )
      .catch((error: unknown) => {
        this.#log.warn('the language of a person was not stored', { error: messageOf(error) });
        // Their next message tries again.
        if (this.#kept.get(key) !== kept) return;
        remember(this.#people, key, known);
        if (before === undefined) this.#kept.delete(key);
        else this.#kept.set(key, before);
      });
  }

  /** The language of a person in a chat; without a person that of the chat. */
  of(chat: Pick<ChatRef, 'platform' | 'chatId'>, person?: Pick<Sender, 'id'>): Language {
    const key =
      person === undefined
        ? this.#chats.get(personKey(chat.platform, chat.chatId))
        : personKey(chat.platform, person.id);
    const known = key === undefined ? undefined : this.#known(key);
    const language = languageFor(known, this.#settings.language(chat).setting);
    if (!isLoaded(language)) void this.#ready(language);
    return language;
  }

  /** What this person has chosen. */
  chosen({ chat, sender }: Pick<InboundMessage, 'chat' | 'sender'>): LanguageSetting | undefined {
    return this.#known(personKey(chat.platform, sender.id))?.chosen;
  }

  /** The person's own choice; resolves when it is stored and its language is read. */
  async choose(
    message: Pick<InboundMessage, 'chat' | 'chatKind' | 'sender' | 'language' | 'mentioned'>,
    chosen: LanguageSetting,
  ): Promise<void> {
    const key = personKey(message.chat.platform, message.sender.id);
    remember(this.#people, key, { ...(this.#known(key) ?? NOTHING), chosen });
    await this.heard(message);
    await this.keep(message);
  }

  /** Nothing is known about these people anymore. */
  forget(platform: string, ids: readonly string[]): void {
    for (const id of ids) {
      this.#people.delete(personKey(platform, id));
      this.#kept.delete(personKey(platform, id));
    }
  }

  /** What they said last comes before what is stored of it. */
  #known(key: string): Known | undefined {
    return this.#people.get(key) ?? this.#kept.get(key);
  }

  async #ready(language: Language): Promise<void> {
    await loadCatalogue(language).catch((error: unknown) =>
      this.#log.error('a language could not be read, so English is used', {
        language,
        error: messageOf(error),
      }),
    );
  }
}

function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= MOST) return;
  const [oldest] = map.keys();
  if (oldest !== undefined) map.delete(oldest);
}

function personKey(platform: string, id: string): string {
  return JSON.stringify([platform, id]);
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
