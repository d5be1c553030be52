import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { chatKey } from '../../gateway/model.ts';
import type { Intake } from '../kit/intake.ts';
import { LruMap } from '../kit/lru.ts';
import { readState, writeState } from '../kit/state-file.ts';
import type { OwnName } from './contents.ts';
import { readUpdate } from './receive.ts';
import { UpdateId } from './wire.ts';

interface UpdateTakerOptions {
  readonly intake: Intake;
  readonly migrations: Migrations;
  readonly log: Logger;
  /** A message of the update is durable. */
  readonly onTaken: () => void;
  /** A button was pressed: Telegram shows a clock on it until it is answered. */
  readonly onButton: (callbackId: string) => void;
}

/** Makes updates durable, whatever way they came. */
export class UpdateTaker {
  readonly #options: UpdateTakerOptions;
  /** Names of topics, by their chats. */
  readonly #topics = new LruMap<string, string>(1000);
  readonly #inHand = new Map<number, Promise<boolean>>();
  /** Known after login; nothing can be taken before. */
  own: OwnName | undefined;

  constructor(options: UpdateTakerOptions) {
    this.#options = options;
  }

  /**
   * Resolves with true once the update is durable or knowingly ignored, with false when it was not accepted and has to
   * come again. Never rejects. An update that is in hand already is joined, not taken twice.
   */
  take(raw: unknown): Promise<boolean> {
    if (!Value.Check(UpdateId, raw)) {
      this.#options.log.warn('skipped an update without an id');
      return Promise.resolve(true);
    }
    const id = raw.update_id;
    const running = this.#inHand.get(id);
    if (running !== undefined) return running;
    const taking = this.#take(raw)
      .catch((error: unknown) => {
        this.#options.log.error(`update ${id} was not taken: ${messageOf(error)}`);
        return false;
      })
      .finally(() => this.#inHand.delete(id));
    this.#inHand.set(id, taking);
    return taking;
  }

  async #take(raw: { readonly update_id: number }): Promise<boolean> {
    const { intake, migrations, log, onTaken, onButton } = this.#options;
    if (this.own === undefined) return false;
    const reading = readUpdate(raw, {
      own: this.own,
      knownAs: (id) => migrations.knownAs(id),
      topicName: (chat) => this.#topics.get(chatKey(chat)),
    });
    switch (reading.type) {
      case 'ignored':
        log.debug(`update ${raw.update_id} ignored: ${reading.reason}`);
        if (reading.reason === 'malformed update')
          log.warn(`skipped update ${raw.update_id}: it is malformed`);
        return true;
      case 'migrated':
        if (await migrations.record(reading.from, reading.to))
          log.info('a group became a supergroup; the gateway keeps its old id', {
            chatId: reading.from,
            newChatId: reading.to,
          });
        return true;
      case 'topic':
        this.#topics.set(chatKey(reading.chat), reading.name);
        return true;
      case 'message': {
        const { message, callbackId } = reading;
        if (message.threadName !== undefined) this.#topics.set(chatKey(message.chat), message.threadName);
        const taken = await intake.take(message.chat, () => Promise.resolve(message));
        if (!taken) return false;
        onTaken();
        if (callbackId !== undefined) onButton(callbackId);
        return true;
      }
    }
  }
}

const FILE = 'telegram-migrations.json';
const Stored = Type.Record(Type.String(), Type.String());

/**
 * A group that becomes a supergroup gets a new id. The gateway goes on knowing it by the old one, so that sessions,
 * permissions and waiting answers of the group survive; only the calls to Telegram use the new id.
 */
export class Migrations {
  /** Old id -> new id. */
  readonly #moved = new Map<string, string>();
  #folder: string | undefined;

  async load(folder: string): Promise<void> {
    this.#folder = folder;
    const stored = await readState(folder, FILE);
    if (Value.Check(Stored, stored))
      for (const [from, to] of Object.entries(stored)) this.#moved.set(from, to);
  }

  /** Resolves once it is stored. True when this was news: Telegram reports a migration in both groups. */
  async record(from: string, to: string): Promise<boolean> {
    if (from === to || this.#moved.get(from) === to) return false;
    this.#moved.set(from, to);
    if (this.#folder !== undefined) await writeState(this.#folder, FILE, Object.fromEntries(this.#moved));
    return true;
  }

  /** The id Telegram knows now. */
  current(chatId: string): string {
    return this.#moved.get(chatId) ?? chatId;
  }

  /** The id under which the gateway knows the chat. */
  knownAs(chatId: string): string {
    for (const [from, to] of this.#moved) if (to === chatId) return from;
    return chatId;
  }
}
