import { messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { chatKey, type InboundMessage } from '../../gateway/model.ts';

export interface IntakeOptions {
  readonly accept: (message: InboundMessage) => Promise<void>;
  /** Takes a message off the disk once the gateway has it. */
  readonly remove: (id: string) => Promise<void>;
  readonly log: Logger;
  /** First delay before a refused message is offered again; default 250 ms, doubling up to 30 s. */
  readonly retryMs?: number;
}

interface Waiting {
  readonly id: string;
  readonly message: InboundMessage;
}

const MAX_RETRY_MS = 30_000;

/**
 * Hands messages that are already on disk to the gateway. One that the gateway cannot take now (disk full) is offered
 * again; it delays later ones of its chat, never those of other chats.
 */
export class Intake {
  readonly #options: IntakeOptions;
  readonly #waiting = new Map<string, Waiting[]>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #count = 0;
  #stopped = false;

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  /** How many messages wait. */
  get waiting(): number {
    return this.#count;
  }

  /** Offers what an earlier run left on disk, oldest first. */
  resume(left: Iterable<readonly [id: string, message: InboundMessage]>): void {
    for (const [id, message] of left) this.#wait(chatKey(message.chat), { id, message });
    for (const key of this.#waiting.keys()) void this.#drain(key, 1);
  }

  /** Never rejects. Resolves when the gateway has the message, or when it has refused and the message waits. */
  async offer(id: string, message: InboundMessage): Promise<void> {
    const key = chatKey(message.chat);
    if (this.#stopped || this.#waiting.has(key)) return this.#wait(key, { id, message });
    try {
      await this.#options.accept(message);
    } catch (error) {
      this.#options.log.warn(`a message could not be stored and waits: ${messageOf(error)}`);
      this.#wait(key, { id, message });
      this.#retryLater(key, 1);
      return;
    }
    void this.#remove(id);
  }

  /** Ends the retries. What waits stays on disk for the next start. */
  stop(): void {
    this.#stopped = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  #wait(key: string, entry: Waiting): void {
    this.#waiting.set(key, [...(this.#waiting.get(key) ?? []), entry]);
    this.#count += 1;
  }

  #retryLater(key: string, attempt: number): void {
    if (this.#stopped) return;
    const delay = Math.min(MAX_RETRY_MS, (this.#options.retryMs ?? 250) * 2 ** Math.min(attempt - 1, 20));
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      void this.#drain(key, attempt);
    }, delay);
    this.#timers.add(timer);
  }

  async #drain(key: string, attempt: number): Promise<void> {
    for (let head = this.#waiting.get(key)?.[0]; head !== undefined; head = this.#waiting.get(key)?.[0]) {
      if (this.#stopped) return;
      try {
        await this.#options.accept(head.message);
      } catch {
        this.#retryLater(key, attempt + 1);
        return;
      }
      void this.#remove(head.id);
      this.#count -= 1;
      const rest = (this.#waiting.get(key) ?? []).slice(1);
      if (rest.length === 0) this.#waiting.delete(key);
      else this.#waiting.set(key, rest);
    }
  }

  async #remove(id: string): Promise<void> {
    try {
      await this.#options.remove(id);
    } catch (error) {
      // Offered again after a restart; the gateway knows it by its identity.
      this.#options.log.warn(`a message could not be taken off the session file: ${messageOf(error)}`);
    }
  }
}
