import { randomBytes } from 'node:crypto';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { DeliveryError, GatewayError, messageOf } from '../../base/errors.ts';
import type {
  Adapter,
  AdapterCheck,
  AdapterHost,
  AdapterRoute,
  Capabilities,
  Part,
  SendReceipt,
  SendRequest,
} from '../../gateway/adapter.ts';
import type { Attachment, ChatRef } from '../../gateway/model.ts';
import { attachmentTooLarge, attachmentUnavailable, readLimited } from '../kit/download.ts';
import { HealthTracker } from '../kit/health-tracker.ts';
import { Intake } from '../kit/intake.ts';
import { scrubbedLogger, scrubber } from '../kit/scrub.ts';
import { formatTelegram } from '../text/telegram.ts';
import { BotClient, TelegramFailure } from './client.ts';
import { type ConnectionTuning, TelegramConnection } from './connection.ts';
import { Migrations } from './migrations.ts';
import { Outbound } from './outbound.ts';
import type { TelegramSettings } from './settings.ts';
import { UpdateTaker } from './updates.ts';
import { webhookAddress, webhookRoute } from './webhook.ts';
import { Me } from './wire.ts';

const TelegramFile = Type.Object({
  file_path: Type.Optional(Type.String()),
  file_size: Type.Optional(Type.Integer()),
});

/** The bytes behind an attachment. Bots may download 20 MB at most. */
async function fetchFile(
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
    if (!response.ok) {
      await response.body?.cancel();
      throw attachmentUnavailable(name, `the server answered ${response.status}`);
    }
    return await readLimited(response, name, maxBytes);
  } catch (error) {
    if (error instanceof GatewayError) throw error;
    throw attachmentUnavailable(name, client.scrub(messageOf(error)));
  }
}

type TelegramTuning = ConnectionTuning;

/** Everything that exists between `start` and `stop`. */
interface Running {
  readonly client: BotClient;
  readonly intake: Intake;
  readonly taker: UpdateTaker;
  readonly outbound: Outbound;
  readonly connection: TelegramConnection;
  readonly stopped: AbortController;
}

class TelegramAdapter implements Adapter {
  readonly platform = 'telegram';
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
    textLimit: 4096,
    textUnit: 'utf16',
    editIntervalMs: 1000,
    typingRefreshMs: 4000,
    bangCommands: false,
    idempotentSend: false,
  };
  readonly routes: readonly AdapterRoute[];
  readonly #settings: TelegramSettings;
  readonly #tuning: TelegramTuning;
  readonly #webhook: { readonly address: URL | undefined; readonly secret: string } | undefined;
  #running: Running | undefined;

  constructor(settings: TelegramSettings, tuning: TelegramTuning = {}) {
    this.#settings = settings;
    this.#tuning = tuning;
    const secret = settings.webhookSecret ?? '';
    this.#webhook =
      settings.mode === 'webhook'
        ? {
            address: webhookAddress(settings.webhookUrl),
            // Without a secret anybody who finds the address could write as anybody.
            secret: secret === '' ? randomBytes(32).toString('base64url') : secret,
          }
        : undefined;
    const address = this.#webhook?.address;
    this.routes =
      this.#webhook === undefined || address === undefined
        ? []
        : [webhookRoute(address.pathname, this.#webhook.secret, () => this.#running?.taker)];
  }

  async start(host: AdapterHost): Promise<void> {
    if (this.#running !== undefined) return;
    const { token, apiRoot, sendLimits } = this.#settings;
    const secrets = [token, this.#webhook?.secret].filter((secret) => secret !== undefined && secret !== '');
    for (const secret of secrets) if (secret !== undefined) host.secret(secret);
    const log = scrubbedLogger(host.log, scrubber(...secrets));
    const health = new HealthTracker((current) => host.health(current));
    const stopped = new AbortController();
    const client = new BotClient(token, apiRoot, this.#settings.way);
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
          .call('answerCallbackQuery', { callback_query_id: id }, { signal: stopped.signal })
          .catch((error: unknown) => log.debug(`a button was not answered: ${messageOf(error)}`));
      },
    });
    const connection = new TelegramConnection({
      ...this.#tuning,
      client,
      taker,
      health,
      host,
      log,
      hasToken: token !== '',
      webhook: this.#webhook,
    });
    const outbound = new Outbound({
      client,
      migrations,
      log,
      sendLimits: sendLimits ?? true,
      onUnauthorised: (failure) => connection.refused(failure),
    });
    this.#running = { client, intake, taker, outbound, connection, stopped };
    await migrations.load(host.stateDir);
    if (!stopped.signal.aborted) connection.start();
  }

  async stop(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    if (running === undefined) return;
    running.stopped.abort();
    running.intake.stop();
    await running.connection.stop();
    running.client.close();
  }

  format(markdown: string): readonly Part[] {
    return formatTelegram(markdown);
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

  async typing(chat: ChatRef, on: boolean): Promise<void> {
    const running = this.#running;
    if (running !== undefined) await running.outbound.typing(chat, on, running.stopped.signal);
  }

  fetchAttachment(attachment: Attachment, maxBytes: number, signal: AbortSignal): Promise<Uint8Array> {
    const running = this.#running;
    if (running === undefined)
      return Promise.reject(attachmentUnavailable(attachment.name, 'Telegram is stopped'));
    const both = AbortSignal.any([signal, running.stopped.signal]);
    return fetchFile(running.client, attachment, maxBytes, both);
  }

  async check(signal: AbortSignal): Promise<AdapterCheck> {
    if (this.#settings.token === '')
      return { ok: false, findings: ['No token: @BotFather gives you one for platforms.telegram.token.'] };
    const client = new BotClient(this.#settings.token, this.#settings.apiRoot, this.#settings.way);
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
      if (this.#webhook !== undefined && this.#webhook.address === undefined)
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

  #with<T>(signal: AbortSignal, body: (running: Running, both: AbortSignal) => Promise<T>): Promise<T> {
    const running = this.#running;
    if (running === undefined) return Promise.reject(new DeliveryError('unreachable', 'Telegram is stopped'));
    return body(running, AbortSignal.any([signal, running.stopped.signal]));
  }
}

export type { TelegramSettings } from './settings.ts';

/** A Telegram bot through telegraf, by long poll or webhook. `tuning` is for tests. */
export function createTelegramAdapter(settings: TelegramSettings, tuning?: TelegramTuning): Adapter {
  return new TelegramAdapter(settings, tuning);
}
