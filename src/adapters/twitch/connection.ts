import { messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { AdapterHost } from '../../gateway/adapter.ts';
import { say } from '../../gateway/language/chat-text.ts';
import { HealthTracker } from '../kit/health-tracker.ts';
import { Intake } from '../kit/intake.ts';
import { ParkedError, RetryAfterError, Supervisor } from '../kit/supervisor.ts';
import type { TwitchOutbound } from './outbound.ts';
import { ChatSession, TokenRefused } from './session.ts';
import { channelName, NAME, type TwitchSettings, type TwitchTiming } from './settings.ts';
import type { KnownStreams, StreamNews } from './streams.ts';
import type { Tokens } from './tokens.ts';

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
export class TwitchConnection {
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
          'Authorize the account named in platforms.twitch.username again, with the scopes chat:read and chat:edit.',
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
    const text = say(online ? 'stream.live' : 'stream.ended', { channel });
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
      park(`${JSON.stringify(odd)} is not a channel`, 'channels', 'login names of channels');
    if (settings.port !== undefined && (settings.port < 1 || settings.port > 65_535))
      park(`${settings.port} is not a port`, 'port', 'a port');
  }
}
