import type { WAMessage } from 'baileys';
import { GatewayError, messageOf } from '../../gateway/errors.ts';
import type { Logger } from '../../gateway/log.ts';
import type { InboundMessage } from '../../gateway/model.ts';
import type { Credentials } from './credentials.ts';
import { deletionOf } from './deletion.ts';
import type { Groups } from './groups.ts';
import { mapInbound } from './inbound.ts';
import type { Intake } from './intake.ts';
import { bareJid, isGroup, personOf } from './jid.ts';
import type { MessageStore } from './message-store.ts';
import type { Taken } from './signal-gate.ts';

/** Messages between their decryption and their acceptance by the gateway. */
const BUCKET = 'pending-inbound';
/** Beyond this many, new messages stay with WhatsApp until the gateway can store again. */
const MAX_WAITING = 1000;
/** Messages that were taken before their receipt are known again when baileys reports them afterwards. */
const MAX_KNOWN = 2000;

export interface ReceptionOptions {
  readonly credentials: Credentials;
  readonly intake: Intake;
  readonly groups: Groups;
  readonly messages: MessageStore;
  readonly log: Logger;
  readonly now: () => number;
  readonly maxAgeMs: number;
  /** Every message of a person, answered or not. */
  readonly onMessage: (message: InboundMessage) => void;
  /** Its author deleted a message. */
  readonly onDeleted: (chatId: string, messageId: string) => void;
  /** After the gateway has the message, or keeps it waiting. */
  readonly onTaken: (raw: WAMessage) => void;
}

/** Turns what baileys decrypts into messages for the gateway, each of them durable from the first moment. */
export class Reception {
  readonly #options: ReceptionOptions;
  readonly #known = new Set<string>();
  #sequence: number;

  constructor(options: ReceptionOptions) {
    this.#options = options;
    const left = this.left();
    this.#sequence = Math.max(0, ...left.map(([id]) => Number(id)));
  }

  /** What an earlier run left on disk, oldest first. */
  left(): [id: string, message: InboundMessage][] {
    const entries = this.#options.credentials.file.entries(BUCKET);
    // Written by `take` below, behind the file's checksum.
    return entries.sort().map(([id, value]) => [id, JSON.parse(value) as InboundMessage]);
  }

  /** For the gate: what to write beside the keys. */
  take(raw: WAMessage): Taken | undefined {
    const message = this.#map(raw);
    if (message === undefined) return undefined;
    if (this.#options.intake.waiting >= MAX_WAITING)
      throw new GatewayError('waiting_full', 'too many messages are waiting to be stored');
    const id = this.#nextId();
    return { bucket: BUCKET, id, value: message, stored: () => this.#stored(id, raw, message) };
  }

  /** For messages that baileys reports without having decrypted them here (asked for again at the phone). */
  async upsert(raws: readonly WAMessage[]): Promise<void> {
    for (const raw of raws) {
      if (this.#known.has(keyOf(raw))) continue;
      const message = this.#map(raw);
      if (message === undefined) continue;
      const id = this.#nextId();
      try {
        await this.#options.credentials.file.write([{ bucket: BUCKET, id, value: JSON.stringify(message) }]);
      } catch (error) {
        this.#options.log.error(`a message could not be kept: ${messageOf(error)}`);
        continue;
      }
      await this.#stored(id, raw, message);
    }
  }

  async remove(id: string): Promise<void> {
    await this.#options.credentials.file.write([{ bucket: BUCKET, id, value: null }]);
  }

  async #stored(id: string, raw: WAMessage, message: InboundMessage): Promise<void> {
    this.#remember(keyOf(raw));
    await this.#options.intake.offer(id, message);
    this.#options.onTaken(raw);
  }

  #map(raw: WAMessage): InboundMessage | undefined {
    const { credentials, groups, messages, log, now, maxAgeMs } = this.#options;
    const { linkedAt } = credentials;
    const { me } = credentials.creds;
    const mapped = mapInbound(raw, {
      me: personOf([me?.lid, me?.id]),
      counterpart: (jid) => credentials.counterpart(jid),
      groupName: (jid) => groups.name(jid),
      now: now(),
      ...(linkedAt === undefined ? {} : { linkedAt }),
      maxAgeMs,
    });
    if (mapped.ignored === 'revoked') {
      this.#deleted(raw);
      // baileys reports it once more.
      this.#remember(keyOf(raw));
    }
    if (mapped.message === undefined) {
      const level = mapped.ignored === 'too old' || mapped.ignored === 'history' ? 'info' : 'debug';
      log[level](`a message was ignored: ${mapped.ignored}`);
      return undefined;
    }
    if (isGroup(mapped.message.chat.chatId)) messages.see(raw);
    this.#options.onMessage(mapped.message);
    return mapped.message;
  }

  #deleted(raw: WAMessage): void {
    const { credentials, messages, onDeleted } = this.#options;
    const deletion = deletionOf(raw, {
      counterpart: (jid) => credentials.counterpart(jid),
      seen: (id) => messages.seen(id),
    });
    if (deletion !== undefined) onDeleted(deletion.chatId, deletion.messageId);
  }

  #nextId(): string {
    this.#sequence += 1;
    // Padded, so that the order of ids is the order of arrival.
    return String(this.#sequence).padStart(12, '0');
  }

  #remember(key: string): void {
    this.#known.add(key);
    const [oldest] = this.#known;
    if (this.#known.size > MAX_KNOWN && oldest !== undefined) this.#known.delete(oldest);
  }
}

function keyOf(raw: WAMessage): string {
  const { remoteJid, id, participant } = raw.key;
  // In direct chats `participant` is empty, or names the chat once more.
  return [bareJid(remoteJid), id, isGroup(bareJid(remoteJid)) ? bareJid(participant) : ''].join(' ');
}
