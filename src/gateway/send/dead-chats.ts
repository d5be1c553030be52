import type { Clock } from '../../base/async.ts';
import { messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Database } from '../../store/database.ts';
import { type ChatRef, chatKey } from '../model.ts';

/** Chats that answered "gone" or "forbidden": nothing is sent there until they speak again, even after a restart. */
export class DeadChats {
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #keys = new Set<string>();

  constructor(db: Database, clock: Clock, log: Logger) {
    this.#db = db;
    this.#clock = clock;
    this.#log = log;
  }

  load(): void {
    for (const row of this.#db.all('SELECT key FROM dead_chats')) this.#keys.add(String(row['key']));
  }

  has(chat: ChatRef): boolean {
    return this.#keys.has(chatKey(chat));
  }

  add(chat: ChatRef): void {
    const key = chatKey(chat);
    this.#keys.add(key);
    this.#store('INSERT OR REPLACE INTO dead_chats (key, at) VALUES (?,?)', [key, this.#clock()]);
  }

  revive(chat: ChatRef): void {
    const key = chatKey(chat);
    if (!this.#keys.delete(key)) return;
    this.#store('DELETE FROM dead_chats WHERE key = ?', [key]);
  }

  /** Memory is enough until the next start: a store that does not take it costs one more attempt then. */
  #store(sql: string, params: readonly (string | number)[]): void {
    this.#db
      .write((tx) => tx.run(sql, params))
      .catch((error: unknown) =>
        this.#log.warn('a dead chat could not be noted', { error: messageOf(error) }),
      );
  }
}
