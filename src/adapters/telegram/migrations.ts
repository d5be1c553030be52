import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { readState, writeState } from '../kit/state-file.ts';

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
