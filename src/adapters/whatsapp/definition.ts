import { existsSync } from 'node:fs';
import type { Agent } from 'node:https';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { defined } from '../../base/defined.ts';
import { messageOf } from '../../base/errors.ts';
import { type Logger, silentLogger } from '../../base/log.ts';
import type { Adapter, AdapterCheck, AdapterHost, Capabilities } from '../../gateway/adapter.ts';
import { type Link, runAdapter } from '../kit/run-adapter.ts';
import { HealthTracker, Supervisor } from '../kit/supervisor.ts';
import { attachmentUnavailable } from '../kit/way.ts';
import { formatWhatsapp } from '../text/whatsapp.ts';
import { userOf } from './addresses.ts';
import {
  type Baileys,
  chosen,
  loadBaileys,
  sessionFolder,
  WHATSAPP_URL,
  type WhatsAppSettings,
} from './baileys.ts';
import { runConnection } from './connection.ts';
import { ACCOUNT, SESSION_FILE } from './credentials.ts';
import { fetchMedia } from './media.ts';
import { type Line, Outbound } from './send.ts';
import { Session } from './session.ts';
import { readSessionValue, type SessionChange, SessionFile } from './session-file.ts';

export type { WhatsAppSettings } from './baileys.ts';

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
  /** When a silent server is asked for a heartbeat, and how long it has for it; default 4 s and 4.5 s. */
  readonly quietMs?: number;
  readonly answerMs?: number;
}

interface WhatsAppLink extends Link {
  readonly health: HealthTracker;
}

/** WhatsApp as a linked device, through baileys. `tuning` is for tests. */
export function createWhatsAppAdapter(settings: WhatsAppSettings, tuning: WhatsAppTuning = {}): Adapter {
  return runAdapter<WhatsAppLink>({
    platform: 'whatsapp',
    label: 'WhatsApp',
    capabilities: CAPABILITIES,
    format: formatWhatsapp,
    connect: (host) => connect(settings, tuning, host),
    async check(signal, stateDir, link) {
      if (link === undefined) return checkWhatsApp(settings, { load: tuning.load, stateDir }, signal);
      return checkOf(link.health);
    },
    forget: (person, stateDir) => forgetPerson(sessionFolder(settings, stateDir), person, silentLogger),
  });
}

/** A second connection would end the one that runs: what it knows is the answer. */
function checkOf(health: HealthTracker): AdapterCheck {
  const { state, account, detail, nextStep } = health.current();
  return state === 'connected'
    ? { ok: true, findings: [`Linked as ${account?.name ?? 'unknown'}.`] }
    : { ok: false, findings: [detail, ...(nextStep === undefined ? [] : [nextStep])] };
}

function connect(settings: WhatsAppSettings, tuning: WhatsAppTuning, host: AdapterHost): WhatsAppLink {
  const { load, maxQrSeries, uploadAgent, qrTimeoutMs, quietMs, answerMs } = tuning;
  const health = new HealthTracker((current) => host.health(current));
  let line: Line | undefined;
  let session: Session | undefined;
  const outbound = new Outbound({ line: () => line, ...defined({ ackTimeoutMs: tuning.ackTimeoutMs }) });
  const supervisor = new Supervisor({
    health,
    log: host.log,
    now: host.clock,
    ...defined({ minDelayMs: tuning.minReconnectMs, maxDelayMs: tuning.maxReconnectMs }),
    async run(connected, signal) {
      session ??= await Session.open({ host, settings, health, line: () => line, load, maxQrSeries });
      if (signal.aborted) return;
      const onLine = (current: Line | undefined): void => {
        line = current;
      };
      await runConnection(
        {
          settings,
          session,
          health,
          log: host.log,
          now: host.clock,
          onLine,
          ...defined({ uploadAgent, qrTimeoutMs, quietMs, answerMs }),
        },
        connected,
        signal,
      );
    },
  });
  return {
    health,
    start: async () => supervisor.start(),
    parked: () => health.state === 'parked',
    async stop() {
      session?.quiesce();
      await supervisor.stop();
      await session?.close();
    },
    send: (request, signal) => outbound.send(request, signal),
    edit: (chat, messageId, part, signal) => outbound.edit(chat, messageId, part, signal),
    delete: (chat, messageId, signal) => outbound.delete(chat, messageId, signal),
    typing: (chat, on) => outbound.typing(chat, on),
    async fetchAttachment(attachment, maxBytes, signal) {
      const { baileys } = session ?? {};
      if (baileys === undefined)
        throw attachmentUnavailable(attachment.name, 'WhatsApp has not connected yet');
      const url = chosen(settings.url);
      return fetchMedia(attachment, maxBytes, {
        baileys,
        ...defined({ way: settings.way }),
        signal,
        ...(url === undefined ? {} : { localHost: new URL(url).hostname }),
      });
    },
  };
}

