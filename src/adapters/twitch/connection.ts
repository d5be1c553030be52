import type { AdapterHost } from '../../gateway/adapter.ts';
import type { Logger } from '../../gateway/log.ts';
import { HealthTracker } from '../kit/health-tracker.ts';
import { Intake } from '../kit/intake.ts';
import { ParkedError, pause, RetryAfterError, Supervisor } from '../kit/supervisor.ts';
import { within } from '../kit/within.ts';
import { ChatClient } from './chat-client.ts';
import { readMessage } from './inbound.ts';
import type { IrcLine } from './irc-line.ts';
import { loginRefusal } from './notices.ts';
import type { TwitchOutbound } from './outbound.ts';
import { RateWindow } from './rate-window.ts';
import { channelName, type TwitchSettings, type TwitchTiming } from './settings.ts';
import type { Tokens } from './tokens.ts';

export interface TwitchConnectionOptions {
  readonly settings: TwitchSettings;
  readonly timing: TwitchTiming;
  readonly host: AdapterHost;
  /** The host's log with our secrets taken out. */
  readonly log: Logger;
  readonly tokens: Tokens;
  readonly outbound: TwitchOutbound;
}

/** Twitch's limit for joins. */
const JOINS = 20;
const JOIN_WINDOW_MS = 10_000;
/** Login names of people and channels. */
const NAME = /^\w{1,25}$/;

/** The server does not take the token. */
class TokenRefused extends Error {
  override readonly name = 'TokenRefused';
}

/** The supervised way in: logs in, joins the channels, hands messages to the gateway. */
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
      await this.#hold(connected, signal);
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

  /** One connection, until it ends. */
  async #hold(connected: () => void, signal: AbortSignal): Promise<void> {
    const { settings, timing, log, tokens, outbound } = this.#options;
    const over = Promise.withResolvers<void>();
    const ended = new AbortController();
    const joined = Promise.withResolvers<void>();
    const me: { login: string; userId: string | undefined } = { login: this.#login, userId: undefined };
    let heardAt = performance.now();

    const client = new ChatClient({
      settings,
      login: this.#login,
      token: tokens.token,
      handshakeTimeoutMs: timing.loginTimeoutMs,
      log,
      ended: (reason) => over.reject(new Error(reason)),
      line: (line) => {
        heardAt = performance.now();
        const end = this.#endOf(line);
        if (end !== undefined) over.reject(end);
        const [nick = ''] = line.params;
        if (line.command === '001' && NAME.test(nick)) me.login = nick.toLowerCase();
        if (line.command === 'GLOBALUSERSTATE') me.userId = line.tags['user-id'] || undefined;
        if (line.command === 'PING' || line.command === 'PONG')
          this.#health.change({ lastHeartbeatAt: this.#options.host.clock() });
        outbound.line(line);
        if (this.#channels.every((channel) => outbound.joined(channel))) joined.resolve();
        if (line.command === 'PRIVMSG') this.#receive(line, me);
      },
      connected: () => {
        clearTimeout(deadline);
        this.#untried = false;
        outbound.attach(client);
        const joining = this.#join(client, joined.promise, ended.signal, () => {
          this.#health.change({ account: { id: me.userId ?? me.login, name: `@${me.login}` } });
          connected();
          this.#health.change({ lastHeartbeatAt: this.#options.host.clock() });
        });
        joining.catch((error: unknown) => over.reject(error));
      },
    });
    const stop = (): void => over.resolve();
    const deadline = setTimeout(
      () => over.reject(new Error('Twitch did not finish the login')),
      timing.loginTimeoutMs,
    );
    const pulse = setInterval(() => {
      if (performance.now() - heardAt > timing.silenceTimeoutMs)
        over.reject(new Error('Twitch has gone silent'));
      client.raw('PING').catch(() => {
        // Not connected yet, or no more: the deadline or the end says so.
      });
    }, timing.pingMs);
    signal.addEventListener('abort', stop);
    try {
      if (!signal.aborted) client.open();
      else stop();
      await over.promise;
    } finally {
      clearTimeout(deadline);
      clearInterval(pulse);
      signal.removeEventListener('abort', stop);
      ended.abort();
      joined.resolve();
      outbound.detach();
      await client.close();
    }
  }

  /** Why this line ends the connection, if it does. */
  #endOf(line: IrcLine): Error | undefined {
    if (line.command === 'RECONNECT') return new Error('Twitch asked for a new connection');
    if (line.command !== 'NOTICE' || line.tags['msg-id']) return undefined;
    const refusal = loginRefusal(line.params[1] ?? '');
    if (refusal === 'token') return new TokenRefused('Twitch refuses the token');
    if (refusal === 'name')
      return new ParkedError(
        'Twitch refuses the login name',
        "Put the bot account's login name into platforms.twitch.username.",
      );
    return undefined;
  }

  #receive(line: IrcLine, me: { readonly login: string; readonly userId: string | undefined }): void {
    const now = this.#options.host.clock();
    const reading = readMessage(line, me, now);
    if ('ignored' in reading) {
      this.#options.log.debug(`a line was ignored: ${reading.ignored}`);
      return;
    }
    this.#health.change({ lastUpdateAt: now });
    const { message } = reading;
    if (message.sender.isSelf !== true) void this.#intake.take(message.chat, async () => message);
  }

  /** Joins at the pace Twitch allows, for as long as the connection lives: a suspended channel may come back. */
  async #join(client: ChatClient, all: Promise<void>, signal: AbortSignal, ready: () => void): Promise<void> {
    const { timing, log, outbound } = this.#options;
    const pace = new RateWindow(JOIN_WINDOW_MS);
    const first = within(all, timing.joinTimeoutMs).then(() => {
      if (!signal.aborted) ready();
    });
    while (!signal.aborted) {
      for (const channel of this.#channels) {
        if (outbound.joined(channel)) continue;
        await pace.take(JOINS, signal);
        if (signal.aborted) break;
        await client.raw(`JOIN #${channel}`);
      }
      await first;
      outbound.settleJoins();
      const missing = this.#channels.filter((channel) => !outbound.joined(channel));
      if (missing.length > 0 && !signal.aborted) {
        log.warn('channels could not be joined', { channels: missing.join(' ') });
        this.#health.change({ detail: `@${this.#login}, not in #${missing.join(' #')}` });
      }
      await pause(timing.rejoinMs, signal);
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
