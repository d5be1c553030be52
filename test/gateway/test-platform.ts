import type { DeliveryError } from '../../src/base/errors.ts';
import type { Part, SendRequest } from '../../src/gateway/adapter.ts';
import type { ChatRef } from '../../src/gateway/model.ts';

/** One message as people in the chat see it. */
export interface ShownMessage {
  readonly id: string;
  readonly chat: ChatRef;
  readonly request: SendRequest;
  text: string;
  file: string | undefined;
  edits: number;
  deleted: boolean;
  readonly at: number;
}

/** What happens to the next calls of a kind. */
export interface Fault {
  readonly on: 'send' | 'edit' | 'delete' | 'typing';
  readonly error?: DeliveryError | Error;
  /** It happens all the same, and only the caller does not learn it. */
  readonly happens?: boolean;
  /** The call takes this long; Infinity: it never comes back. */
  readonly ms?: number;
  /** Which calls; default every one of the kind. */
  readonly when?: (what: { readonly text: string; readonly chat: ChatRef }) => boolean;
  /** How many calls; default 1. */
  readonly times?: number;
}

/** The other side of an adapter: what stands in its chats, and how it misbehaves. It outlives the gateway. */
export class TestPlatform {
  readonly messages: ShownMessage[] = [];
  readonly calls: { readonly on: Fault['on']; readonly text: string; readonly at: number }[] = [];
  /** Edits that happened. */
  readonly changes: { readonly id: string; readonly part: Part }[] = [];
  readonly #faults: { readonly fault: Fault; left: number }[] = [];
  readonly #keys = new Map<string, ShownMessage>();
  #ids = 0;
  /** Sends with a key that it has seen before are the same message. */
  idempotent = false;

  /** The next calls of a kind misbehave. */
  fault(fault: Fault): void {
    this.#faults.push({ fault, left: fault.times ?? 1 });
  }

  /** Texts that stand in a chat now, in order. */
  texts(chat: Partial<ChatRef> = {}): string[] {
    return this.shown(chat).map(({ text }) => text);
  }

  shown(chat: Partial<ChatRef> = {}): ShownMessage[] {
    return this.messages.filter(
      (message) =>
        !message.deleted &&
        (chat.chatId === undefined || message.chat.chatId === chat.chatId) &&
        (chat.threadId === undefined || message.chat.threadId === chat.threadId),
    );
  }

  /** Calls of a kind so far. */
  count(on: Fault['on']): number {
    return this.calls.filter((call) => call.on === on).length;
  }

  async send(request: SendRequest): Promise<string> {
    const { chat, part } = request;
    let early: ShownMessage | undefined;
    await this.#meet('send', part.text, chat, () => {
      early = this.#show(request);
    });
    return (early ?? this.#shownAs(request) ?? this.#show(request)).id;
  }

  async edit(chat: ChatRef, id: string, part: Part): Promise<void> {
    const change = (): void => {
      const message = this.messages.find((each) => each.id === id);
      if (message === undefined) return;
      message.text = part.text;
      this.changes.push({ id, part });
      message.edits += 1;
    };
    await this.#meet('edit', part.text, chat, change);
    change();
  }

  async delete(chat: ChatRef, id: string): Promise<void> {
    const change = (): void => {
      const message = this.messages.find((each) => each.id === id);
      if (message !== undefined) message.deleted = true;
    };
    await this.#meet('delete', id, chat, change);
    change();
  }

  async typing(chat: ChatRef, on: boolean): Promise<void> {
    await this.#meet('typing', String(on), chat, () => {});
  }

  async #meet(on: Fault['on'], text: string, chat: ChatRef, happen: () => void): Promise<void> {
    this.calls.push({ on, text, at: Date.now() });
    const entry = this.#faults.find(
      ({ fault, left }) => left > 0 && fault.on === on && (fault.when?.({ text, chat }) ?? true),
    );
    if (entry === undefined) return;
    entry.left -= 1;
    const { ms, happens, error } = entry.fault;
    if (happens) happen();
    if (ms === Number.POSITIVE_INFINITY) await new Promise(() => {});
    if (ms !== undefined) await new Promise((resolve) => setTimeout(resolve, ms));
    if (error !== undefined) throw error;
  }

  #shownAs(request: SendRequest): ShownMessage | undefined {
    return this.idempotent ? this.#keys.get(request.idempotencyKey) : undefined;
  }

  #show(request: SendRequest): ShownMessage {
    const known = this.#shownAs(request);
    if (known !== undefined) return known;
    this.#ids += 1;
    const message: ShownMessage = {
      id: `p${this.#ids}`,
      chat: request.chat,
      request,
      text: request.part.text,
      file: request.part.attachment?.path,
      edits: 0,
      deleted: false,
      at: Date.now(),
    };
    this.messages.push(message);
    this.#keys.set(request.idempotencyKey, message);
    return message;
  }
}