const Creds = Type.Object({
  me: Type.Optional(Type.Object({ id: Type.String(), name: Type.Optional(Type.String()) })),
});

/**
 * Looks whether WhatsApp can be reached and which account is linked, without connecting: a second connection would end
 * the one of a gateway that runs. The session is only read.
 */
export async function checkWhatsApp(
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

/** Whatever the server answers, it is there. */
async function reachByProxy(url: URL, { way }: WhatsAppSettings, signal: AbortSignal): Promise<void> {
  const response = await way?.fetch(url.href.replace(/^ws/, 'http'), { signal });
  await response?.body?.cancel();
}

/** Opens a connection and closes it again: whether anybody is there, nothing more. */
function reach(url: URL, signal: AbortSignal): Promise<void> {
  const port = Number(url.port) || (url.protocol === 'wss:' ? 443 : 80);
  return new Promise((done, fail) => {
    const socket = createConnection({ host: url.hostname, port, signal });
    socket.once('connect', () => {
      socket.destroy();
      done();
    });
    socket.once('error', fail);
  });
}

/** Whose values list people; what is taken out is learned again. */
const MEMBERS: ReadonlySet<string> = new Set(['sender-key-memory', 'device-list']);

/**
 * Takes what the linked session keeps about a person out of its file: keys, devices, names, messages that were sent.
 * Their phone asks for new keys with the next message: nothing is lost but the past.
 */
export async function forgetPerson(
  folder: string,
  { ids, chatIds }: { readonly ids: readonly string[]; readonly chatIds: readonly string[] },
  log: Logger,
): Promise<void> {
  const path = join(folder, SESSION_FILE);
  if (!existsSync(path)) return;
  const users = new Set(
    [...ids, ...chatIds].flatMap((jid) => /^(\d+)(?::\d+)?(?:@|$)/u.exec(jid)?.[1] ?? []),
  );
  const names = (text: string): boolean => text.split(/\D+/u).some((part) => users.has(part));
  const file = await SessionFile.open(path, log);
  try {
    const changes = file.buckets
      .filter((bucket) => bucket !== ACCOUNT)
      .flatMap((bucket) =>
        file
          .entries(bucket)
          .filter(([id, value]) => names(id) || names(MEMBERS.has(bucket) ? value : addressIn(value)))
          .map(([id]): SessionChange => ({ bucket, id, value: null })),
      );
    if (changes.length > 0) await file.write(changes);
    await file.rewrite();
  } finally {
    await file.close();
  }
}

/** What of a value says whom it is about: an address, a mapping, the chat and the sender of a message. */
function addressIn(value: string): string {
  const parsed: unknown = JSON.parse(value);
  if (typeof parsed === 'string') return parsed;
  if (Array.isArray(parsed)) return typeof parsed[0] === 'string' ? parsed[0] : '';
  const { chat, sender }: { chat?: unknown; sender?: unknown } = { ...Object(parsed) };
  return JSON.stringify([chat ?? '', sender ?? '']);
}

export { BAILEYS_VERSION } from './baileys.ts';
