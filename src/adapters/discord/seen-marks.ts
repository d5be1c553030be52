import { Type } from 'typebox';
import { Value } from 'typebox/value';
import type { Logger } from '../../base/log.ts';
import { RecentEntries } from '../kit/state-file.ts';

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
 * messages for a client that is away: what came in the meantime is read from the channels' history after these marks.
 */
export class SeenMarks {
  readonly #marks: RecentEntries<SeenMark>;

  constructor(folder: string, log: Logger) {
    // Losing a mark costs reading some history twice; the inbox knows what it has.
    this.#marks = new RecentEntries({
      folder,
      name: 'discord-seen.json',
      capacity: 200,
      what: 'the marks of seen messages',
      log,
      stored: (marks) => [...marks.values()],
    });
  }

  async load(): Promise<void> {
    const stored = await this.#marks.read();
    if (Value.Check(Stored, stored)) for (const mark of stored) this.#marks.restore(mark.channelId, mark);
  }

  /** Moves the mark of a channel forward; never back. */
  advance(mark: SeenMark): void {
    const before = this.#marks.get(mark.channelId);
    if (before === undefined || isLater(mark.messageId, before.messageId))
      this.#marks.set(mark.channelId, mark);
  }

  /** The marks, the most recently active channel first. */
  all(): SeenMark[] {
    return this.#marks.values().reverse();
  }

  /** Writes what is not written yet. */
  close(): Promise<void> {
    return this.#marks.close();
  }
}

/** Snowflakes are larger than a safe integer. */
export function isLater(a: string, b: string): boolean {
  return a.length === b.length ? a > b : a.length > b.length;
}
