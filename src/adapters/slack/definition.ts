import { webApi } from '@slack/bolt';
import { unlessAborted } from '../../base/async.ts';
import { DeliveryError, messageOf } from '../../base/errors.ts';
import { silentLogger } from '../../base/log.ts';
import type { Adapter, AdapterCheck, AdapterHost, Capabilities } from '../../gateway/adapter.ts';
import type { Attachment } from '../../gateway/model.ts';
import { type Link, runAdapter, scrubbedLogger, scrubber } from '../kit/run-adapter.ts';
import { HealthTracker } from '../kit/supervisor.ts';
import { attachmentUnavailable, DIRECT, readLimited, type Way } from '../kit/way.ts';
import { formatSlack } from '../text/slack.ts';
import { SlackConnection } from './connection.ts';
import { readRef, urlOf } from './contents.ts';
import { fieldsOf } from './mrkdwn.ts';
import { SlackOutbound } from './send.ts';
import {
  apiUrlOf,
  createWebClient,
  isUsableToken,
  networkCode,
  platformCode,
  SLACK_TIMING,
  type SlackSettings,
  type SlackTiming,
  toDeliveryError,
  type WebClient,
  wayOf,
  webClientOptions,
} from './web-client.ts';

const WEBHOOK_CAPABILITIES: Capabilities = {
  edit: false,
  delete: false,
  typing: false,
  threads: false,
  reactions: false,
  attachmentsIn: false,
  attachmentsOut: false,
  buttons: false,
  streamsEvents: false,
  textLimit: 3900,
  textUnit: 'codepoints',
  editIntervalMs: 0,
  typingRefreshMs: 0,
  bangCommands: false,
  idempotentSend: false,
};

/** Answers that mean that the webhook itself is gone. */
const GONE = new Set([
  'no_service',
  'no_service_id',
  'no_team',
  'invalid_token',
  'team_disabled',
  'user_not_found',
]);
const NEW_WEBHOOK =
  'Create a new incoming webhook in the Slack app and put its address into platforms.slack.webhookUrl.';

/** Posts to the one channel an incoming webhook stands for; receives nothing. Used when there is no bot token. */
export function webhookAdapter(url: string, timing: SlackTiming, way: Way = DIRECT): Adapter {
  const post = (text: string, signal: AbortSignal): Promise<Reply> =>
    postTo(url, way, text, AbortSignal.any([signal, AbortSignal.timeout(timing.requestTimeoutMs)]));
  return runAdapter({
    platform: 'slack',
    label: 'Slack',
    capabilities: WEBHOOK_CAPABILITIES,
    format: formatSlack,
    connect: (host) => connectWebhook(url, post, host),
    check: (signal) => checkWebhook(post, signal),
  });
}

interface Reply {
  readonly status: number;
  readonly text: string;
  readonly retryAfter: string | null;
}

function connectWebhook(
  url: string,
  post: (text: string, signal: AbortSignal) => Promise<Reply>,
  host: AdapterHost,
): Link {
  host.secret(url);
  const health = new HealthTracker((current) => host.health(current));
  return {
    async start() {
      if (URL.canParse(url))
        health.change({ state: 'connected', detail: 'outbound only (webhook)', alive: true });
      else health.change({ state: 'parked', detail: 'webhookUrl is not an address', nextStep: NEW_WEBHOOK });
    },
    async stop() {
      health.change({ state: 'stopped', detail: 'stopped', alive: false });
    },
    /** Webhooks name no message: the receipt carries the key of the request. */
    async send(request, signal) {
      if (signal.aborted) throw new DeliveryError('unreachable', 'webhook: cancelled before it was sent');
      const reply = await post(request.part.text, signal);
      if (reply.status === 200) return { messageId: `webhook:${request.idempotencyKey}` };
      throw refusal(reply, health);
    },
  };
}

/** An empty text is refused by a webhook that works, so nothing is posted. */
async function checkWebhook(
  post: (text: string, signal: AbortSignal) => Promise<Reply>,
  signal: AbortSignal,
): Promise<AdapterCheck> {
  try {
    const { status, text } = await post('', signal);
    return status === 400 && !GONE.has(text)
      ? {
          ok: true,
          findings: ['The webhook works. It only sends: no one can write to the gateway this way.'],
        }
      : { ok: false, findings: [`The webhook does not work: ${status} ${text}.`] };
  } catch (error) {
    return { ok: false, findings: [`The webhook does not answer: ${messageOf(error)}.`] };
  }
}

async function postTo(url: string, way: Way, message: string, signal: AbortSignal): Promise<Reply> {
  try {
    const response = await way.fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ text: message }),
      redirect: 'error',
      signal,
    });
    const text = (await response.text()).trim().slice(0, 80);
    return { status: response.status, text, retryAfter: response.headers.get('retry-after') };
  } catch (error) {
    // Only the code: the HTTP client quotes the address, which is the secret.
    const failure = toDeliveryError('webhook', error).failure;
    throw new DeliveryError(failure, `webhook: ${networkCode(error) || 'no answer'}`);
  }
}

