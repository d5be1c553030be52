import { type Clock, within } from '../../base/async.ts';
import { messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { AdapterHost } from '../../gateway/adapter.ts';
import { say } from '../../gateway/language/chat-text.ts';
import type { InboundMessage } from '../../gateway/model.ts';
import { Intake } from '../kit/run-adapter.ts';
import { HealthTracker, ParkedError, Pulse, pause, RetryAfterError, Supervisor } from '../kit/supervisor.ts';
import type { Tokens } from './api.ts';
import {
  channelName,
  chatUrlOf,
  eventSubUrlOf,
  Helix,
  NAME,
  type TwitchSettings,
  type TwitchTiming,
} from './api.ts';
import { ChatClient, type IrcLine, loginRefusal, readMessage } from './receive.ts';
import { RateWindow, type TwitchOutbound } from './send.ts';
import { type KnownStreams, type StreamNews, StreamWatch } from './streams.ts';

interface ChatSessionOptions {
  readonly settings: TwitchSettings;
  readonly timing: TwitchTiming;
  readonly log: Logger;
  readonly clock: Clock;
  readonly health: HealthTracker;
  readonly tokens: Tokens;
  readonly outbound: TwitchOutbound;
  readonly login: string;
  readonly channels: readonly string[];
  readonly take: (message: InboundMessage) => void;
  readonly known: KnownStreams;
  /** A stream began or ended. */
  readonly news: (news: StreamNews) => void;
}

/** Twitch's limit for joins. */
const JOINS = 20;
const JOIN_WINDOW_MS = 10_000;

/** The server does not take the token. */
class TokenRefused extends Error {
  override readonly name = 'TokenRefused';
}

/** One connection to the chat, from login to its end. */
class ChatSession {
  readonly #options: ChatSessionOptions;
  readonly #client: ChatClient;
  readonly #over = Promise.withResolvers<void>();
  readonly #joined = Promise.withResolvers<void>();
  #described = false;
  readonly #ended = new AbortController();
  readonly #rooms = new Map<string, string>();
  #deadline: NodeJS.Timeout | undefined;
  #ready: () => void = () => {};
  #watching: Promise<void> = Promise.resolve();
  #login: string;
  #userId: string | undefined;
  #live: readonly string[] = [];
  readonly #pulse: Pulse;

  constructor(options: ChatSessionOptions) {
    this.#options = options;
    this.#login = options.login;
    this.#pulse = new Pulse({
      quietMs: options.timing.quietMs,
      answerMs: options.timing.answerMs,
      ask: () => {
        this.#client.raw('PING :pi-gateway').catch(() => {
          // Not connected anymore: the end of the connection says so.
        });
      },
      silent: () => this.#over.reject(new Error('Twitch stopped responding')),
    });
    this.#client = new ChatClient({
      url: chatUrlOf(options.settings),
      agent: options.settings.way?.agent(chatUrlOf(options.settings)),
      login: options.login,
      token: options.tokens.token,
      handshakeTimeoutMs: options.timing.loginTimeoutMs,
      log: options.log,
      ended: (reason) => this.#over.reject(new Error(reason)),
      line: (line) => this.#line(line),
      connected: () => this.#connected(),
    });
  }

  /**
   * Calls `ready` once the channels are joined (or have had time for it); settles when the connection has ended and
   * nothing of it is left. Rejects with `TokenRefused` or `ParkedError` for a refused login.
   */
  async run(ready: () => void, accepted: () => void, signal: AbortSignal): Promise<void> {
    const { timing, outbound } = this.#options;
    const stop = (): void => this.#over.resolve();
    this.#ready = () => {
      accepted();
      outbound.attach(this.#client);
      this.#join(ready).catch((error: unknown) => this.#over.reject(error));
    };
    this.#deadline = setTimeout(
      () => this.#over.reject(new Error('Twitch did not finish the login (ETIMEDOUT)')),
      timing.loginTimeoutMs,
    );
    signal.addEventListener('abort', stop);
    try {
      if (signal.aborted) stop();
      else this.#client.open();
      await this.#over.promise;
    } finally {
      clearTimeout(this.#deadline);
      this.#pulse.stop();
      signal.removeEventListener('abort', stop);
      this.#ended.abort();
      this.#joined.resolve();
      outbound.detach();
      await Promise.all([this.#client.close(), this.#watching]);
    }
  }

  #connected(): void {
    clearTimeout(this.#deadline);
    this.#pulse.start();
    this.#ready();
  }

  #line(line: IrcLine): void {
    const { health, clock, outbound } = this.#options;
    const { command, tags } = line;
    const [first = ''] = line.params;
    this.#pulse.heard();
    if (command === 'NOTICE' && !tags['msg-id']) this.#refused(line.params[1] ?? '');
    if (command === 'RECONNECT') this.#over.reject(new Error('Twitch asked for a new connection'));
    if (command === '001' && NAME.test(first)) this.#login = first.toLowerCase();
    if (command === 'GLOBALUSERSTATE') this.#userId = tags['user-id'] || undefined;
    if (command === 'ROOMSTATE' && tags['room-id']) this.#rooms.set(tags['room-id'], first.replace('#', ''));
    if (command === 'PING' || command === 'PONG') health.change({ lastHeartbeatAt: clock() });
    const missing = this.#missing().length;
    outbound.line(line);
    if (this.#missing().length === 0) this.#joined.resolve();
    // A channel that was joined late must not stay "not in" until the next look.
    if (this.#described && this.#missing().length !== missing) this.#describe();
    if (command === 'PRIVMSG' || command === 'USERNOTICE') this.#message(line);
  }

  #refused(notice: string): void {
    const refusal = loginRefusal(notice);
    if (refusal === 'token') this.#over.reject(new TokenRefused('Twitch refuses the token'));
    if (refusal === 'name')
      this.#over.reject(
        new ParkedError(
          'Twitch refuses the login name',
          "Put the bot account's login name into platforms.twitch.username.",
        ),
      );
  }

  #message(line: IrcLine): void {
    const { clock, health, log, take } = this.#options;
    const now = clock();
    const reading = readMessage(line, { login: this.#login, userId: this.#userId }, now);
    if ('ignored' in reading) {
      log.debug(`a line was ignored: ${reading.ignored}`);
      return;
    }
    health.change({ lastUpdateAt: now });
    if (reading.message.sender.isSelf !== true) take(reading.message);
  }

  /** Joins at the pace Twitch allows, for as long as the connection lives: a suspended channel may come back. */
  async #join(ready: () => void): Promise<void> {
    const { timing, log, outbound, channels } = this.#options;
    const signal = this.#ended.signal;
    const pace = new RateWindow(JOIN_WINDOW_MS);
    const first = within(this.#joined.promise, timing.joinTimeoutMs).then(() => {
      if (!signal.aborted) this.#announce(ready);
    });
    while (!signal.aborted) {
      for (const channel of channels) {
        if (outbound.joined(channel)) continue;
        await pace.take(JOINS, signal);
        if (signal.aborted) break;
        await this.#client.raw(`JOIN #${channel}`);
      }
      await first;
      outbound.settleJoins();
      if (this.#missing().length > 0 && !signal.aborted)
        log.warn('channels could not be joined', { channels: this.#missing().join(' ') });
      this.#described = true;
      this.#describe();
      await pause(timing.rejoinMs, signal);
    }
  }

  #announce(ready: () => void): void {
    const { health, clock } = this.#options;
    health.change({ account: { id: this.#userId ?? this.#login, name: `@${this.#login}` } });
    ready();
    health.change({ lastHeartbeatAt: clock() });
    this.#watchStreams();
  }

  #watchStreams(): void {
    const { settings, tokens, log } = this.#options;
    const url = eventSubUrlOf(settings);
    if (url === undefined || this.#rooms.size === 0) return;
    const watch = new StreamWatch({
      url,
      way: settings.way,
      helix: new Helix(settings, tokens),
      rooms: this.#rooms,
      log,
      known: this.#options.known,
      now: this.#options.clock,
      changed: (live) => {
        this.#live = live;
        this.#describe();
      },
      news: this.#options.news,
    });
    this.#watching = watch.run(this.#ended.signal);
  }

  #missing(): readonly string[] {
    const { channels, outbound } = this.#options;
    return channels.filter((channel) => !outbound.joined(channel));
  }

  #describe(): void {
    if (this.#ended.signal.aborted) return;
    const list = (title: string, names: readonly string[]): string =>
      names.length === 0 ? '' : `, ${title} #${names.join(' #')}`;
    this.#options.health.change({
      detail: `@${this.#login}${list('live', this.#live)}${list('not in', this.#missing())}`,
    });
  }
}

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
    const { tokens, timing } = this.#options;
    let since = Number.POSITIVE_INFINITY;
    const joined = (): void => {
      since = performance.now();
      connected();
    };
    this.#demandSettings();
    if (!this.#loaded) await tokens.load();
    this.#loaded = true;
    if (tokens.stale && !this.#untried) await this.#refresh(signal);
    try {
      const accepted = (): void => {
        this.#untried = false;
      };
      await this.#session().run(joined, accepted, signal);
    } catch (error) {
      if (!(error instanceof TokenRefused)) {
        // What is written before the next connection has joined is lost: it must not wait for a back-off.
        if (!(error instanceof ParkedError) && performance.now() - since >= timing.heldMs)
          throw new RetryAfterError(messageOf(error), 0);
        throw error;
      }
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
