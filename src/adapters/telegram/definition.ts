import { randomBytes } from 'node:crypto';
import { messageOf } from '../../base/errors.ts';
import type { Adapter, AdapterHost, Capabilities } from '../../gateway/adapter.ts';
import { HealthTracker } from '../kit/health-tracker.ts';
import { Intake } from '../kit/intake.ts';
import { type Link, runAdapter } from '../kit/run-adapter.ts';
import { scrubbedLogger, scrubber } from '../kit/scrub.ts';
import { formatTelegram } from '../text/telegram.ts';
import { checkTelegram } from './check.ts';
import { BotClient } from './client.ts';
import { type ConnectionTuning, TelegramConnection } from './connection.ts';
import { fetchFile } from './files.ts';
import { Migrations } from './migrations.ts';
import { Outbound } from './outbound.ts';
import type { TelegramSettings } from './settings.ts';
import { UpdateTaker } from './updates.ts';
import { webhookAddress, webhookRoute } from './webhook.ts';

export type { TelegramSettings } from './settings.ts';

const CAPABILITIES: Capabilities = {
  edit: true,
  delete: true,
  typing: true,
  threads: true,
  reactions: false,
  attachmentsIn: true,
  attachmentsOut: true,
  buttons: true,
  streamsEvents: false,
  textLimit: 4096,
  textUnit: 'utf16',
  editIntervalMs: 1000,
  typingRefreshMs: 4000,
  bangCommands: false,
  idempotentSend: false,
};

interface Webhook {
  readonly address: URL | undefined;
  readonly secret: string;
}

interface TelegramLink extends Link {
  readonly taker: UpdateTaker;
}

/** A Telegram bot through telegraf, by long poll or webhook. `tuning` is for tests. */
export function createTelegramAdapter(settings: TelegramSettings, tuning: ConnectionTuning = {}): Adapter {
  const webhook = settings.mode === 'webhook' ? webhookOf(settings) : undefined;
  return runAdapter<TelegramLink>({
    platform: 'telegram',
    label: 'Telegram',
    capabilities: CAPABILITIES,
    routes: (link) =>
      webhook?.address === undefined
        ? []
        : [webhookRoute(webhook.address.pathname, webhook.secret, () => link()?.taker)],
    format: formatTelegram,
    connect: (host, stopped) => connect(settings, webhook, tuning, host, stopped),
    check: (signal) => checkTelegram(settings, signal),
  });
}

function webhookOf({ webhookUrl, webhookSecret = '' }: TelegramSettings): Webhook {
  return {
    address: webhookAddress(webhookUrl),
    // Without a secret anybody who finds the address could write as anybody.
    secret: webhookSecret === '' ? randomBytes(32).toString('base64url') : webhookSecret,
  };
}

function connect(
  { token, apiRoot, sendLimits, way }: TelegramSettings,
  webhook: Webhook | undefined,
  tuning: ConnectionTuning,
  host: AdapterHost,
  stopped: AbortSignal,
): TelegramLink {
  const secrets = [token, webhook?.secret ?? ''].filter((secret) => secret !== '');
  for (const secret of secrets) host.secret(secret);
  const log = scrubbedLogger(host.log, scrubber(...secrets));
  const health = new HealthTracker((current) => host.health(current));
  const client = new BotClient(token, apiRoot, way);
  const migrations = new Migrations();
  // An update that is not durable stays unconfirmed, however long it takes.
  const patienceMs = Number.POSITIVE_INFINITY;
  const intake = new Intake({ accept: (message) => host.accept(message), log, patienceMs });
  const taker = new UpdateTaker({
    intake,
    migrations,
    log,
    onTaken: () => health.change({ lastUpdateAt: host.clock() }),
    onButton: (id) => {
      client
        .call('answerCallbackQuery', { callback_query_id: id }, { signal: stopped })
        .catch((error: unknown) => log.debug(`a button was not answered: ${messageOf(error)}`));
    },
  });
  const connection = new TelegramConnection({
    ...tuning,
    client,
    taker,
    health,
    host,
    log,
    hasToken: token !== '',
    webhook,
  });
  const outbound = new Outbound({
    client,
    migrations,
    log,
    sendLimits: sendLimits ?? true,
    onUnauthorised: (failure) => connection.refused(failure),
  });
  return {
    taker,
    async start() {
      await migrations.load(host.stateDir);
      if (!stopped.aborted) connection.start();
    },
    async stop() {
      intake.stop();
      await connection.stop();
      client.close();
    },
    send: (request, signal) => outbound.send(request, signal),
    edit: (chat, messageId, part, signal) => outbound.edit(chat, messageId, part, signal),
    delete: (chat, messageId, signal) => outbound.delete(chat, messageId, signal),
    typing: (chat, on) => outbound.typing(chat, on, stopped),
    fetchAttachment: (attachment, maxBytes, signal) => fetchFile(client, attachment, maxBytes, signal),
  };
}
