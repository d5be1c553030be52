import { Value } from 'typebox/value';
import type { AdapterHost } from '../../gateway/adapter.ts';
import { messageOf } from '../../gateway/errors.ts';
import type { Logger } from '../../gateway/log.ts';
import type { HealthTracker } from '../kit/health-tracker.ts';
import { ParkedError, Supervisor } from '../kit/supervisor.ts';
import type { Way } from '../kit/way.ts';
import type { CatchUp } from './catch-up.ts';
import { syncCommands } from './commands.ts';
import type { EventTaker } from './events.ts';
import {
  type GatewayEventName,
  GatewaySession,
  IdentifySpacing,
  type SessionTuning,
} from './gateway-session.ts';
import { type DiscordRest, failureOf } from './rest.ts';
import type { SeenMarks } from './seen-marks.ts';
import { fatalClose, loginVerdict, tokenRefused } from './verdict.ts';
import { Ready } from './wire.ts';

export interface ConnectionTuning extends SessionTuning {
  /** After so long without a connection a new client takes over from one that cannot reconnect; default 5 min. */
  readonly rebuildAfterMs?: number;
}

export interface ConnectionOptions extends ConnectionTuning {
  readonly token: string;
  readonly apiUrl: string | undefined;
  readonly way: Way | undefined;
  readonly guildId: string | undefined;
  readonly rest: DiscordRest;
  readonly taker: EventTaker;
  readonly marks: SeenMarks;
  readonly catchUp: CatchUp;
  readonly health: HealthTracker;
  readonly host: Pick<AdapterHost, 'clock' | 'commands'>;
  readonly log: Logger;
}

/** What one run of the supervisor has: its client, and the promise that fails when the run is over. */
interface Run {
  readonly session: GatewaySession;
  readonly over: PromiseWithResolvers<never>;
  readonly connected: () => void;
  readonly signal: AbortSignal;
}

