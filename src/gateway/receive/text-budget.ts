import type { TextBudget } from '../config/settings.ts';
import { type ChatText, say } from '../language/chat-text.ts';
import { type ChatRef, chatKey, type InboundMessage } from '../model.ts';
import type { OutboundRow } from '../send/outbound-row.ts';

interface Held {
  readonly bytes: number;
  readonly keys: readonly string[];
}

/** What one more message would exceed, in the order in which it is told; undefined: there is room. */
export function overBudget(
  used: { readonly person: number; readonly chat: number; readonly total: number },
  bytes: number,
  budget: TextBudget,
): { readonly code: string; readonly say: ChatText } | undefined {
  if (bytes > budget.personBytes)
    return {
      code: 'message_too_large',
      say: say('receive.tooLong'),
    };
  if (used.person + bytes > budget.personBytes)
    return { code: 'person_budget', say: say('receive.personBudget') };
  if (used.chat + bytes > budget.chatBytes)
    return {
      code: 'chat_budget',
      say: say('receive.chatBudget'),
    };
  if (used.total + bytes > budget.totalBytes)
    return {
      code: 'total_budget',
      say: say('receive.totalBudget'),
    };
  return undefined;
}

/**
 * Text of messages that have no outcome yet, by person, by chat and in total; with answers that are not delivered yet, by
 * chat and in total, and first messages of new users that are held until the operator decides.
 */
export class TextInUse {
  readonly #held = new Map<string, Held>();
  readonly #used = new Map<string, number>();
  #total = 0;

  of(message: InboundMessage): { readonly person: number; readonly chat: number; readonly total: number } {
    const [person = '', chat = ''] = keysOf(message);
    return { person: this.#used.get(person) ?? 0, chat: this.#used.get(chat) ?? 0, total: this.#total };
  }

  hold(id: string, message: InboundMessage): void {
    this.#hold(id, { bytes: textBytes(message), keys: keysOf(message) });
  }

  /** Until it is delivered, given up or refused. */
  holdAnswer({ id, chat, parts }: Pick<OutboundRow, 'id' | 'chat' | 'parts'>): void {
    const bytes = parts.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0);
    this.#hold(answerKey(id), { bytes, keys: [chatKey(chat)] });
  }

  releaseAnswer(id: string): void {
    this.release(answerKey(id));
  }

  #hold(id: string, held: Held): void {
    this.release(id);
    this.#held.set(id, held);
    this.#total += held.bytes;
    for (const key of held.keys) this.#used.set(key, (this.#used.get(key) ?? 0) + held.bytes);
  }

  release(id: string): void {
    const held = this.#held.get(id);
    if (held === undefined) return;
    this.#held.delete(id);
    this.#total -= held.bytes;
    for (const key of held.keys) {
      const left = (this.#used.get(key) ?? 0) - held.bytes;
      if (left > 0) this.#used.set(key, left);
      else this.#used.delete(key);
    }
  }
}

/** Everything that a message makes the gateway keep, as UTF-8. */
export function textBytes(message: InboundMessage): number {
  return textsOf(message).reduce((sum, text) => sum + Buffer.byteLength(text), 0);
}

/** The texts that a message brings along: its own, and those that it refers to. */
export function textsOf({ text, replyTo, forwardedFrom, above = [] }: InboundMessage): readonly string[] {
  return [text, ...[replyTo, forwardedFrom, ...above].map((referred) => referred?.text ?? '')];
}

function answerKey(id: string): string {
  return `answer:${id}`;
}

function keysOf({
  chat,
  sender,
}: {
  readonly chat: ChatRef;
  readonly sender: InboundMessage['sender'];
}): readonly string[] {
  return [JSON.stringify(['person', chat.platform, sender.id]), chatKey(chat)];
}
