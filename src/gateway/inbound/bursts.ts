import type { SessionRecord } from '../conversation/sessions.ts';
import type { InboxItem } from './inbox.ts';

/** Pieces of one pasted text or of one album that arrive within this time are one message. */
export const BURST_MS = 600;

/** A text this close to the platform's limit was probably cut by it, and more follows. */
const NEARLY_FULL = 0.9;

interface Burst {
  readonly session: SessionRecord;
  readonly items: InboxItem[];
  timer: NodeJS.Timeout | undefined;
}

/**
 * Joins what the platform took apart. Only a message that looks like a piece waits: everything else passes at once.
 * The pieces are durable already; `join` makes them one durable message before it is handed over.
 */
export class Bursts {
  readonly #bursts = new Map<string, Burst>();
  readonly #handOver: (items: readonly InboxItem[], session: SessionRecord) => void;

  constructor(handOver: (items: readonly InboxItem[], session: SessionRecord) => void) {
    this.#handOver = handOver;
  }

  /** `textLimit` is the platform's own limit of one message. */
  add(item: InboxItem, session: SessionRecord, textLimit: number): void {
    const key = JSON.stringify([session.id, item.message.sender.id]);
    const open = this.#bursts.get(key);
    const piece = isPiece(item, textLimit);
    if (open === undefined && !piece) {
      this.#handOver([item], session);
      return;
    }
    const burst = open ?? { session, items: [], timer: undefined };
    this.#bursts.set(key, burst);
    burst.items.push(item);
    clearTimeout(burst.timer);
    burst.timer = setTimeout(() => this.#close(key), BURST_MS);
  }

  /** Hands over everything now (shutdown, or a command that must come after it). */
  flush(): void {
    for (const key of [...this.#bursts.keys()]) this.#close(key);
  }

  #close(key: string): void {
    const burst = this.#bursts.get(key);
    if (burst === undefined) return;
    this.#bursts.delete(key);
    clearTimeout(burst.timer);
    this.#handOver(burst.items, burst.session);
  }
}

function isPiece(item: InboxItem, textLimit: number): boolean {
  return item.message.albumId !== undefined || item.message.text.length >= textLimit * NEARLY_FULL;
}

/** One message out of its pieces: texts on lines of their own, attachments in order, the first one's identity. */
export function joinPieces(items: readonly InboxItem[]): InboxItem | undefined {
  const [first, ...rest] = items;
  if (first === undefined || rest.length === 0) return first;
  const texts = items.map((item) => item.message.text).filter((text) => text !== '');
  const attachments = items.flatMap((item) => item.message.attachments ?? []);
  return {
    ...first,
    message: {
      ...first.message,
      text: texts.join('\n'),
      ...(attachments.length === 0 ? {} : { attachments }),
    },
  };
}
