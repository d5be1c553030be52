import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { pause } from '../kit/supervisor.ts';
import { DiscordFailure, type DiscordRest } from './rest.ts';
import { isLater, type SeenMark } from './seen-marks.ts';

const History = Type.Array(Type.Object({ id: Type.String() }));

const PAGE = 100;
const MAX_PAGES = 5;
/** The channels that were active last; more would cost too many requests at a start. */
const MAX_CHANNELS = 50;
/** Older messages are not worth an answer anymore; Telegram forgets them after the same time. */
const MAX_AGE_MS = 24 * 60 * 60_000;
/** First millisecond of 2015, where the time in a snowflake counts from. */
const DISCORD_EPOCH = 1_420_070_400_000n;

export interface CatchUpOptions {
  readonly rest: DiscordRest;
  readonly log: Logger;
  readonly now: () => number;
  /** Takes a message as if it had just arrived. */
  readonly take: (raw: unknown) => void;
}

/** Reads what was written while no one listened, after a login that could not resume the last session. */
export class CatchUp {
  readonly #options: CatchUpOptions;
  readonly #busy = new Map<string, Promise<void>>();

  constructor(options: CatchUpOptions) {
    this.#options = options;
  }

  /** Resolves when the channel has caught up: a live message has to wait for the ones before it. */
  gate(channelId: string): Promise<void> | undefined {
    return this.#busy.get(channelId);
  }

  /** Begins to catch up with every marked channel, the latest first, one after another. */
  start(marks: readonly SeenMark[], signal: AbortSignal): void {
    let before = Promise.resolve();
    for (const mark of marks.slice(0, MAX_CHANNELS)) {
      const work = before.then(() => this.#channel(mark, signal));
      this.#busy.set(mark.channelId, work);
      before = work.finally(() => {
        if (this.#busy.get(mark.channelId) === work) this.#busy.delete(mark.channelId);
      });
    }
  }

  /** Never rejects: a channel that cannot be read does not hold up the others. */
  async #channel(mark: SeenMark, signal: AbortSignal): Promise<void> {
    const { take, log, now } = this.#options;
    const earliest = String((BigInt(Math.floor(now() - MAX_AGE_MS)) - DISCORD_EPOCH) << 22n);
    let after = isLater(mark.messageId, earliest) ? mark.messageId : earliest;
    try {
      for (let page = 0; page < MAX_PAGES && !signal.aborted; page += 1) {
        const messages = await this.#page(mark.channelId, after, signal);
        for (const message of messages) {
          // History leaves out where it is from.
          take(mark.guildId === undefined ? message : { ...message, guild_id: mark.guildId });
          after = message.id;
        }
        if (messages.length < PAGE) return;
      }
    } catch (error) {
      if (!signal.aborted)
        log.warn(`messages written in the meantime could not be read: ${messageOf(error)}`, {
          channelId: mark.channelId,
        });
    }
  }

  /** Oldest first. Waits when Discord asks to. */
  async #page(
    channelId: string,
    after: string,
    signal: AbortSignal,
  ): Promise<readonly { readonly id: string }[]> {
    const query = new URLSearchParams({ after, limit: String(PAGE) });
    for (let attempt = 0; ; attempt += 1) {
      try {
        const history = await this.#options.rest.call('GET', `/channels/${channelId}/messages`, {
          query,
          signal,
        });
        if (!Value.Check(History, history)) return [];
        return history.toSorted((a, b) => (isLater(a.id, b.id) ? 1 : -1));
      } catch (error) {
        const mendable =
          error instanceof DiscordFailure && error.kind !== 'refused' && error.kind !== 'aborted';
        if (!mendable || attempt >= 4) throw error;
        await pause(error.retryAfterMs ?? 500 * 2 ** attempt, signal);
      }
    }
  }
}
