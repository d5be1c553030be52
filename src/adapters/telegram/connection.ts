import { Value } from 'typebox/value';
import type { AdapterHost } from '../../gateway/adapter.ts';
import { messageOf } from '../../gateway/errors.ts';
import type { Logger } from '../../gateway/log.ts';
import type { HealthTracker } from '../kit/health-tracker.ts';
import { ParkedError, RetryAfterError, Supervisor } from '../kit/supervisor.ts';
import { type BotClient, TelegramFailure } from './client.ts';
import { syncMenu } from './menu.ts';
import { type PollingTuning, poll } from './polling.ts';
import { UpdateWindow } from './update-window.ts';
import type { UpdateTaker } from './updates.ts';
import { keepWebhook } from './webhook.ts';
import { Me } from './wire.ts';

export interface ConnectionTuning extends PollingTuning {
  /** How long another program may poll beside us before the adapter parks; a restart causes it for a moment. */
  readonly conflictPatienceMs?: number;
  /** Pause before the next try after a conflict. */
  readonly conflictRetryMs?: number;
  /** First and longest delay between attempts to connect. */
  readonly minDelayMs?: number;
  readonly maxDelayMs?: number;
}

export interface ConnectionOptions extends ConnectionTuning {
  readonly client: BotClient;
  readonly taker: UpdateTaker;
  readonly health: HealthTracker;
  readonly host: Pick<AdapterHost, 'clock' | 'commands'>;
  readonly log: Logger;
  readonly hasToken: boolean;
  /** Undefined: long poll. */
  readonly webhook: { readonly address: URL | undefined; readonly secret: string } | undefined;
}

/** The supervised connection: login, menu, then polls or the webhook, for ever. */
export class TelegramConnection {
  readonly #options: ConnectionOptions;
  readonly #supervisor: Supervisor;
  readonly #window = new UpdateWindow();
  #menuDone = false;
  #conflictSince: number | undefined;
  #lastConflict = 0;
  #refusal: TelegramFailure | undefined;
  #run = new AbortController();

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#supervisor = new Supervisor({
      run: (connected, signal) => this.#live(connected, signal),
      health: options.health,
      log: options.log,
      now: options.host.clock,
      minDelayMs: options.minDelayMs ?? 500,
      maxDelayMs: options.maxDelayMs ?? 15_000,
    });
  }

  start(): void {
    this.#supervisor.start();
  }

  stop(): Promise<void> {
    return this.#supervisor.stop();
  }

  /** A call outside of this connection was told that the token is not valid: ends the connection, which parks. */
  refused(failure: TelegramFailure): void {
    this.#refusal = failure;
    this.#run.abort();
  }

  async #live(connected: () => void, stop: AbortSignal): Promise<void> {
    const run = new AbortController();
    this.#run = run;
    this.#refusal = undefined;
    const signal = AbortSignal.any([stop, run.signal]);
    try {
      await this.#connect(connected, signal);
    } catch (error) {
      throw this.#verdict(this.#refusal ?? error);
    }
  }

  async #connect(connected: () => void, signal: AbortSignal): Promise<void> {
    const { client, taker, health, host, log, webhook } = this.#options;
    if (!this.#options.hasToken)
      throw new ParkedError('no token', 'Set platforms.telegram.token: @BotFather gives you one.', 'unknown');
    const me = await client.call('getMe', {}, { signal });
    if (!Value.Check(Me, me)) throw new Error('the answer to getMe makes no sense');
    const name = me.username === undefined ? me.first_name : `@${me.username}`;
    health.change({ account: { id: String(me.id), name }, authorisation: 'valid' });
    taker.own = { id: me.id, username: me.username, commands: host.commands.map((command) => command.name) };
    await this.#showMenu(signal);
    const seen = (): void => {
      health.change({ alive: true, lastHeartbeatAt: host.clock() });
    };
    if (webhook !== undefined)
      return keepWebhook({ client, ...webhook, log, onSeen: seen }, connected, signal);
    await client.call('deleteWebhook', { drop_pending_updates: false }, { signal });
    const onPoll = (): void => {
      this.#calm();
      seen();
    };
    const { pollSeconds, pollGraceMs } = this.#options;
    const tuning = {
      ...(pollSeconds === undefined ? {} : { pollSeconds }),
      ...(pollGraceMs === undefined ? {} : { pollGraceMs }),
    };
    return poll({ ...tuning, client, taker, window: this.#window, onPoll }, connected, signal);
  }

  /** The menu is a convenience: a failure of it never keeps messages waiting. */
  async #showMenu(signal: AbortSignal): Promise<void> {
    if (this.#menuDone) return;
    const { client, host, log } = this.#options;
    try {
      if (await syncMenu(client, host.commands, signal)) log.info('the command menu was updated');
      this.#menuDone = true;
    } catch (error) {
      if (error instanceof TelegramFailure && error.kind === 'refused' && !error.unauthorised)
        this.#menuDone = true;
      log.warn(`the command menu could not be updated: ${messageOf(error)}`);
    }
  }

  /** What the end of a connection means: park, wait as told, or try again. */
  #verdict(error: unknown): unknown {
    if (!(error instanceof TelegramFailure) || error.kind !== 'refused') return error;
    if (error.unauthorised)
      return new ParkedError(
        'token refused',
        'Get a new token from @BotFather (/token) and set platforms.telegram.token.',
        'revoked',
      );
    if (error.code === 409) return this.#conflict();
    if (error.retryAfterMs !== undefined) return new RetryAfterError(error.message, error.retryAfterMs);
    return error;
  }

  #conflict(): Error {
    const now = this.#options.host.clock();
    this.#conflictSince ??= now;
    this.#lastConflict = now;
    const patience = this.#options.conflictPatienceMs ?? 60_000;
    if (now - this.#conflictSince >= patience)
      return new ParkedError(
        'another program polls with this token',
        'Stop the other program that uses this bot, or give this gateway a bot of its own, then restart the adapter.',
        'valid',
      );
    return new RetryAfterError(
      'another program polls with this token',
      this.#options.conflictRetryMs ?? 3000 + Math.random() * 2000,
    );
  }

  /** Polls have gone well long enough: the next conflict starts a new count. */
  #calm(): void {
    const patience = this.#options.conflictPatienceMs ?? 60_000;
    if (this.#options.host.clock() - this.#lastConflict > patience) this.#conflictSince = undefined;
  }
}
