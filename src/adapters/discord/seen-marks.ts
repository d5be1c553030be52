import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { readState, writeState } from '../kit/state-file.ts';

const FILE = 'discord-seen.json';
const CAPACITY = 200;
const SAVE_AFTER_MS = 1000;

const Stored = Type.Array(
  Type.Object({
    channelId: Type.String(),
    messageId: Type.String(),
    guildId: Type.Optional(Type.String()),
  }),
);

export interface SeenMark {
  readonly channelId: string;
  /** The last message of the channel that is durable. */
  readonly messageId: string;
  readonly guildId?: string;
}

/**
 * Remembers, for the channels that were active last, up to which message everything is durable. Discord keeps no
 * messages for a client that is away: what came meanwhile is read from the channels' history after these marks.
 */
export class SeenMarks {
  readonly #marks = new Map<string, SeenMark>();
  readonly #folder: string;
  readonly #log: Logger;
  #timer: NodeJS.Timeout | undefined;
  #saving: Promise<void> = Promise.resolve();

  constructor(folder: string, log: Logger) {
    this.#folder = folder;
    this.#log = log;
  }

  async load(): Promise<void> {
    const stored = await readState(this.#folder, FILE);
    if (Value.Check(Stored, stored)) for (const mark of stored) this.#marks.set(mark.channelId, mark);
  }

  /** Moves the mark of a channel forward; never back. */
  advance(mark: SeenMark): void {
    const before = this.#marks.get(mark.channelId);
    if (before !== undefined && !isLater(mark.messageId, before.messageId)) return;
    this.#marks.delete(mark.channelId);
    this.#marks.set(mark.channelId, mark);
    for (const oldest of this.#marks.keys()) {
      if (this.#marks.size <= CAPACITY) break;
      this.#marks.delete(oldest);
    }
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#save();
    }, SAVE_AFTER_MS);
  }

  /** The marks, the most recently active channel first. */
  all(): SeenMark[] {
    return [...this.#marks.values()].reverse();
  }

  /** Writes what is not written yet. */
  async close(): Promise<void> {
    if (this.#timer !== undefined) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
      this.#save();
    }
    await this.#saving;
  }

  #save(): void {
    this.#saving = this.#saving
      .then(() => writeState(this.#folder, FILE, [...this.#marks.values()]))
      .catch((error: unknown) => {
        // Losing a mark costs reading some history twice; the inbox knows what it has.
        this.#log.warn(`the marks of seen messages could not be written: ${messageOf(error)}`);
      });
  }
}

/** Snowflakes are larger than a safe integer. */
export function isLater(a: string, b: string): boolean {
  return a.length === b.length ? a > b : a.length > b.length;
}
