import type { WAMessage } from 'baileys';
import type { AdapterHost } from '../../gateway/adapter.ts';
import type { InboundMessage } from '../../gateway/model.ts';
import type { HealthTracker } from '../kit/health-tracker.ts';
import { type Baileys, loadBaileys } from './baileys.ts';
import { Credentials } from './credentials.ts';
import { Groups } from './groups.ts';
import { Intake } from './intake.ts';
import { isGroup } from './jid.ts';
import { Linking } from './linking.ts';
import { MessageStore } from './message-store.ts';
import type { Line } from './outbound.ts';
import { Reception } from './reception.ts';
import { chosen, sessionFolder, type WhatsAppSettings } from './settings.ts';

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
  readonly reception: Reception;
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
      ...(maxQrSeries === undefined ? {} : { maxSeries: maxQrSeries }),
    });
    this.#intake = new Intake({
      accept: (message) => host.accept(message),
      remove: (id) => this.reception.remove(id),
      log: host.log,
    });
    this.reception = new Reception({
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

  /** Stops handing messages to the gateway; what waits stays on disk. */
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
