import { createDecipheriv, createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { Agent } from 'node:https';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { defined } from '../../base/defined.ts';
import { GatewayError, messageOf } from '../../base/errors.ts';
import { silentLogger } from '../../base/log.ts';
import type {
  Adapter,
  AdapterCheck,
  AdapterHost,
  Capabilities,
  Part,
  SendReceipt,
  SendRequest,
} from '../../gateway/adapter.ts';
import type { Attachment, ChatRef } from '../../gateway/model.ts';
import { HealthTracker } from '../kit/health-tracker.ts';
import { Supervisor } from '../kit/supervisor.ts';
import { DIRECT, type Way } from '../kit/way.ts';
import { formatWhatsapp } from '../text/whatsapp.ts';
import { type Baileys, loadBaileys } from './baileys.ts';
import { runConnection } from './connection.ts';
import { ACCOUNT, SESSION_FILE } from './credentials.ts';
import { forgetPerson } from './forget.ts';
import { userOf } from './jid.ts';
import { type MediaRef, mediaOfRef } from './media-ref.ts';
import { type Line, Outbound } from './outbound.ts';
import { Session } from './session.ts';
import { readSessionValue } from './session-file.ts';
import { chosen, sessionFolder, WHATSAPP_URL, type WhatsAppSettings } from './settings.ts';

const MEDIA_HOST = 'https://mmg.whatsapp.net';
const OWN_HOST = /(?:^|\.)whatsapp\.net$/;

/**
 * Where a file lies. The address comes from the sender of the message, so only WhatsApp's own hosts are asked, never one
 * of the sender's choice (a machine inside the network, for instance). Undefined for any other.
 *
 * @param localHost host of a self-hosted server, trusted beside WhatsApp's own
 */
export function mediaUrl(media: Pick<MediaRef, 'path' | 'url'>, localHost?: string): URL | undefined {
  const url = parse(media);
  if (url === undefined) return undefined;
  const own = url.protocol === 'https:' && OWN_HOST.test(url.hostname);
  const local = url.hostname === localHost && /^https?:$/.test(url.protocol);
  return own || local ? url : undefined;
}

function parse({ path, url }: Pick<MediaRef, 'path' | 'url'>): URL | undefined {
  try {
    return path === undefined ? new URL(url ?? '') : new URL(path, MEDIA_HOST);
  } catch {
    return undefined;
  }
}

/** Trailing authentication code of an encrypted file. */
const MAC_BYTES = 10;
/** Padding and authentication code: an encrypted file is at most this much larger. */
const OVERHEAD_BYTES = 16 + MAC_BYTES;

/**
 * Downloads and decrypts an attachment, verifies it, and never reads more than `maxBytes` of it. baileys' own
 * downloader checks no authentication code and lets a connection that breaks in the middle end the process.
 *
 * @param localHost host of a self-hosted server (`url` of the settings), trusted beside WhatsApp's own
 */
export async function fetchMedia(
  attachment: Attachment,
  maxBytes: number,
  options: {
    readonly baileys: Baileys;
    readonly localHost?: string;
    readonly way?: Way;
    readonly signal: AbortSignal;
  },
): Promise<Uint8Array> {
  const media = mediaOfRef(attachment.ref);
  if (media === undefined) throw new GatewayError('attachment_unknown', 'the attachment is not known');
  const tooLarge = (): GatewayError =>
    new GatewayError('attachment_too_large', `the attachment is larger than ${maxBytes} bytes`);
  if ((attachment.sizeBytes ?? 0) > maxBytes) throw tooLarge();

  const url = mediaUrl(media, options.localHost);
  if (url === undefined)
    throw new GatewayError('attachment_refused', 'the attachment does not point to a WhatsApp server');
  const response = await (options.way ?? DIRECT).fetch(url, {
    headers: { Origin: 'https://web.whatsapp.com' },
    redirect: 'error',
    signal: options.signal,
  });
  if (!response.ok || response.body === null) {
    await response.body?.cancel();
    const gone = response.status === 404 || response.status === 410;
    throw new GatewayError(
      'attachment_unavailable',
      `WhatsApp does not hand out the file (${response.status})`,
      {
        ...(gone ? { hint: 'WhatsApp has deleted it; ask the sender to send it again.' } : {}),
      },
    );
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body) {
    size += chunk.byteLength;
    if (size > maxBytes + OVERHEAD_BYTES) throw tooLarge();
    chunks.push(chunk);
  }
  const keys = await options.baileys.getMediaKeys(Buffer.from(media.key, 'base64'), media.type);
  const bytes = decrypt(Buffer.concat(chunks), keys, media);
  if (bytes.byteLength > maxBytes) throw tooLarge();
  return bytes;
}

interface MediaKeys {
  readonly iv: Uint8Array;
  readonly cipherKey: Uint8Array;
  readonly macKey?: Uint8Array;
}

function decrypt(encrypted: Buffer, { iv, cipherKey, macKey }: MediaKeys, media: MediaRef): Buffer {
  const damaged = (cause?: unknown): GatewayError =>
    new GatewayError('attachment_damaged', 'the attachment is damaged or was not encrypted by its sender', {
      ...defined({ cause }),
    });
  if (encrypted.length <= MAC_BYTES || macKey === undefined) throw damaged();
  const body = encrypted.subarray(0, -MAC_BYTES);
  const mac = createHmac('sha256', macKey).update(iv).update(body).digest().subarray(0, MAC_BYTES);
  if (!timingSafeEqual(mac, encrypted.subarray(-MAC_BYTES))) throw damaged();
  try {
    const cipher = createDecipheriv('aes-256-cbc', cipherKey, iv);
    const bytes = Buffer.concat([cipher.update(body), cipher.final()]);
    const sum = createHash('sha256').update(bytes).digest('base64');
    if (media.sha256 !== undefined && media.sha256 !== sum) throw damaged();
    return bytes;
  } catch (error) {
    throw error instanceof GatewayError ? error : damaged(error);
  }
}

const Creds = Type.Object({
  me: Type.Optional(Type.Object({ id: Type.String(), name: Type.Optional(Type.String()) })),
});

/**
 * Looks whether WhatsApp can be reached and which account is linked, without connecting: a second connection would end
 * the one of a gateway that runs. The session is only read.
 */
async function checkWhatsApp(
  settings: WhatsAppSettings,
  options: { readonly load?: (() => Promise<Baileys>) | undefined; readonly stateDir: string | undefined },
  signal: AbortSignal,
): Promise<AdapterCheck> {
  const bad: string[] = [];
  const good: string[] = [];
  await loadBaileys(options.stateDir, options.load).catch((error: unknown) => bad.push(messageOf(error)));
  const url = new URL(chosen(settings.url) ?? WHATSAPP_URL);
  const proxied = settings.way?.agent(url.href) !== undefined;
  const reached = proxied ? reachByProxy(url, settings, signal) : reach(url, signal);
  await reached.catch((error: unknown) =>
    bad.push(`WhatsApp cannot be reached at ${url.host}: ${messageOf(error)}.`),
  );
  if (options.stateDir !== undefined) {
    const folder = sessionFolder(settings, options.stateDir);
    try {
      good.push(linkedAs(await readSessionValue(join(folder, SESSION_FILE), ACCOUNT, 'creds')));
    } catch (error) {
      bad.push(`${messageOf(error)}. Restore it from a backup, or delete it and link the phone again.`);
    }
  }
  return { ok: bad.length === 0, findings: [...bad, ...good] };
}

function linkedAs(stored: string | undefined): string {
  const creds: unknown = stored === undefined ? undefined : JSON.parse(stored);
  const me = Value.Check(Creds, creds) ? creds.me : undefined;
  if (me === undefined)
    return 'No account is linked yet: start the adapter and scan the QR code in the console with the phone (Settings > Linked devices), or set platforms.whatsapp.pairingPhone for a code to type.';
  const name = me.name === undefined || me.name === '~' ? '' : `${me.name} `;
  return `Linked as ${name}+${userOf(me.id)}.`;
}

/** Opens a connection and closes it again: whether anybody is there, nothing more. */
/** Whatever the server answers, it is there. */
async function reachByProxy(url: URL, { way }: WhatsAppSettings, signal: AbortSignal): Promise<void> {
  const response = await way?.fetch(url.href.replace(/^ws/, 'http'), { signal });
  await response?.body?.cancel();
}

function reach(url: URL, signal: AbortSignal): Promise<void> {
  const port = Number(url.port) || (url.protocol === 'wss:' ? 443 : 80);
  return new Promise((done, fail) => {
    const socket = connect({ host: url.hostname, port, signal });
    socket.once('connect', () => {
      socket.destroy();
      done();
    });
    socket.once('error', fail);
  });
}

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
class WhatsAppAdapter implements Adapter {
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
      ...defined({ ackTimeoutMs: tuning.ackTimeoutMs }),
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
      ...defined({ minDelayMs: minReconnectMs, maxDelayMs: maxReconnectMs }),
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
      ...defined({ way: this.#settings.way }),
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

  forget(person: Parameters<typeof forgetPerson>[1], stateDir: string): Promise<void> {
    return forgetPerson(sessionFolder(this.#settings, stateDir), person, silentLogger);
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
        ...defined({ uploadAgent, qrTimeoutMs, quietMs, answerMs }),
      },
      connected,
      signal,
    );
  }
}

export { BAILEYS_VERSION } from './baileys.ts';
export type { WhatsAppSettings } from './settings.ts';

/** WhatsApp as a linked device, through baileys. `tuning` is for tests. */
export function createWhatsAppAdapter(settings: WhatsAppSettings, tuning?: WhatsAppTuning): Adapter {
  return new WhatsAppAdapter(settings, tuning);
}
