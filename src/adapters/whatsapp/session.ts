import type { proto, WAMessage } from 'baileys';
import { defined } from '../../base/defined.ts';
import { GatewayError, messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { AdapterHost } from '../../gateway/adapter.ts';
import type { InboundMessage } from '../../gateway/model.ts';
import { LruMap } from '../kit/state-file.ts';
import type { HealthTracker } from '../kit/supervisor.ts';
import { ParkedError, RetryAfterError } from '../kit/supervisor.ts';
import { bareJid, Groups, isGroup, type Person, personId, personOf } from './addresses.ts';
import {
  type Baileys,
  chosen,
  loadBaileys,
  type Socket,
  sessionFolder,
  type WhatsAppSettings,
} from './baileys.ts';
import { unwrap } from './content.ts';
import { Credentials } from './credentials.ts';
import { Intake, mapInbound } from './receive.ts';
import type { Line } from './send.ts';
import type { Taken } from './signal-gate.ts';
import { MessageStore } from './signal-gate.ts';

/** `ProtocolMessage.Type.REVOKE`; the library that names it is loaded on demand only. */
const REVOKE = 0;

interface DeletionContext {
  readonly counterpart: (jid: string) => string | undefined;
  /** A message of a group as it came. */
  readonly seen: (id: string) => proto.IWebMessageInfo | undefined;
}

/**
 * The message that its author deleted for everyone; undefined for everything else. In a group anybody can send such a
 * notice about anybody's message: it counts when it comes from the author. Pure.
 */
function deletionOf(
  { key, message }: WAMessage,
  { counterpart, seen }: DeletionContext,
): { readonly chatId: string; readonly messageId: string } | undefined {
  const protocol = unwrap(message)?.protocolMessage;
  const messageId = protocol?.key?.id;
  const remote = bareJid(key.remoteJid);
  if (protocol?.type !== REVOKE || !messageId || remote === undefined || key.fromMe) return undefined;
  const idOf = (jids: readonly (string | null | undefined)[]): string | undefined => {
    const person: Person = personOf(jids, counterpart);
    return personId(person);
  };
  if (!isGroup(remote)) {
    const chatId = idOf([remote, key.remoteJidAlt]);
    return chatId === undefined ? undefined : { chatId, messageId };
  }
  const author = idOf([seen(messageId)?.key?.participant]);
  if (author === undefined || author !== idOf([key.participant, key.participantAlt])) return undefined;
  return { chatId: remote, messageId };
}

/** Messages between their decryption and their acceptance by the gateway. */
const BUCKET = 'pending-inbound';
/** Beyond this many, new messages stay with WhatsApp until the gateway can store again. */
const MAX_WAITING = 1000;
/** Messages that were taken before their receipt are known again when baileys reports them afterwards. */
const MAX_KNOWN = 2000;
/** People whose names are remembered, for quotes of what they wrote. */
const MAX_NAMES = 2000;

interface ReceptionOptions {
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
class Receiver {
  readonly #options: ReceptionOptions;
  readonly #known = new Set<string>();
  /** By address; in memory only. */
  readonly #names = new LruMap<string, string>(MAX_NAMES);
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

  /** For the gate: what to write next to the keys. */
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
      nameOf: (jid) => this.#names.get(jid),
      now: now(),
      ...defined({ linkedAt }),
      maxAgeMs,
    });
    if (mapped.ignored === 'revoked') {
      this.#deleted(raw);
      // baileys reports it again.
      this.#remember(keyOf(raw));
    }
    if (mapped.message === undefined) {
      const level = mapped.ignored === 'too old' || mapped.ignored === 'history' ? 'info' : 'debug';
      log[level](`a message was ignored: ${mapped.ignored}`);
      return undefined;
    }
    const { sender } = mapped.message;
    for (const id of [sender.id, ...(sender.aliases ?? [])]) this.#names.set(id, sender.name);
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
  // In direct chats `participant` is empty, or names the chat again.
  return [bareJid(remoteJid), id, isGroup(bareJid(remoteJid)) ? bareJid(participant) : ''].join(' ');
}

interface LinkingOptions {
  readonly health: HealthTracker;
  readonly log: Logger;
  /** Phone number to show a pairing code for; undefined for the QR code alone. */
  readonly phone: string | undefined;
  /** How many series of QR codes are shown (one lasts about three minutes); default 5. */
  readonly maxSeries?: number;
}

/** Shows QR and pairing codes until a phone links the session, and stops asking WhatsApp for new ones at some point. */
class Linking {
  readonly #options: LinkingOptions;
  #series = 0;
  #codeFor: Socket | undefined;

  constructor(options: LinkingOptions) {
    this.#options = options;
  }

