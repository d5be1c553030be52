import type { Agent } from 'node:https';
import { defined } from '../../base/defined.ts';
import { silentLogger } from '../../base/log.ts';
import type { Adapter, AdapterCheck, AdapterHost, Capabilities } from '../../gateway/adapter.ts';
import { attachmentUnavailable } from '../kit/download.ts';
import { HealthTracker } from '../kit/health-tracker.ts';
import { type Link, runAdapter } from '../kit/run-adapter.ts';
import { Supervisor } from '../kit/supervisor.ts';
import { formatWhatsapp } from '../text/whatsapp.ts';
import type { Baileys } from './baileys.ts';
import { checkWhatsApp } from './check.ts';
import { runConnection } from './connection.ts';
import { forgetPerson } from './forget.ts';
import { fetchMedia } from './media.ts';
import { type Line, Outbound } from './outbound.ts';
import { Session } from './session.ts';
import { chosen, sessionFolder, type WhatsAppSettings } from './settings.ts';

export { BAILEYS_VERSION } from './baileys.ts';
export type { WhatsAppSettings } from './settings.ts';

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
