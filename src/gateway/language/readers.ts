import { messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Database } from '../../store/database.ts';
import type { ChatRef, InboundMessage, Sender } from '../model.ts';
import {
  isLoaded,
  type Language,
  type LanguageSetting,
  languageOf,
  loadCatalogue,
  readLanguage,
} from './languages.ts';

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