  /** A QR code to show. With a phone number a pairing code is asked for once on each connection. */
  show(qr: string, socket: Socket): void {
    const { health, log, phone } = this.#options;
    health.change({
      state: 'starting',
      detail: 'waiting for the phone to scan the QR code',
      alive: true,
      authorisation: 'unknown',
      nextTryAt: undefined,
      qr,
    });
    if (phone === undefined || this.#codeFor === socket) return;
    this.#codeFor = socket;
    socket.requestPairingCode(phone.replace(/\D/g, '')).then(
      (code) => {
        if (this.#codeFor !== socket) return;
        health.change({
          detail: 'waiting for the pairing code to be typed on the phone',
          pairingCode: `${code.slice(0, 4)}-${code.slice(4)}`,
        });
      },
      (error: unknown) => log.warn(`no pairing code: ${messageOf(error)}`),
    );
  }

  /** The phone has linked the session. */
  linked(): void {
    this.#series = 0;
    this.hide();
    this.#options.health.change({ detail: 'linked, connecting' });
  }

  /** Codes of a connection that has ended are worthless. */
  hide(): void {
    this.#codeFor = undefined;
    const { qr, pairingCode } = this.#options.health.current();
    if (qr !== undefined || pairingCode !== undefined)
      this.#options.health.change({ qr: undefined, pairingCode: undefined });
  }

  /** A series of QR codes has run out without a scan. */
  expired(): Error {
    this.#series += 1;
    if (this.#series < (this.#options.maxSeries ?? 5))
      return new RetryAfterError('the QR codes have expired, new ones follow', 1000);
    this.#series = 0;
    return new ParkedError(
      'no phone has scanned the QR code',
      'Start the WhatsApp adapter again when the phone is at hand, and scan the QR code.',
    );
  }
}

export interface OpenSession {
  readonly host: AdapterHost;
  readonly settings: WhatsAppSettings;
  readonly health: HealthTracker;
  /** The live connection, if there is one. */
  readonly line: () => Line | undefined;
  readonly load?: (() => Promise<Baileys>) | undefined;
  readonly maxQrSeries?: number | undefined;
}

const HOUR_MS = 3_600_000;

/** What outlives a connection: the keys, the messages on their way in, and what is known about chats. */
export class Session {
  readonly baileys: Baileys;
  readonly credentials: Credentials;
  readonly messages: MessageStore;
  readonly groups: Groups;
  readonly linking: Linking;
  readonly reception: Receiver;
  readonly #intake: Intake;
  readonly #options: OpenSession;

  private constructor(options: OpenSession, baileys: Baileys, credentials: Credentials) {
    const { host, settings, health, maxQrSeries } = options;
    this.#options = options;
    this.baileys = baileys;
    this.credentials = credentials;
    this.messages = new MessageStore(credentials.file, baileys, (jid) => credentials.counterpart(jid));
    this.groups = new Groups(host.clock);
    this.linking = new Linking({
      health,
      log: host.log,
      phone: chosen(settings.pairingPhone),
      ...defined({ maxSeries: maxQrSeries }),
    });
    this.#intake = new Intake({
      accept: (message) => host.accept(message),
      remove: (id) => this.reception.remove(id),
      log: host.log,
    });
    this.reception = new Receiver({
      credentials,
      intake: this.#intake,
      groups: this.groups,
      messages: this.messages,
      log: host.log,
      now: host.clock,
      maxAgeMs: (settings.maxMessageAgeHours ?? 24) * HOUR_MS,
      onMessage: (message) => this.#noticed(message),
      onDeleted: (chatId, messageId) =>
        void host.deleted?.({ platform: 'whatsapp', accountId: 'default', chatId }, messageId),
      onTaken: (raw) => this.#markRead(raw),
    });
  }

  /** Throws ParkedError when the library is not installed or the session's file is damaged. */
  static async open(options: OpenSession): Promise<Session> {
    const { host, settings, load } = options;
    const baileys = await loadBaileys(host.stateDir, load);
    const folder = sessionFolder(settings, host.stateDir);
    const credentials = await Credentials.open({
      folder,
      baileys,
      log: host.log,
      secret: (value) => host.secret(value),
    });
    const session = new Session(options, baileys, credentials);
    session.#intake.resume(session.reception.left());
    return session;
  }

  /** Stops handing messages to the gateway; what is waiting stays on disk. */
  quiesce(): void {
    this.#intake.stop();
  }

  close(): Promise<void> {
    this.#intake.stop();
    return this.credentials.close();
  }

  #noticed(message: InboundMessage): void {
    const { health, host, line } = this.#options;
    health.change({ lastUpdateAt: host.clock() });
    const socket = line()?.socket;
    if (socket !== undefined && isGroup(message.chat.chatId))
      void this.groups.learn(message.chat.chatId, socket);
  }

  /** Blue ticks, when configured: only for what the gateway holds. A failure is of no consequence. */
  #markRead(raw: WAMessage): void {
    if (this.#options.settings.readReceipts !== true) return;
    this.#options
      .line()
      ?.socket.readMessages([raw.key])
      .catch(() => undefined);
  }
}
