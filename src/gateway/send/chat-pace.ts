import type { Clock } from '../../base/async.ts';
import { type ChatRef, chatKey } from '../model.ts';

const KEPT = 2000;

interface Times {
  restUntil: number;
  nextEditAt: number;
}

/** When a chat may be written to again: what the platform asked for, and the least time between two edits. */
export class ChatPace {
  readonly #clock: Clock;
  readonly #chats = new Map<string, Times>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The platform asked for silence in this chat. */
  rest(chat: ChatRef, ms: number): void {
    const times = this.#of(chat);
    times.restUntil = Math.max(times.restUntil, this.#clock() + ms);
  }

  /** A draft was just written or edited; the next edit of any draft there has to wait. */
  edited(chat: ChatRef, intervalMs: number): void {
    this.#of(chat).nextEditAt = this.#clock() + intervalMs;
  }

  /** How long everything for this chat has to wait. */
  restMs(chat: ChatRef): number {
    return Math.max(0, (this.#chats.get(chatKey(chat))?.restUntil ?? 0) - this.#clock());
  }

  /** How long the next edit of a draft has to wait. */
  editMs(chat: ChatRef): number {
    const times = this.#chats.get(chatKey(chat));
    if (times === undefined) return 0;
    return Math.max(0, Math.max(times.restUntil, times.nextEditAt) - this.#clock());
  }

  #of(chat: ChatRef): Times {
    const key = chatKey(chat);
    let times = this.#chats.get(key);
    if (times === undefined) {
      if (this.#chats.size >= KEPT) this.#forgetPast();
      times = { restUntil: 0, nextEditAt: 0 };
      this.#chats.set(key, times);
    }
    return times;
  }

  #forgetPast(): void {
    const now = this.#clock();
    for (const [key, { restUntil, nextEditAt }] of this.#chats)
      if (restUntil <= now && nextEditAt <= now) this.#chats.delete(key);
  }
}