function refusal({ status, text, retryAfter }: Reply, health: HealthTracker): DeliveryError {
  const message = `webhook: ${status} ${text}`;
  if (status === 429)
    return new DeliveryError('rate-limited', message, { retryAfterMs: (Number(retryAfter) || 30) * 1000 });
  if (status >= 500) return new DeliveryError('unknown', message);
  if (GONE.has(text)) {
    health.change({
      state: 'parked',
      detail: `the webhook was revoked (${text})`,
      alive: false,
      authorisation: 'revoked',
      nextStep: NEW_WEBHOOK,
    });
    return new DeliveryError('unreachable', message, { hint: NEW_WEBHOOK });
  }
  return new DeliveryError(status === 410 || status === 403 ? 'gone' : 'rejected', message);
}

export type { SlackSettings, SlackTiming } from './web-client.ts';

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
  textLimit: 3900,
  textUnit: 'codepoints',
  // chat.update is a tier 3 method: 50 and more a minute.
  editIntervalMs: 1200,
  // A status lasts two minutes.
  typingRefreshMs: 60_000,
  bangCommands: true,
  idempotentSend: false,
};

/**
 * The Slack adapter. With only `webhookUrl` it posts to that webhook and receives nothing.
 *
 * @example
 * createSlackAdapter({ botToken: 'xoxb-…', appToken: 'xapp-…' });
 */
export function createSlackAdapter(settings: SlackSettings, timing: Partial<SlackTiming> = {}): Adapter {
  const tidy: SlackSettings = {
    // A line end copied along would end up in the error text of the HTTP client, with the token.
    ...settings,
    botToken: settings.botToken?.trim() ?? '',
    appToken: settings.appToken?.trim() ?? '',
    webhookUrl: settings.webhookUrl?.trim() ?? '',
    apiUrl: settings.apiUrl?.trim() ?? '',
  };
  const waits = { ...SLACK_TIMING, ...timing };
  if (!tidy.botToken && !tidy.appToken && tidy.webhookUrl)
    return webhookAdapter(tidy.webhookUrl, waits, settings.way);
  return runAdapter({
    platform: 'slack',
    label: 'Slack',
    capabilities: CAPABILITIES,
    format: formatSlack,
    connect: (host, stopped) => connect(tidy, waits, host, stopped),
    check: (signal) => checkSlack(tidy, waits, signal),
  });
}

/** Slack through socket mode and the Web API. */
function connect(
  settings: SlackSettings,
  timing: SlackTiming,
  host: AdapterHost,
  stopped: AbortSignal,
): Link {
  const { botToken = '', appToken, webhookUrl } = settings;
  for (const secret of [botToken, appToken, webhookUrl]) if (secret) host.secret(secret);
  const log = scrubbedLogger(host.log, scrubber(botToken, appToken, webhookUrl));
  const client = createWebClient(settings, timing, log);
  const way = wayOf(settings);
  const connection = new SlackConnection({ settings, timing, host, log, client });
  const outbound = new SlackOutbound({
    client,
    way,
    timing,
    log,
    unauthorised: (code) => connection.revoked(code),
    stopped,
  });
  return {
    start: () => connection.start(),
    stop: () => connection.stop(),
    send: (request, signal) => outbound.send(request, signal),
    edit: (chat, messageId, part, signal) => outbound.edit(chat, messageId, part, signal),
    delete: (chat, messageId, signal) => outbound.delete(chat, messageId, signal),
    typing: (chat, on) => outbound.typing(chat, on),
    fetchAttachment: (attachment, maxBytes, signal) =>
      downloadFile(attachment, { client, way, botToken, apiUrl: apiUrlOf(settings), maxBytes, signal }),
  };
}

/** Without these the adapter cannot do its work. */
const NEEDED = ['chat:write', 'im:history', 'app_mentions:read'];

/** What is missing without the others. */
const HELPFUL: Readonly<Record<string, string>> = {
  'channels:history':
    'replies without a mention and earlier messages of a thread in public channels are not seen',
  'groups:history':
    'replies without a mention and earlier messages of a thread in private channels are not seen',
  'mpim:history': 'group conversations are not seen',
  'users:read': 'people are shown by their id',
  'channels:read': 'public channels are shown by their id',
  'groups:read': 'private channels are shown by their id',
  'files:read': 'attachments cannot be read',
  'files:write': 'files cannot be sent',
};