/** The supervised connection: short losses are the client's own to mend, long and fatal ones are ours. */
export class DiscordConnection {
  readonly #options: ConnectionOptions;
  readonly #supervisor: Supervisor;
  readonly #spacing = new IdentifySpacing();
  #run: Run | undefined;
  #lostAt: number | undefined;
  #commandsDone = false;
  applicationId: string | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#supervisor = new Supervisor({
      run: (connected, signal) => this.#live(connected, signal),
      health: options.health,
      log: options.log,
      now: options.host.clock,
      minDelayMs: options.minDelayMs ?? 500,
      maxDelayMs: options.maxDelayMs ?? 30_000,
    });
  }

  start(): void {
    this.#supervisor.start();
  }

  stop(): Promise<void> {
    return this.#supervisor.stop();
  }

  /** A call outside of this connection was told that the token is not valid. */
  refused(): void {
    this.#run?.over.reject(tokenRefused());
  }

  ownRole(guildId: string): string | undefined {
    return this.#run?.session.ownRole(guildId);
  }

  channel(id: string): ReturnType<GatewaySession['channel']> {
    return this.#run?.session.channel(id);
  }

  async #live(connected: () => void, signal: AbortSignal): Promise<void> {
    const { token, apiUrl, log, health, host } = this.#options;
    if (token === '')
      throw new ParkedError(
        'no token',
        'Set platforms.discord.botToken: the Discord developer portal gives you one (Bot > Reset Token).',
      );
    const over = Promise.withResolvers<never>();
    // It may fail while nothing waits for it yet.
    over.promise.catch(() => {});
    const ended = new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
    this.#lostAt = host.clock();
    const session = new GatewaySession(
      {
        ...this.#options,
        token,
        apiUrl,
        way: this.#options.way,
        log,
        onEvent: (name, data) => this.#event(name, data),
        onClosed: (code) => this.#closed(code),
        onWaiting: (attempt, waitMs) => this.#waiting(attempt, waitMs),
        onSilent: () => this.#silent(),
        onHeartbeat: () => health.change({ lastHeartbeatAt: host.clock() }),
      },
      this.#spacing,
    );
    this.#run = { session, over, connected, signal };
    try {
      await Promise.race([session.login(), over.promise, ended]);
      await Promise.race([over.promise, ended]);
    } catch (error) {
      throw loginVerdict(error) ?? failureOrParked(error, this.#options.rest);
    } finally {
      this.#run = undefined;
      await session.end();
    }
  }

  #event(name: GatewayEventName, data: unknown): void {
    const { taker, catchUp } = this.#options;
    switch (name) {
      case 'READY':
        this.#ready(data);
        return;
      case 'RESUMED':
        this.#up();
        return;
      case 'MESSAGE_CREATE': {
        const gate = catchUp.gate(channelOf(data));
        if (gate === undefined) taker.message(data, false);
        else gate.then(() => taker.message(data, false));
        return;
      }
      case 'MESSAGE_UPDATE':
        taker.message(data, true);
        return;
      case 'MESSAGE_DELETE':
      case 'MESSAGE_DELETE_BULK':
        taker.deletion(data);
        return;
      case 'INTERACTION_CREATE':
        taker.interaction(data);
        return;
    }
  }

  #ready(data: unknown): void {
    const { taker, health, marks, catchUp } = this.#options;
    if (!Value.Check(Ready, data)) {
      this.#run?.over.reject(new Error('the gateway did not say who we are'));
      return;
    }
    taker.own = { id: data.user.id, name: data.user.username };
    this.applicationId = data.application.id;
    health.change({ account: { id: data.user.id, name: `@${data.user.username}` } });
    this.#up();
    const signal = this.#run?.signal;
    if (signal === undefined) return;
    catchUp.start(marks.all(), signal);
    this.#syncCommands(data.application.id, signal);
  }

  #up(): void {
    this.#lostAt = undefined;
    this.#run?.connected();
  }

  #closed(code: number): void {
    const { health, host } = this.#options;
    const fatal = fatalClose(code);
    if (fatal !== undefined) {
      this.#run?.over.reject(fatal);
      return;
    }
    this.#lostAt ??= host.clock();
    health.change({ state: 'reconnecting', alive: false, detail: `reconnecting: connection lost (${code})` });
  }

  #silent(): void {
    const { health, log } = this.#options;
    log.warn('Discord has gone silent; connecting anew');
    health.change({ state: 'reconnecting', alive: false, detail: 'reconnecting: Discord has gone silent' });
  }

  #waiting(attempt: number, waitMs: number): void {
    const { health, host, log, rebuildAfterMs = 300_000 } = this.#options;
    if (this.#lostAt !== undefined && host.clock() - this.#lostAt > rebuildAfterMs) {
      this.#run?.over.reject(new Error('the client could not reconnect'));
      return;
    }
    log.debug('reconnecting to the gateway', { attempt, waitMs });
    health.change({
      state: 'reconnecting',
      alive: false,
      detail: `reconnecting, try ${attempt}`,
      attempt,
      nextTryAt: host.clock() + waitMs,
    });
  }

  /** The commands are a convenience: a failure of it never keeps messages waiting. */
  #syncCommands(applicationId: string, signal: AbortSignal): void {
    if (this.#commandsDone) return;
    const { rest, guildId, host, log } = this.#options;
    syncCommands(rest, applicationId, guildId, host.commands, signal)
      .then((changed) => {
        this.#commandsDone = true;
        if (changed) log.info('the slash commands were registered');
      })
      .catch((error: unknown) => {
        if (!signal.aborted) log.warn(`the slash commands could not be registered: ${messageOf(error)}`);
      });
  }
}

function failureOrParked(error: unknown, rest: DiscordRest): Error {
  if (error instanceof ParkedError) return error;
  return failureOf('login', error, rest.scrub);
}

function channelOf(data: unknown): string {
  const id = typeof data === 'object' && data !== null && 'channel_id' in data ? data.channel_id : undefined;
  return typeof id === 'string' ? id : '';
}
