import { Type } from 'typebox';
import { Value } from 'typebox/value';
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
import { scrubbedLogger, scrubber } from '../kit/scrub.ts';
import { DIRECT } from '../kit/way.ts';
import { formatPlain } from '../text/plain.ts';
import { TwitchConnection } from './connection.ts';
import { authUrlOf } from './endpoints.ts';
import { TwitchOutbound } from './outbound.ts';
import { channelName, TWITCH_TIMING, type TwitchSettings, type TwitchTiming } from './settings.ts';
import { bare, Tokens } from './tokens.ts';

/** https://dev.twitch.tv/docs/authentication/validate-tokens/ */
const Validation = Type.Object({
  login: Type.String(),
  user_id: Type.String(),
  scopes: Type.Union([Type.Array(Type.String()), Type.Null()]),
  expires_in: Type.Number(),
});

const AGAIN =
  'Authorize the account again with the scopes chat:read and chat:edit, and put the new token into platforms.twitch.token.';

const NEEDED = ['chat:read', 'chat:edit'];

/** Asks Twitch whose token this is and what it may do. */
async function checkTwitch(
  settings: TwitchSettings,
  token: string,
  signal: AbortSignal,
): Promise<AdapterCheck> {
  const bad: string[] = [];
  const good: string[] = [];
  const refreshable = Boolean(settings.clientId && settings.refreshToken);
  if (settings.channels.length === 0)
    bad.push('platforms.twitch.channels is empty: there is nothing to join.');
  try {
    const response = await (settings.way ?? DIRECT).fetch(`${authUrlOf(settings)}/validate`, {
      headers: { authorization: `OAuth ${bare(token)}` },
      redirect: 'error',
      signal,
    });
    const answer: unknown = await response.json().catch(() => undefined);
    if (response.status === 401) {
      if (refreshable) good.push('The token has expired; it is refreshed at the next login.');
      else
        bad.push(
          `The token is expired or revoked, and there is no refreshToken with a clientId to renew it. ${AGAIN}`,
        );
    } else if (!response.ok || !Value.Check(Validation, answer))
      bad.push(`Twitch answers HTTP ${response.status}.`);
    else judge(answer, settings, refreshable, bad, good);
  } catch (error) {
    bad.push(`Twitch cannot be reached: ${reasonOf(error)}.`);
  }
  return { ok: bad.length === 0, findings: [...bad, ...good] };
}

function judge(
  answer: { login: string; scopes: readonly string[] | null; expires_in: number },
  settings: TwitchSettings,
  refreshable: boolean,
  bad: string[],
  good: string[],
): void {
  if (answer.login !== settings.username.trim().toLowerCase())
    bad.push(`The token belongs to ${answer.login}, but platforms.twitch.username is ${settings.username}.`);
  for (const scope of NEEDED)
    if (!(answer.scopes ?? []).includes(scope)) bad.push(`The scope ${scope} is missing. ${AGAIN}`);
  good.push(`The bot is ${answer.login}; channels: ${settings.channels.map(channelName).join(', ')}.`);
  if (!refreshable && answer.expires_in > 0)
    good.push(`The token ends in ${Math.ceil(answer.expires_in / 3600)} h and cannot be refreshed.`);
}

/** `fetch` hides why it failed in the cause. */
function reasonOf(error: unknown): string {
  return error instanceof Error && error.cause instanceof Error ? messageOf(error.cause) : messageOf(error);
}

const TWITCH_CAPABILITIES: Capabilities = {
  edit: false,
  delete: false,
  typing: false,
  threads: false,
  reactions: false,
  attachmentsIn: false,
  attachmentsOut: false,
  buttons: false,
  streamsEvents: false,
  // Twitch takes 500; the rest is for what makes a repeated text different.
  textLimit: 480,
  textUnit: 'utf16',
  editIntervalMs: 0,
  typingRefreshMs: 0,
  bangCommands: true,
  idempotentSend: false,
};

/** Twitch chat. */
class TwitchAdapter implements Adapter {
  readonly platform = 'twitch';
  readonly capabilities = TWITCH_CAPABILITIES;
  readonly #settings: TwitchSettings;
  readonly #timing: TwitchTiming;
  #live:
    | { connection: TwitchConnection; outbound: TwitchOutbound; tokens: Tokens; stopped: AbortController }
    | undefined;

  constructor(settings: TwitchSettings, timing: TwitchTiming) {
    this.#settings = settings;
    this.#timing = timing;
  }

  async start(host: AdapterHost): Promise<void> {
    if (this.#live !== undefined) return;
    const settings = this.#settings;
    const tokens = new Tokens(settings, host.stateDir, (value) => host.secret(value), host.clock);
    const log = scrubbedLogger(host.log, (text) => scrubber(...tokens.secrets)(text));
    const stopped = new AbortController();
    const outbound = new TwitchOutbound(settings.channels.map(channelName), this.#timing, stopped.signal);
    const connection = new TwitchConnection({ settings, timing: this.#timing, host, log, tokens, outbound });
    this.#live = { connection, outbound, tokens, stopped };
    connection.start();
  }

  async stop(): Promise<void> {
    const live = this.#live;
    this.#live = undefined;
    live?.stopped.abort();
    await live?.connection.stop();
  }

  format(markdown: string): readonly Part[] {
    return formatPlain(markdown, {
      limit: TWITCH_CAPABILITIES.textLimit,
      unit: TWITCH_CAPABILITIES.textUnit,
      singleLine: true,
    });
  }

  async send(request: SendRequest, signal: AbortSignal): Promise<SendReceipt> {
    if (this.#live === undefined) throw new DeliveryError('unreachable', 'the Twitch adapter is stopped');
    return this.#live.outbound.send(request, signal);
  }

  check(signal: AbortSignal): Promise<AdapterCheck> {
    return checkTwitch(this.#settings, this.#live?.tokens.token ?? this.#settings.token, signal);
  }
}

export type { TwitchSettings, TwitchTiming } from './settings.ts';

/**
 * The Twitch chat adapter.
 *
 * @example
 * createTwitchAdapter({ username: 'mybot', token: 'oauth:…', channels: ['mychannel'] });
 */
export function createTwitchAdapter(settings: TwitchSettings, timing: Partial<TwitchTiming> = {}): Adapter {
  return new TwitchAdapter(settings, { ...TWITCH_TIMING, ...timing });
}
