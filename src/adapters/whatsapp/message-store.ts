import type { proto } from 'baileys';
import type { Baileys } from './baileys.ts';
import { bareJid, isSamePerson, personOf } from './jid.ts';
import type { SessionFile } from './session-file.ts';

const BUCKET = 'sent';
/** What a phone that could not decrypt may still ask for. Older messages are forgotten. */
const MAX_SENT = 500;
/** Messages of others are kept in memory only, to quote them. */
const MAX_SEEN = 500;

export interface StoredMessage {
  readonly jid: string;
  readonly message: proto.IMessage;
}

/**
 * The messages we sent, bounded and kept over restarts: a phone that could not decrypt one asks for it again, and
 * without it its reader sees "waiting for this message" forever. Also the last messages of others, for quotes.
 */
export class MessageStore {
  readonly #file: SessionFile;
  readonly #baileys: Baileys;
  readonly #counterpart: (jid: string) => string | undefined;
  readonly #seen = new Map<string, proto.IWebMessageInfo>();

  constructor(file: SessionFile, baileys: Baileys, counterpart: (jid: string) => string | undefined) {
    this.#file = file;
    this.#baileys = baileys;
    this.#counterpart = counterpart;
  }

  /** Keeps a message of ours under its id; resolves when it is on disk. */
  async keep(id: string, stored: StoredMessage): Promise<void> {
    const bytes = this.#baileys.proto.Message.encode(stored.message).finish();
    const value = JSON.stringify([stored.jid, Buffer.from(bytes).toString('base64')]);
    const surplus = this.#file.entries(BUCKET).slice(0, -(MAX_SENT - 1));
    await this.#file.write([
      ...surplus.map(([old]) => ({ bucket: BUCKET, id: old, value: null })),
      { bucket: BUCKET, id, value },
    ]);
  }

  /** A message of ours; only for the chat it was sent to, no matter who asks. */
  find(jid: string | null | undefined, id: string | null | undefined): proto.IMessage | undefined {
    const stored = id ? this.#read(id) : undefined;
    if (stored === undefined || !this.#isSameChat(stored.jid, jid)) return undefined;
    return this.#baileys.proto.Message.decode(Buffer.from(stored.base64, 'base64'));
  }

  /** Remembers a message of someone else. */
  see(message: proto.IWebMessageInfo): void {
    const { key } = message;
    if (!key?.id || !message.message) return;
    this.#seen.delete(key.id);
    this.#seen.set(key.id, message);
    const [oldest] = this.#seen.keys();
    if (this.#seen.size > MAX_SEEN && oldest !== undefined) this.#seen.delete(oldest);
  }

  seen(id: string): proto.IWebMessageInfo | undefined {
    return this.#seen.get(id);
  }

  #read(id: string): { readonly jid: string; readonly base64: string } | undefined {
    const value = this.#file.get(BUCKET, id);
    const [jid, base64]: unknown[] = value === undefined ? [] : JSON.parse(value);
    return typeof jid === 'string' && typeof base64 === 'string' ? { jid, base64 } : undefined;
  }

  #isSameChat(sentTo: string, jid: string | null | undefined): boolean {
    return bareJid(sentTo) === bareJid(jid) || isSamePerson(personOf([sentTo], this.#counterpart), jid);
  }
}
