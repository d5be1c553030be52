/** Another person on WhatsApp, with a Signal identity of their own: messages are really encrypted both ways. */
import {
  type AuthenticationCreds,
  addTransactionCapability,
  type BinaryNode,
  Curve,
  DEFAULT_CONNECTION_CONFIG,
  encodeBigEndian,
  initAuthCreds,
  type KeyPair,
  proto,
  type SignalDataTypeMap,
  type SignalKeyStore,
  type SignalRepositoryWithLIDStore,
  unpadRandomMax16,
  xmppPreKey,
  xmppSignedPreKey,
} from 'baileys';
import type { BaileysLogger } from '../../../src/adapters/whatsapp/baileys.ts';
import { bytes, child, must, node, SERVER } from './nodes.ts';

export const silent: BaileysLogger = {
  level: 'silent',
  child: () => silent,
  trace() {},
  debug() {},
  info() {},
  warn() {},
  error() {},
};

function memoryStore(): SignalKeyStore {
  const values = new Map<string, unknown>();
  return {
    get: <T extends keyof SignalDataTypeMap>(type: T, ids: string[]) => {
      const found: { [id: string]: SignalDataTypeMap[T] } = {};
      for (const id of ids) {
        const value = values.get(`${type} ${id}`);
        if (value !== undefined && value !== null) found[id] = value as SignalDataTypeMap[T];
      }
      return found;
    },
    set: (data) => {
      for (const [type, entries] of Object.entries(data))
        for (const [id, value] of Object.entries(entries ?? {})) values.set(`${type} ${id}`, value);
    },
  };
}

export class RemoteUser {
  readonly name: string;
  readonly phone: string;
  readonly lid: string;
  readonly repository: SignalRepositoryWithLIDStore;
  /** When false, the server has no keys for this person's device (item-not-found). */
  reachable = true;
  readonly #creds: AuthenticationCreds;
  readonly #keys: SignalKeyStore;
  #preKeys = 0;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(name: string, phone: string, lid: string, creds: AuthenticationCreds) {
    this.name = name;
    this.phone = `${phone}@${SERVER}`;
    this.lid = `${lid}@lid`;
    this.#creds = creds;
    const keys = addTransactionCapability(memoryStore(), silent, {
      maxCommitRetries: 1,
      delayBetweenTriesMs: 1,
    });
    this.#keys = keys;
    this.repository = DEFAULT_CONNECTION_CONFIG.makeSignalRepository({ creds, keys }, silent, async () => []);
  }

  static create(name: string, phone: string, lid: string): RemoteUser {
    const creds = initAuthCreds();
    creds.me = { id: `${phone}@${SERVER}`, lid: `${lid}@lid`, name };
    return new RemoteUser(name, phone, lid, creds);
  }

  /** The server's answer about this person's keys; every answer hands out another one-time key. */
  async bundle(jid: string): Promise<BinaryNode> {
    if (!this.reachable)
      return node('user', { jid }, [node('error', { code: '404', text: 'item-not-found' })]);
    this.#preKeys += 1;
    const preKey: KeyPair = Curve.generateKeyPair();
    await this.#keys.set({ 'pre-key': { [this.#preKeys]: preKey } });
    return node('user', { jid }, [
      node('registration', {}, encodeBigEndian(this.#creds.registrationId)),
      node('type', {}, Buffer.from([5])),
      node('identity', {}, this.#creds.signedIdentityKey.public),
      xmppSignedPreKey(this.#creds.signedPreKey),
      xmppPreKey(preKey, this.#preKeys),
    ]);
  }

  /** One thing after the other, as on one phone: two at once would overwrite each other's ratchet. */
  exclusive<T>(work: () => Promise<T>): Promise<T> {
    const run = this.#turn.then(work);
    this.#turn = run.catch(() => undefined);
    return run;
  }

  /** Decrypts a direct message from `from`. */
  open(from: string, enc: BinaryNode): Promise<proto.Message> {
    return this.exclusive(() => this.#open(from, enc));
  }

  async #open(from: string, enc: BinaryNode): Promise<proto.Message> {
    const type = enc.attrs['type'] === 'pkmsg' ? 'pkmsg' : 'msg';
    const padded = await this.repository.decryptMessage({ jid: from, type, ciphertext: bytes(enc) });
    return proto.Message.decode(unpadRandomMax16(padded));
  }

  /** Whether a session with this device exists, so that no pre-key is needed. */
  async knows(jid: string): Promise<boolean> {
    return (await this.repository.validateSession(jid)).exists;
  }

  async openGroup(group: string, author: string, stanza: BinaryNode): Promise<proto.Message> {
    const enc = must(child(stanza, 'enc'), 'encrypted part');
    const padded = await this.repository.decryptGroupMessage({ group, authorJid: author, msg: bytes(enc) });
    return proto.Message.decode(unpadRandomMax16(padded));
  }
}
