import type {
  Adapter,
  AdapterCheck,
  AdapterHost,
  Capabilities,
  Part,
  SendReceipt,
  SendRequest,
} from '../../gateway/adapter.ts';
import { DeliveryError } from '../../gateway/errors.ts';
import type { Attachment, ChatRef } from '../../gateway/model.ts';
import { attachmentUnavailable } from '../kit/download.ts';
import { HealthTracker } from '../kit/health-tracker.ts';
import { Intake } from '../kit/intake.ts';
import { scrubbedLogger, scrubber } from '../kit/scrub.ts';
import { formatDiscord } from '../text/discord.ts';
import { CatchUp } from './catch-up.ts';
import { ChannelBook } from './channels.ts';
import { checkSettings } from './check.ts';
import { type ConnectionTuning, DiscordConnection } from './connection.ts';
import { EventTaker } from './events.ts';
import { fetchFile } from './files.ts';
import { WaitingInteractions } from './interactions.ts';
import { Outbound } from './outbound.ts';
import { DiscordRest } from './rest.ts';
import { SeenMarks } from './seen-marks.ts';
import type { DiscordSettings } from './settings.ts';

export type DiscordTuning = ConnectionTuning;

/** Everything that exists between `start` and `stop`. */
interface Running {
  readonly rest: DiscordRest;
  readonly intake: Intake;
  readonly marks: SeenMarks;
  readonly outbound: Outbound;
  readonly connection: DiscordConnection;
  readonly stopped: AbortController;
}

export class DiscordAdapter implements Adapter {
  readonly platform = 'discord';
  readonly capabilities: Capabilities = {
    edit: true,
    delete: true,
    typing: true,
    threads: true,
    reactions: false,
    attachmentsIn: true,
    attachmentsOut: true,
    buttons: true,
    streamsEvents: false,
    textLimit: 2000,
    textUnit: 'utf16',
    editIntervalMs: 1200,
    typingRefreshMs: 8000,
    bangCommands: false,
    idempotentSend: true,
  };
  readonly #settings: DiscordSettings;
  readonly #tuning: DiscordTuning;
  #running: Running | undefined;

  constructor(settings: DiscordSettings, tuning: DiscordTuning = {}) {
    this.#settings = settings;
    this.#tuning = tuning;
  }

  async start(host: AdapterHost): Promise<void> {
    if (this.#running !== undefined) return;
    const { botToken: token, apiUrl } = this.#settings;
    const guildId = this.#settings.guildId === '' ? undefined : this.#settings.guildId;
    if (token !== '') host.secret(token);
    const log = scrubbedLogger(host.log, scrubber(token));
    const health = new HealthTracker((current) => host.health(current));
    const stopped = new AbortController();
    const { signal } = stopped;
    const rest = new DiscordRest(token, apiUrl, this.#settings.way);
    // Discord delivers nothing twice: a message that cannot be stored waits here for as long as it takes.
    const patienceMs = Number.POSITIVE_INFINITY;
    const intake = new Intake({ accept: (message) => host.accept(message), log, patienceMs });
    const marks = new SeenMarks(host.stateDir, log);
    const interactions = new WaitingInteractions(host.clock);
    const channels = new ChannelBook({
      rest,
      known: (id) => {
        const channel = connection.channel(id);
        return channel === undefined ? undefined : { ...channel, parentId: channel.parentId ?? undefined };
      },
    });
    const taker = new EventTaker({
      intake,
      channels,
      interactions,
      rest,
      marks,
      log,
      guildId,
      deleted: async (chat, id) => host.deleted?.(chat, id),
      refusal: (message) => host.refusal?.(message),
      ownRole: (id) => connection.ownRole(id),
      onTaken: () => health.change({ lastUpdateAt: host.clock() }),
      signal,
    });
    const catchUp = new CatchUp({ rest, log, now: host.clock, take: (raw) => taker.message(raw, false) });
    const connection: DiscordConnection = new DiscordConnection({
      ...this.#tuning,
      token,
      apiUrl,
      way: this.#settings.way,
      guildId,
      rest,
      taker,
      marks,
      catchUp,
      health,
      host,
      log,
    });
    const outbound = new Outbound({
      rest,
      interactions,
      applicationId: () => connection.applicationId,
      log,
      onUnauthorised: () => connection.refused(),
    });
    this.#running = { rest, intake, marks, outbound, connection, stopped };
    await marks.load();
    if (!signal.aborted) connection.start();
  }

  async stop(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    if (running === undefined) return;
    running.stopped.abort();
    running.intake.stop();
    await running.connection.stop();
    await running.marks.close();
    running.rest.close();
  }

  format(markdown: string): readonly Part[] {
    return formatDiscord(markdown);
  }

  send(request: SendRequest, signal: AbortSignal): Promise<SendReceipt> {
    return this.#with(signal, ({ outbound }, both) => outbound.send(request, both));
  }

  edit(chat: ChatRef, messageId: string, part: Part, signal: AbortSignal): Promise<void> {
    return this.#with(signal, ({ outbound }, both) => outbound.edit(chat, messageId, part, both));
  }

  delete(chat: ChatRef, messageId: string, signal: AbortSignal): Promise<void> {
    return this.#with(signal, ({ outbound }, both) => outbound.delete(chat, messageId, both));
  }

  async unanswered(chat: ChatRef, messageId: string): Promise<void> {
    const running = this.#running;
    if (running !== undefined) await running.outbound.unanswered(chat, messageId, running.stopped.signal);
  }

  async typing(chat: ChatRef, on: boolean): Promise<void> {
    const running = this.#running;
    if (running !== undefined) await running.outbound.typing(chat, on, running.stopped.signal);
  }

  fetchAttachment(attachment: Attachment, maxBytes: number, signal: AbortSignal): Promise<Uint8Array> {
    const running = this.#running;
    if (running === undefined)
      return Promise.reject(attachmentUnavailable(attachment.name, 'Discord is stopped'));
    const { apiUrl } = this.#settings;
    const source = { rest: running.rest, anyHost: apiUrl !== undefined && apiUrl !== '' };
    return fetchFile(source, attachment, maxBytes, AbortSignal.any([signal, running.stopped.signal]));
  }

  check(signal: AbortSignal): Promise<AdapterCheck> {
    return checkSettings(this.#settings, signal);
  }

  #with<T>(signal: AbortSignal, body: (running: Running, both: AbortSignal) => Promise<T>): Promise<T> {
    const running = this.#running;
    if (running === undefined) return Promise.reject(new DeliveryError('unreachable', 'Discord is stopped'));
    return body(running, AbortSignal.any([signal, running.stopped.signal]));
  }
}
