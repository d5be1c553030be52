import type { Agent } from 'node:https';
import type {
  Adapter,
  AdapterCheck,
  AdapterHost,
  Capabilities,
  Part,
  SendReceipt,
  SendRequest,
} from '../../gateway/adapter.ts';
import { GatewayError } from '../../gateway/errors.ts';
import type { Attachment, ChatRef } from '../../gateway/model.ts';
import { HealthTracker } from '../kit/health-tracker.ts';
import { Supervisor } from '../kit/supervisor.ts';
import { formatWhatsapp } from '../text/whatsapp.ts';
import type { Baileys } from './baileys.ts';
import { checkWhatsApp } from './check.ts';
import { runConnection } from './connection.ts';
import { fetchMedia } from './media.ts';
import { type Line, Outbound } from './outbound.ts';
import { Session } from './session.ts';
import { chosen, type WhatsAppSettings } from './settings.ts';

const CAPABILITIES: Capabilities = {
  edit: true,
  delete: true,
  typing: true,
  threads: false,
  reactions: false,
  attachmentsIn: true,
  attachmentsOut: true,
  buttons: false,
  streamsEvents: false,
  textLimit: 4096,
  textUnit: 'utf16',
  // Later edits are taken by the server and ignored by phones.
  editWindowMs: 15 * 60_000,
  // Every edit is a message of its own to every device of the chat; WhatsApp publishes no limit.
  editIntervalMs: 3000,
  typingRefreshMs: 10_000,
  bangCommands: false,
  // A repeat carries the same message id, but what phones make of it is not known for certain.
  idempotentSend: false,
};

/** What tests and embedding programs may replace. */
export interface WhatsAppTuning {
  readonly load?: () => Promise<Baileys>;
  /** For uploads to a server with a certificate of its own. */
  readonly uploadAgent?: Agent;
  /** How long a send waits for the server's ack; default 15 s. */
  readonly ackTimeoutMs?: number;
  /** First delay between connection attempts; default 1 s, doubling up to `maxReconnectMs` (default 60 s). */
  readonly minReconnectMs?: number;
  readonly maxReconnectMs?: number;
  /** How many series of QR codes are shown before the adapter parks; default 5. */
  readonly maxQrSeries?: number;
  /** How long one QR code is shown; default 60 s for the first of a series and 20 s for each that follows. */
  readonly qrTimeoutMs?: number;
  /** When a silent server is asked for a sign of life, and how long it has for it; default 4 s and 4.5 s. */
  readonly quietMs?: number;
  readonly answerMs?: number;
}

/** One run of the adapter, from `start` to `stop`. */
interface Run {
  readonly health: HealthTracker;
  readonly supervisor: Supervisor;
  session?: Session;
}

/** WhatsApp as a linked device, by baileys. */
export class WhatsAppAdapter implements Adapter {
  readonly platform = 'whatsapp';
  readonly capabilities = CAPABILITIES;
  readonly #settings: WhatsAppSettings;
  readonly #tuning: WhatsAppTuning;
  readonly #outbound: Outbound;
  #line: Line | undefined;
  #run: Run | undefined;

  constructor(settings: WhatsAppSettings, tuning: WhatsAppTuning = {}) {
    this.#settings = settings;
    this.#tuning = tuning;
    this.#outbound = new Outbound({
      line: () => this.#line,
      ...(tuning.ackTimeoutMs === undefined ? {} : { ackTimeoutMs: tuning.ackTimeoutMs }),
    });
  }

  async start(host: AdapterHost): Promise<void> {
    if (this.#run !== undefined) {
      if (this.#run.health.state !== 'parked') return;
      await this.stop();
    }
    const health = new HealthTracker((current) => host.health(current));
    const { minReconnectMs, maxReconnectMs } = this.#tuning;
    const supervisor = new Supervisor({
      health,
      log: host.log,
      now: host.clock,
      ...(minReconnectMs === undefined ? {} : { minDelayMs: minReconnectMs }),
      ...(maxReconnectMs === undefined ? {} : { maxDelayMs: maxReconnectMs }),
      run: (connected, signal) => this.#connect(run, host, connected, signal),
    });
    const run: Run = { health, supervisor };
    this.#run = run;
    supervisor.start();
  }

  async stop(): Promise<void> {
    const run = this.#run;
    if (run === undefined) return;
    run.session?.quiesce();
    await run.supervisor.stop();
    await run.session?.close();
    this.#run = undefined;
  }

  format(markdown: string): readonly Part[] {
    return formatWhatsapp(markdown);
  }

  send(request: SendRequest, signal: AbortSignal): Promise<SendReceipt> {
    return this.#outbound.send(request, signal);
  }

  edit(chat: ChatRef, messageId: string, part: Part, signal: AbortSignal): Promise<void> {
    return this.#outbound.edit(chat, messageId, part, signal);
  }

  delete(chat: ChatRef, messageId: string, signal: AbortSignal): Promise<void> {
    return this.#outbound.delete(chat, messageId, signal);
  }

  typing(chat: ChatRef, on: boolean): Promise<void> {
    return this.#outbound.typing(chat, on);
  }

  async fetchAttachment(attachment: Attachment, maxBytes: number, signal: AbortSignal): Promise<Uint8Array> {
    const baileys = this.#run?.session?.baileys;
    if (baileys === undefined) throw new GatewayError('adapter_stopped', 'WhatsApp is not running');
    const url = chosen(this.#settings.url);
    return fetchMedia(attachment, maxBytes, {
      baileys,
      ...(this.#settings.way === undefined ? {} : { way: this.#settings.way }),
      signal,
      ...(url === undefined ? {} : { localHost: new URL(url).hostname }),
    });
  }

  async check(signal: AbortSignal, stateDir?: string): Promise<AdapterCheck> {
    const current = this.#run?.health.current();
    if (current === undefined)
      return checkWhatsApp(this.#settings, { load: this.#tuning.load, stateDir }, signal);
    const ok = current.state === 'connected';
    const findings = ok
      ? [`Linked as ${current.account?.name ?? 'unknown'}.`]
      : [current.detail, ...(current.nextStep === undefined ? [] : [current.nextStep])];
    return { ok, findings };
  }

  async #connect(run: Run, host: AdapterHost, connected: () => void, signal: AbortSignal): Promise<void> {
    const { health } = run;
    const { load, maxQrSeries, uploadAgent, qrTimeoutMs, quietMs, answerMs } = this.#tuning;
    const settings = this.#settings;
    run.session ??= await Session.open({
      host,
      settings,
      health,
      line: () => this.#line,
      load,
      maxQrSeries,
    });
    if (signal.aborted) return;
    await runConnection(
      {
        settings,
        session: run.session,
        health,
        log: host.log,
        now: host.clock,
        onLine: (line) => {
          this.#line = line;
        },
        ...(uploadAgent === undefined ? {} : { uploadAgent }),
        ...(qrTimeoutMs === undefined ? {} : { qrTimeoutMs }),
        ...(quietMs === undefined ? {} : { quietMs }),
        ...(answerMs === undefined ? {} : { answerMs }),
      },
      connected,
      signal,
    );
  }
}
