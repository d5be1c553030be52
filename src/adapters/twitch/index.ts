import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { DeliveryError, messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
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
import { Intake } from '../kit/intake.ts';
import { scrubbedLogger, scrubber } from '../kit/scrub.ts';
import { ParkedError, RetryAfterError, Supervisor } from '../kit/supervisor.ts';
import { DIRECT } from '../kit/way.ts';
import { formatPlain } from '../text/plain.ts';
import { authUrlOf } from './endpoints.ts';
import { TwitchOutbound } from './outbound.ts';
import { ChatSession, TokenRefused } from './session.ts';
import { channelName, NAME, TWITCH_TIMING, type TwitchSettings, type TwitchTiming } from './settings.ts';
import type { KnownStreams, StreamNews } from './streams.ts';
import { bare, Tokens } from './tokens.ts';

interface TwitchConnectionOptions {
  readonly settings: TwitchSettings;
  readonly timing: TwitchTiming;
  readonly host: AdapterHost;
  /** The host's log with our secrets taken out. */
  readonly log: Logger;
  readonly tokens: Tokens;
  readonly outbound: TwitchOutbound;
}

/** The supervised way in: one session after the other, with a fresh token where one is needed. */
class TwitchConnection {
  readonly #options: TwitchConnectionOptions;
  readonly #channels: readonly string[];
  readonly #login: string;
  readonly #health: HealthTracker;
  readonly #supervisor: Supervisor;
  readonly #intake: Intake;
  /** The token was refreshed and has not been accepted yet. */
  #untried = false;
  #loaded = false;
  readonly #streams: KnownStreams = { live: new Set(), complete: false };

  constructor(options: TwitchConnectionOptions) {
    const { settings, timing, host, log } = options;
    this.#options = options;
    this.#login = settings.username.trim().toLowerCase();
    this.#channels = [...new Set(settings.channels.map(channelName))];
    this.#health = new HealthTracker((health) => host.health(health));
    this.#supervisor = new Supervisor({
      run: (connected, signal) => this.#run(connected, signal),
      health: this.#health,
      log,
      minDelayMs: timing.minDelayMs,
      maxDelayMs: timing.maxDelayMs,
    });
    // Twitch never delivers a message again: what cannot be stored in two minutes is lost, and the log says so.
    this.#intake = new Intake({ accept: (message) => host.accept(message), log });
  }

  start(): void {
    this.#supervisor.start();
  }

  async stop(): Promise<void> {
    this.#intake.stop();
    await this.#supervisor.stop();
  }

  async #run(connected: () => void, signal: AbortSignal): Promise<void> {
    const { tokens } = this.#options;
    this.#demandSettings();
    if (!this.#loaded) await tokens.load();
    this.#loaded = true;
    if (tokens.stale && !this.#untried) await this.#refresh(signal);
    try {
      const accepted = (): void => {
        this.#untried = false;
      };
      await this.#session().run(connected, accepted, signal);
    } catch (error) {
      if (!(error instanceof TokenRefused)) throw error;
      if (this.#untried)
        throw new ParkedError(
          'Twitch refuses the refreshed token too',
          'Authorise the account named in platforms.twitch.username again, with the scopes chat:read and chat:edit.',
          'revoked',
        );
      await this.#refresh(signal);
      throw new RetryAfterError('the token was refreshed', 0);
    }
  }

  async #refresh(signal: AbortSignal): Promise<void> {
    await this.#options.tokens.refresh(signal);
    this.#untried = true;
    this.#options.log.info('the Twitch token was refreshed');
  }

  #session(): ChatSession {
    const { settings, timing, host, log, tokens, outbound } = this.#options;
    return new ChatSession({
      settings,
      timing,
      log,
      clock: host.clock,
      health: this.#health,
      tokens,
      outbound,
      login: this.#login,
      channels: this.#channels,
      take: (message) => void this.#intake.take(message.chat, async () => message),
      known: this.#streams,
      news: (news) => void this.#announce(news),
    });
  }

  async #announce({ id, channel, online }: StreamNews): Promise<void> {
    const { settings, host, log } = this.#options;
    const targets = settings.notices ?? [];
    if (targets.length === 0) return;
    const text = online
      ? `#${channel} is live: https://www.twitch.tv/${channel}`
      : `The stream of #${channel} is over.`;
    try {
      await host.announce?.({ id: `stream:${id}`, text, targets });
    } catch (error) {
      log.warn(`a stream notice found no chat: ${messageOf(error)}`, { channel });
    }
  }

  #demandSettings(): void {
    const { settings, tokens } = this.#options;
    const park = (detail: string, key: string, what: string): never => {
      throw new ParkedError(detail, `Put ${what} into platforms.twitch.${key}.`);
    };
    if (!NAME.test(this.#login))
      park('the login name is missing or malformed', 'username', "the bot's login name");
    if (!/^[\x21-\x7e]+$/.test(tokens.token))
      park('the token is missing or malformed', 'token', 'an access token');
    if (this.#channels.length === 0) park('there is no channel to join', 'channels', 'the channels to join');
    const odd = this.#channels.find((channel) => !NAME.test(channel));
    if (odd !== undefined)
      park(`${JSON.stringify(odd)} is no channel`, 'channels', 'login names of channels');
    if (settings.port !== undefined && (settings.port < 1 || settings.port > 65_535))
      park(`${settings.port} is no port`, 'port', 'a port');
  }
}

/** https://dev.twitch.tv/docs/authentication/validate-tokens/ */
const Validation = Type.Object({
  login: Type.String(),
  user_id: Type.String(),
  scopes: Type.Union([Type.Array(Type.String()), Type.Null()]),
  expires_in: Type.Number(),
});

const AGAIN =
  'Authorise the account again with the scopes chat:read and chat:edit, and put the new token into platforms.twitch.token.';

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

export { type TwitchSettings, type TwitchTiming, twitchSettingsSchema } from './settings.ts';

/**
 * The Twitch chat adapter.
 *
 * @example
 * createTwitchAdapter({ username: 'mybot', token: 'oauth:…', channels: ['mychannel'] });
 */
export function createTwitchAdapter(settings: TwitchSettings, timing: Partial<TwitchTiming> = {}): Adapter {
  return new TwitchAdapter(settings, { ...TWITCH_TIMING, ...timing });
}
