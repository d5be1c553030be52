/**
 * The texts of messages: whether there is one, what an edit or a deletion makes of them, and how much of them the gateway
 * holds and keeps.
 */
import type { TextBudget } from '../config/settings.ts';
import { type ChatText, recognized, say } from '../language/chat-text.ts';
import { type ChatRef, chatKey, type InboundMessage } from '../model.ts';
import type { OutboundRow } from '../send/outbound.ts';

/** Is there anything in the message for an agent to read? */
function hasContent({ text, attachments, forwardedFrom, replyTo, above }: InboundMessage): boolean {
  return (
    text.trim() !== '' ||
    (attachments?.length ?? 0) > 0 ||
    (above?.length ?? 0) > 0 ||
    [forwardedFrom, replyTo].some(
      (each) => (each?.text ?? '').trim() !== '' || (each?.attachments?.length ?? 0) > 0,
    )
  );
}

/**
 * What a message without anything to read is answered with, so that the agent is not asked about nothing; undefined
 * for every other message. `silent`: nothing is sent, because the message was not meant for the bot.
 */
export function wordlessAnswer(message: InboundMessage): { readonly text: ChatText } | 'silent' | undefined {
  if (hasContent(message)) return undefined;
  if (message.chatKind === 'group' && !message.mentioned) return 'silent';
  if (message.unreadable !== undefined)
    return { text: say('receive.unreadable', { what: recognized(message.unreadable, 'thing.') }) };
  return {
    text: message.chatKind === 'group' ? say('receive.emptyMention') : say('receive.empty'),
  };
}

/** Texts of pieces as one: each on lines of its own, unless the one before was cut in the middle of a line. */
export function joinedText(pieces: NonNullable<InboundMessage['joinedFrom']>): string {
  return pieces
    .filter(({ text }) => text !== '')
    .map(({ text, cut }, i, all) => (i === all.length - 1 || cut === true ? text : `${text}\n`))
    .join('');
}

/** The message after an edit of itself or of one of the pieces it was joined from; undefined: the edit is not about it. */
export function editedMessage(
  message: InboundMessage,
  messageId: string,
  text: string,
): InboundMessage | undefined {
  const { joinedFrom } = message;
  if (joinedFrom === undefined)
    return message.messageId === messageId ? { ...message, text, revised: true } : undefined;
  if (!joinedFrom.some((piece) => piece.messageId === messageId)) return undefined;
  const pieces = joinedFrom.map((piece) => (piece.messageId === messageId ? { ...piece, text } : piece));
  return {
    ...message,
    revised: true,
    joinedFrom: pieces,
    text: joinedText(pieces),
  };
}

/** What the message, or that piece of it, says. Undefined: it is none of it. */
export function textOf(message: InboundMessage, messageId: string): string | undefined {
  if (message.joinedFrom === undefined) return message.messageId === messageId ? message.text : undefined;
  return message.joinedFrom.find((piece) => piece.messageId === messageId)?.text;
}

/** The message after one of its pieces was deleted; `nothing` when it was all of it, undefined when it was none. */
export function withoutPiece(
  message: InboundMessage,
  messageId: string,
): InboundMessage | 'nothing' | undefined {
  if (textOf(message, messageId) === undefined) return undefined;
  const { joinedFrom = [], attachments = [] } = message;
  const rest = joinedFrom.filter((piece) => piece.messageId !== messageId);
  if (rest.length === 0) return 'nothing';
  // The files of the pieces are in the order of the pieces.
  let at = 0;
  const kept = joinedFrom.flatMap((piece) => {
    const files = attachments.slice(at, at + (piece.files ?? 0));
    at += piece.files ?? 0;
    return piece.messageId === messageId ? [] : files;
  });
  const text = joinedText(rest);
  return {
    ...message,
    joinedFrom: rest,
    text,
    ...(attachments.length === 0 ? {} : { attachments: [...kept, ...attachments.slice(at)] }),
  };
}

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

/** Shorter ones are bounded by the number of rows. */
const COUNTED_CHARS = 500;

/** Texts of rows that are kept only for looking them up: says which have to go to make room. */
export class KeptTexts {
  readonly #chars = new Map<string, number>();
  readonly #limit: number;
  #total = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** One more text is kept. Returns the ids of those that are to be forgotten for it, the oldest first. */
  keep(id: string, chars: number): string[] {
    if (chars < COUNTED_CHARS) return [];
    this.#total += chars - (this.#chars.get(id) ?? 0);
    this.#chars.delete(id);
    this.#chars.set(id, chars);
    const gone: string[] = [];
    for (const [oldest, length] of this.#chars) {
      if (this.#total <= this.#limit) break;
      this.#chars.delete(oldest);
      this.#total -= length;
      gone.push(oldest);
    }
    return gone;
  }
}
