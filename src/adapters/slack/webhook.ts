import { DeliveryError, messageOf } from '../../base/errors.ts';
import type {
  Adapter,
  AdapterCheck,
  AdapterHost,
  Capabilities,
  Part,
  SendReceipt,
  SendRequest,
} from '../../gateway/adapter.ts';
import { HealthTracker } from '../kit/health-tracker.ts';
import { DIRECT, type Way } from '../kit/way.ts';
import { formatSlack } from '../text/slack.ts';
import { networkCode, toDeliveryError } from './errors.ts';
import type { SlackTiming } from './settings.ts';

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
export class SlackWebhookAdapter implements Adapter {
  readonly platform = 'slack';
  readonly capabilities = CAPABILITIES;
  readonly #url: string;
  readonly #timing: SlackTiming;
  readonly #way: Way;
  #health: HealthTracker | undefined;

  constructor(url: string, timing: SlackTiming, way: Way = DIRECT) {
    this.#way = way;
    this.#url = url;
    this.#timing = timing;
  }

  async start(host: AdapterHost): Promise<void> {
    host.secret(this.#url);
    this.#health = new HealthTracker((health) => host.health(health));
    if (!URL.canParse(this.#url)) {
      this.#health.change({ state: 'parked', detail: 'webhookUrl is not an address', nextStep: NEW_WEBHOOK });
      return;
    }
    this.#health.change({ state: 'connected', detail: 'outbound only (webhook)', alive: true });
  }

  async stop(): Promise<void> {
    this.#health?.change({ state: 'stopped', detail: 'stopped', alive: false });
    this.#health = undefined;
  }

  format(markdown: string): readonly Part[] {
    return formatSlack(markdown);
  }

  /** Webhooks name no message: the receipt carries the key of the request. */
  async send(request: SendRequest, signal: AbortSignal): Promise<SendReceipt> {
    if (this.#health === undefined) throw new DeliveryError('unreachable', 'the Slack adapter is stopped');
    if (signal.aborted) throw new DeliveryError('unreachable', 'webhook: cancelled before it was sent');
    const { status, text, retryAfter } = await this.#post({ text: request.part.text }, signal);
    if (status === 200) return { messageId: `webhook:${request.idempotencyKey}` };
    throw this.#refusal(status, text, retryAfter);
  }

  /** An empty text is refused by a webhook that works, so nothing is posted. */
  async check(signal: AbortSignal): Promise<AdapterCheck> {
    try {
      const { status, text } = await this.#post({ text: '' }, signal);
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

  async #post(
    payload: { readonly text: string },
    signal: AbortSignal,
  ): Promise<{ status: number; text: string; retryAfter: string | null }> {
    try {
      const response = await this.#way.fetch(this.#url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(payload),
        redirect: 'error',
        signal: AbortSignal.any([signal, AbortSignal.timeout(this.#timing.requestTimeoutMs)]),
      });
      const text = (await response.text()).trim().slice(0, 80);
      return { status: response.status, text, retryAfter: response.headers.get('retry-after') };
    } catch (error) {
      // Only the code: the HTTP client quotes the address, which is the secret.
      const failure = toDeliveryError('webhook', error).failure;
      throw new DeliveryError(failure, `webhook: ${networkCode(error) || 'no answer'}`);
    }
  }

  #refusal(status: number, text: string, retryAfter: string | null): DeliveryError {
    const message = `webhook: ${status} ${text}`;
    if (status === 429)
      return new DeliveryError('rate-limited', message, { retryAfterMs: (Number(retryAfter) || 30) * 1000 });
    if (status >= 500) return new DeliveryError('unknown', message);
    if (GONE.has(text)) {
      this.#health?.change({
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
}
