import { DeliveryError, messageOf } from '../../base/errors.ts';
import type { Adapter, AdapterCheck, AdapterHost, Capabilities } from '../../gateway/adapter.ts';
import { type Link, runAdapter } from '../kit/run-adapter.ts';
import { HealthTracker } from '../kit/supervisor.ts';
import { DIRECT, type Way } from '../kit/way.ts';
import { formatSlack } from '../text/slack.ts';
import type { SlackTiming } from './web-client.ts';
import { networkCode, toDeliveryError } from './web-client.ts';

const CAPABILITIES: Capabilities = {
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
    capabilities: CAPABILITIES,
    format: formatSlack,
    connect: (host) => connect(url, post, host),
    check: (signal) => check(post, signal),
  });
}

interface Reply {
  readonly status: number;
  readonly text: string;
  readonly retryAfter: string | null;
}

function connect(
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
async function check(
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