/** Asks Slack who the bot is, whether the app token opens connections, and which scopes are missing. */
export async function checkSlack(
  settings: SlackSettings,
  timing: SlackTiming,
  signal: AbortSignal,
): Promise<AdapterCheck> {
  const log = silentLogger;
  const bad: string[] = [];
  const good: string[] = [];
  const ask = <T>(promise: Promise<T>): Promise<T> =>
    unlessAborted(promise, signal, () => new Error('the check was cancelled'));
  if (!isUsableToken(settings.botToken ?? '')) bad.push('platforms.slack.botToken is missing or malformed.');
  else {
    try {
      const auth = await ask(createWebClient(settings, timing, log).auth.test());
      good.push(`The bot is @${auth.user} in ${auth.team}.`);
      const scopes = auth.response_metadata?.scopes;
      if (scopes !== undefined) judgeScopes(scopes, bad, good);
    } catch (error) {
      bad.push(
        failed('bot token', error, 'Install the app again (OAuth & Permissions) and take its bot token.'),
      );
    }
  }
  if ((settings.appToken ?? '') === '')
    good.push('Without platforms.slack.appToken Slack only sends; no message is received.');
  else if (!isUsableToken(settings.appToken ?? ''))
    bad.push('platforms.slack.appToken is missing or malformed.');
  else {
    try {
      const client = new webApi.WebClient(settings.appToken, webClientOptions(settings, timing, log));
      await ask(client.apps.connections.open({}));
      good.push('The app token opens connections.');
    } catch (error) {
      bad.push(
        failed('app token', error, 'Generate one with the scope connections:write (Basic Information).'),
      );
    }
  }
  return { ok: bad.length === 0, findings: [...bad, ...good] };
}

/** What Slack said, and what to do about it; without a word from Slack only that it cannot be reached. */
function failed(token: string, error: unknown, advice: string): string {
  const code = platformCode(error);
  return code === undefined
    ? `Slack cannot be reached with the ${token}: ${messageOf(error)}.`
    : `Slack refuses the ${token} (${code}). ${advice}`;
}

function judgeScopes(scopes: readonly string[], bad: string[], good: string[]): void {
  for (const scope of NEEDED)
    if (!scopes.includes(scope))
      bad.push(`The scope ${scope} is missing: add it under OAuth & Permissions and install the app again.`);
  for (const [scope, loss] of Object.entries(HELPFUL))
    if (!scopes.includes(scope)) good.push(`Without the scope ${scope} ${loss}.`);
}

interface DownloadOptions {
  readonly client: WebClient;
  readonly way: Way;
  readonly botToken: string;
  readonly apiUrl: string;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

const MAX_REDIRECTS = 3;

/**
 * The bytes of a file in Slack. The bot token goes only to Slack's own hosts and to the configured server: the address
 * in an event may lead anywhere (a file on another service).
 */
export async function downloadFile(attachment: Attachment, options: DownloadOptions): Promise<Uint8Array> {
  const ref = readRef(attachment.ref);
  if (ref === undefined) throw attachmentUnavailable(attachment.name, 'this is not a Slack file');
  let url = ref.url ?? urlOf(fieldsOf((await options.client.files.info({ file: ref.id })).file));
  const origin = url === undefined ? '' : new URL(url).origin;
  for (let hop = 0; url !== undefined && hop <= MAX_REDIRECTS; hop += 1) {
    const here = new URL(url);
    if (!isOurs(here, options.apiUrl))
      throw attachmentUnavailable(attachment.name, `it is outside Slack, at ${here.host}`);
    const response: Response = await options.way.fetch(here.href, {
      headers: { authorization: `Bearer ${options.botToken}` },
      redirect: 'manual',
      signal: options.signal,
    });
    const next = response.status >= 300 && response.status < 400 ? response.headers.get('location') : null;
    if (next === null) return body(response, attachment, options.maxBytes, here.origin !== origin);
    await response.body?.cancel();
    url = new URL(next, here).href;
  }
  throw attachmentUnavailable(attachment.name, 'Slack named no address for it');
}

function isOurs(url: URL, apiUrl: string): boolean {
  if (url.origin === new URL(apiUrl).origin) return true;
  return (
    url.protocol === 'https:' &&
    /(^|\.)(slack\.com|slack-gov\.com|slack-edge\.com|slack-files\.com)$/.test(url.hostname)
  );
}

/** `led`: Slack led to another host. */
async function body(
  response: Response,
  attachment: Attachment,
  maxBytes: number,
  led: boolean,
): Promise<Uint8Array> {
  const { name, mimeType } = attachment;
  const type = response.headers.get('content-type') ?? '';
  // Without the scope files:read Slack answers with its sign-in page and status 200.
  const signIn = type.startsWith('text/html') && (led || !mimeType.startsWith('text/'));
  if (response.ok && !signIn) return readLimited(response, name, maxBytes);
  await response.body?.cancel();
  throw attachmentUnavailable(
    name,
    signIn ? 'the app lacks the scope files:read' : `HTTP ${response.status}`,
  );
}
