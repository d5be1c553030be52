import type {
  BinaryNode,
  proto,
  SignalDataSet,
  SignalKeyStoreWithTransaction,
  SignalRepositoryWithLIDStore,
  SocketConfig,
  WAMessage,
} from 'baileys';
import { bareJid, isSamePerson, personOf } from './addresses.ts';
import type { Baileys } from './baileys.ts';
import type { SessionFile } from './session-file.ts';

/** A message that is to be written together with the keys that decrypted it. */
export interface Taken {
  readonly bucket: string;
  readonly id: string;
  readonly value: unknown;
  /** Called once it is on disk and before WhatsApp hears of its receipt, which waits for it. Must not reject. */
  readonly stored: () => Promise<void>;
}

interface SignalGateOptions {
  readonly baileys: Baileys;
  /** Our own addresses as they are now. */
  readonly me: () => { readonly id: string; readonly lid: string };
  /** What to keep of a message; undefined when it is of no interest. A throw leaves it with WhatsApp. */
  readonly take: (message: WAMessage) => Taken | undefined;
}

/** No name of a key type: baileys locks those with the same mutexes. */
const ONE_LOCK = 'all signal sessions';

/**
 * One transaction at a time. baileys locks a send by our own address and a decryption by the sender's, each with a
 * cache of its own: a message that comes in while an answer to its writer is on its way would read the ratchet from
 * before the answer, and whichever is written last undoes the other. The two could never understand each other again.
 */
function lockAsOne(keys: SignalKeyStoreWithTransaction): void {
  const { transaction } = keys;
  keys.transaction = (work) => transaction(work, ONE_LOCK);
}

/**
 * Makes a message durable before baileys acknowledges it.
 *
 * baileys 7.0.0-rc14 decrypts a message, sends the delivery receipt, and emits `messages.upsert` afterwards (at start
 * up to 30 s afterwards). A crash in between loses the message: the receipt removes it from the server's queue, and the
 * Signal ratchet has moved on. The one hook in front of the receipt is the Signal repository, which the configuration
 * may replace. Here the plaintext becomes part of the transaction that stores the ratchet: one atomic record. Then the
 * gateway gets the message, and only then baileys goes on to its receipt. When the record cannot be written, the
 * ratchet stays where it was, and baileys asks the sender's phone to send again.
 */
export class SignalGate {
  readonly #options: SignalGateOptions;
  readonly #stanzas = new WeakMap<Uint8Array, BinaryNode>();

  constructor(options: SignalGateOptions) {
    this.#options = options;
  }

  /** Remembers a `message` stanza by its ciphertexts. Synchronous, so it runs before their decryption. */
  readonly stanza = (node: BinaryNode): void => {
    if (!Array.isArray(node.content)) return;
    for (const child of node.content)
      if (child.tag === 'enc' && child.content instanceof Uint8Array) this.#stanzas.set(child.content, node);
  };

  /** The configuration's `makeSignalRepository`. */
  readonly makeRepository: SocketConfig['makeSignalRepository'] = (auth, logger, lookUp) => {
    const make = this.#options.baileys.DEFAULT_CONNECTION_CONFIG.makeSignalRepository;
    const repository: SignalRepositoryWithLIDStore = make(auth, logger, lookUp);
    const { keys } = auth;
    if (!('transaction' in keys)) throw new Error('baileys offers no transactions for its keys');
    lockAsOne(keys);
    const gated = async (
      ciphertext: Uint8Array,
      lock: string,
      decrypt: () => Promise<Uint8Array>,
    ): Promise<Uint8Array> => {
      let taken: Taken | undefined;
      // The same lock as the repository's own transaction, which joins this one.
      const plaintext = await keys.transaction(async () => {
        const bytes = await decrypt();
        taken = this.#taken(ciphertext, bytes);
        if (taken !== undefined)
          await keys.set({ [taken.bucket]: { [taken.id]: taken.value } } as SignalDataSet);
        return bytes;
      }, lock);
      // After the transaction, not in it: baileys finds the current one through async context, and an answer that the
      // gateway starts right here would write its own keys into it when it has long been committed.
      await taken?.stored();
      return plaintext;
    };
    return {
      ...repository,
      decryptMessage: (options) =>
        gated(options.ciphertext, options.jid, () => repository.decryptMessage(options)),
      decryptGroupMessage: (options) =>
        gated(options.msg, options.group, () => repository.decryptGroupMessage(options)),
    };
  };

  #taken(ciphertext: Uint8Array, padded: Uint8Array): Taken | undefined {
    const node = this.#stanzas.get(ciphertext);
    if (node === undefined) return undefined;
    const { decodeMessageNode, proto, unpadRandomMax16 } = this.#options.baileys;
    const me = this.#options.me();
    const { fullMessage } = decodeMessageNode(node, me.id, me.lid);
    const message = proto.Message.decode(unpadRandomMax16(padded));
    return this.#options.take({ ...fullMessage, message });
  }
}

const BUCKET = 'sent';
/** What a phone that could not decrypt may still ask for. Older messages are forgotten. */
const MAX_SENT = 500;
/** Messages of others are kept in memory only, to quote them. */
const MAX_SEEN = 500;

interface StoredMessage {
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
