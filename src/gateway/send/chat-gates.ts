import { type ChatRef, chatKey, type Platform } from '../model.ts';
import { ChatGate } from './chat-gate.ts';

/** The gates of all chats that something waits for. A gate without work is forgotten. */
export class ChatGates {
  readonly #gates = new Map<string, { readonly gate: ChatGate; readonly platform: Platform }>();
  readonly #onFault: (error: unknown) => void;
  #stopped = false;

  constructor(onFault: (error: unknown) => void) {
    this.#onFault = onFault;
  }

  of(chat: ChatRef): ChatGate {
    const key = chatKey(chat);
    const known = this.#gates.get(key);
    if (known !== undefined) return known.gate;
    const gate = new ChatGate({ onIdle: () => this.#gates.delete(key), onFault: this.#onFault });
    if (this.#stopped) gate.stop();
    else this.#gates.set(key, { platform: chat.platform, gate });
    return gate;
  }

  /** True when nothing is sent to the chat and nothing waits for it. */
  idle(chat: ChatRef): boolean {
    return !this.#stopped && (this.#gates.get(chatKey(chat))?.gate.idle ?? true);
  }

  wake(chat: ChatRef): void {
    this.#gates.get(chatKey(chat))?.gate.wake();
  }

  wakeAll(platform: Platform): void {
    for (const entry of [...this.#gates.values()]) if (entry.platform === platform) entry.gate.wake();
  }

  stop(): void {
    this.#stopped = true;
    for (const { gate } of this.#gates.values()) gate.stop();
    this.#gates.clear();
  }
}
