import { randomBytes } from 'node:crypto';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { GatewayError, messageOf } from '../../base/errors.ts';
import type { Adapter, AdapterCheck, AdapterHost, Capabilities } from '../../gateway/adapter.ts';
import type { Attachment } from '../../gateway/model.ts';
import { Intake, type Link, runAdapter, scrubbedLogger, scrubber } from '../kit/run-adapter.ts';
import { HealthTracker } from '../kit/supervisor.ts';
import { attachmentTooLarge, attachmentUnavailable, readLimited } from '../kit/way.ts';
import { formatTelegram } from '../text/telegram.ts';
import type { TelegramSettings } from './client.ts';
import { BotClient, TelegramFailure } from './client.ts';
import { type ConnectionTuning, TelegramConnection } from './connection.ts';
import { Outbound } from './send.ts';
import { Migrations, UpdateTaker, webhookAddress, webhookRoute } from './updates.ts';
import { Me } from './wire.ts';

export type { TelegramSettings } from './client.ts';

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

/** Asks Telegram who the bot is and what it may read. */
export async function checkTelegram(settings: TelegramSettings, signal: AbortSignal): Promise<AdapterCheck> {
  if (settings.token === '')
    return { ok: false, findings: ['No token: @BotFather gives you one for platforms.telegram.token.'] };
  const client = new BotClient(settings.token, settings.apiRoot, settings.way);
  try {
    const me = await client.call('getMe', {}, { signal });
    if (!Value.Check(Me, me)) return { ok: false, findings: ['The server does not speak the Bot API.'] };
    const findings = [`The bot is @${me.username ?? me.first_name} (id ${me.id}).`];
    if (me.can_join_groups === false)
      findings.push('Groups are switched off for it (@BotFather, /setjoingroups).');
    else if (me.can_read_all_group_messages !== true)
      findings.push(
        'Privacy mode is on: in groups it sees only commands, mentions and replies (@BotFather, /setprivacy).',
      );
    if (settings.mode === 'webhook' && webhookAddress(settings.webhookUrl) === undefined)
      return { ok: false, findings: ['Webhook mode needs platforms.telegram.webhookUrl.', ...findings] };
    return { ok: true, findings };
  } catch (error) {
    const refused = error instanceof TelegramFailure && error.unauthorised;
    const finding = refused
      ? 'Telegram refuses the token: get a new one from @BotFather (/token).'
      : `Telegram cannot be reached: ${client.scrub(messageOf(error))}.`;
    return { ok: false, findings: [finding] };
  } finally {
    client.close();
  }
}

const TelegramFile = Type.Object({
  file_path: Type.Optional(Type.String()),
  file_size: Type.Optional(Type.Integer()),
});

/** The bytes behind an attachment. Bots may download 20 MB at most. */
export async function fetchFile(
  client: BotClient,
  attachment: Attachment,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const { name, ref } = attachment;
  try {
    const file = await client.call('getFile', { file_id: ref }, { signal });
    if (!Value.Check(TelegramFile, file) || file.file_path === undefined)
      throw attachmentUnavailable(name, 'Telegram did not say where it is');
    if ((file.file_size ?? 0) > maxBytes) throw attachmentTooLarge(name, maxBytes);
    if (file.file_path.startsWith('/'))
      throw attachmentUnavailable(name, 'a Bot API server in local mode is not supported');
    const response = await client.fetch(client.fileUrl(file.file_path), { signal, redirect: 'error' });
    return await readLimited(response, name, maxBytes);
  } catch (error) {
    if (error instanceof GatewayError) throw error;
    throw attachmentUnavailable(name, client.scrub(messageOf(error)));
  }
}
