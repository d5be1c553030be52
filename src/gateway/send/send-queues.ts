import { type ChatRef, chatKey, type Platform } from '../model.ts';
import { SendQueue } from './send-queue.ts';

/** The send queues of all chats that something waits for. A queue without work is forgotten. */
export class SendQueues {
  readonly #queues = new Map<string, { readonly queue: SendQueue; readonly platform: Platform }>();
  readonly #onFault: (error: unknown) => void;
  #stopped = false;

  constructor(onFault: (error: unknown) => void) {
    this.#onFault = onFault;
  }

  of(chat: ChatRef): SendQueue {
    const key = chatKey(chat);
    const known = this.#queues.get(key);
    if (known !== undefined) return known.queue;
    const queue = new SendQueue({ onIdle: () => this.#queues.delete(key), onFault: this.#onFault });
    if (this.#stopped) queue.stop();
    else this.#queues.set(key, { platform: chat.platform, queue });
    return queue;
  }

  /** True when nothing is sent to the chat and nothing waits for it. */
  idle(chat: ChatRef): boolean {
    return !this.#stopped && (this.#queues.get(chatKey(chat))?.queue.idle ?? true);
  }

  wake(chat: ChatRef): void {
    this.#queues.get(chatKey(chat))?.queue.wake();
  }

  wakeAll(platform: Platform): void {
    for (const entry of [...this.#queues.values()]) if (entry.platform === platform) entry.queue.wake();
  }

  stop(): void {
    this.#stopped = true;
    for (const { queue } of this.#queues.values()) queue.stop();
    this.#queues.clear();
  }
}
