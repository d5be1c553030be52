import type { InboundMessage } from '../model.ts';
import type { SessionRecord } from '../sessions/sessions.ts';
import type { InboxItem } from './inbox.ts';
import { joinedText } from './message-text.ts';

const BURST = {
  /** Pieces of one pasted text or of one album that arrive within this time are one message. */
  gapMs: 600,
  /** Anyone who goes on pasting is not waited for forever. */
  longestMs: 5000,
  pieces: 30,
} as const;

/** A text this close to the platform's limit was probably cut by it, and more follows. */
const NEARLY_FULL = 0.9;

interface Burst {
  readonly session: SessionRecord;
  readonly items: InboxItem[];
  readonly textLimit: number;
  /** No piece is waited for beyond this. */
  readonly longest: NodeJS.Timeout;
  timer: NodeJS.Timeout | undefined;
}

/**
 * Joins what the platform took apart. Only a message that looks like a piece waits: everything else passes at once.
 * The pieces are durable already; they become one with the first mark that the queue stores.
 */
export class Bursts {
  readonly #bursts = new Map<string, Burst>();
  readonly #handOver: (item: InboxItem, session: SessionRecord) => void;

  constructor(handOver: (item: InboxItem, session: SessionRecord) => void) {
    this.#handOver = handOver;
  }

  /** Does this message pass at once? `textLimit` is the platform's own limit of one message. */
  passes({ text, albumId, sender }: InboundMessage, session: SessionRecord, textLimit: number): boolean {
    return !this.#bursts.has(keyOf(session.id, sender.id)) && !isPiece({ text, albumId }, textLimit);
  }

  add(item: InboxItem, session: SessionRecord, textLimit: number): void {
    const key = keyOf(session.id, item.message.sender.id);
    let burst = this.#bursts.get(key);
    if (burst === undefined) {
      if (!isPiece(item.message, textLimit)) {
        this.#handOver(item, session);
        return;
      }
      burst = {
        session,
        items: [],
        textLimit,
        longest: setTimeout(() => this.#close(key), BURST.longestMs),
        timer: undefined,
      };
      this.#bursts.set(key, burst);
    }
    burst.items.push(item);
    clearTimeout(burst.timer);
    if (burst.items.length >= BURST.pieces) this.#close(key);
    else burst.timer = setTimeout(() => this.#close(key), BURST.gapMs);
  }

  /** Hands over what a sender has begun: something follows that must not overtake it. */
  flush(sessionId: string, senderId: string): void {
    this.#close(keyOf(sessionId, senderId));
  }

  /** Hands over the burst that a message is a piece of. */
  flushWith(messageId: string): void {
    for (const [key, { items }] of [...this.#bursts])
      if (items.some((item) => item.message.messageId === messageId)) this.#close(key);
  }

  /** Hands over everything now. */
  flushAll(): void {
    for (const key of [...this.#bursts.keys()]) this.#close(key);
  }

  #close(key: string): void {
    const burst = this.#bursts.get(key);
    if (burst === undefined) return;
    this.#bursts.delete(key);
    clearTimeout(burst.timer);
    clearTimeout(burst.longest);
    const joined = joinPieces(burst.items, burst.textLimit);
    if (joined !== undefined) this.#handOver(joined, burst.session);
  }
}

const keyOf = (sessionId: string, senderId: string): string => JSON.stringify([sessionId, senderId]);

function isPiece({ albumId, text }: Pick<InboundMessage, 'albumId' | 'text'>, textLimit: number): boolean {
  return albumId !== undefined || text.length >= textLimit * NEARLY_FULL;
}

/** One message out of its pieces: texts as they were cut, attachments in order, the first one's identity. */
function joinPieces(items: readonly InboxItem[], textLimit: number): InboxItem | undefined {
  const [first, ...rest] = items;
  if (first === undefined || rest.length === 0) return first;
  // A piece that is full to the last character was cut wherever that was; a shorter one at the end of a line.
  const joinedFrom = items.map(({ message: { messageId, text, albumId, attachments: files } }) => ({
    messageId,
    text,
    files: files?.length ?? 0,
    ...(albumId === undefined && text.length >= textLimit ? { cut: true } : {}),
  }));
  const attachments = items.flatMap((item) => item.message.attachments ?? []);
  return {
    ...first,
    pieces: rest.map((item) => item.id),
    message: {
      ...first.message,
      text: joinedText(joinedFrom),
      joinedFrom,
      mentioned: items.some((item) => item.message.mentioned),
      ...(attachments.length === 0 ? {} : { attachments }),
    },
  };
}
