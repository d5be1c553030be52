import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { within } from '../../base/async.ts';
import { defined } from '../../base/defined.ts';
import { messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { AdapterHost } from '../../gateway/adapter.ts';
import { LANGUAGES } from '../../gateway/language/languages.ts';
import { type MenuHost, menusOf } from '../kit/run-adapter.ts';
import type { HealthTracker } from '../kit/supervisor.ts';
import { ParkedError, pause, RetryAfterError, Supervisor } from '../kit/supervisor.ts';
import { type BotClient, TelegramFailure } from './client.ts';
import type { UpdateTaker } from './updates.ts';
import { keepWebhook } from './updates.ts';
import { ALLOWED_UPDATES, Me, UpdateId } from './wire.ts';

/**
 * Which updates were received and not yet confirmed to Telegram, and the offset that confirms no more than what is
 * durable. `getUpdates` with offset n confirms every update below n, so the offset never passes one that is still
 * pending; updates behind a pending one are confirmed together with it.
 */
export class UpdateWindow {
  readonly #received = new Map<number, 'pending' | 'durable'>();

  /** True when the update has to be handled now; false when it is in hand or done already. */
  admit(updateId: number): boolean {
    if (this.#received.has(updateId)) return false;
    this.#received.set(updateId, 'pending');
    return true;
  }

  /** The update is durable, or knowingly ignored. */
  settle(updateId: number): void {
    if (this.#received.has(updateId)) this.#received.set(updateId, 'durable');
  }

  /** The update was not accepted: the next delivery is handled again. */
  release(updateId: number): void {
    this.#received.delete(updateId);
  }

  /**
   * The offset for the next poll. 0 asks for the earliest unconfirmed update, whatever its id: after a week without
   * updates Telegram continues with an arbitrary one, possibly lower than any before.
   */
  offset(): number {
    let offset = 0;
    for (const id of this.#received.keys()) offset = Math.max(offset, id + 1);
    for (const [id, state] of this.#received) if (state === 'pending') offset = Math.min(offset, id);
    return offset;
  }

  /** A poll with this offset has been answered: what lies below it is confirmed and will not come again. */
  confirmed(offset: number): void {
    for (const id of this.#received.keys()) if (id < offset) this.#received.delete(id);
  }

  /** How many updates are waiting to become durable. */
  get pending(): number {
    let count = 0;
    for (const state of this.#received.values()) if (state === 'pending') count += 1;
    return count;
  }
}

const Updates = Type.Array(Type.Unknown());

/**
 * An open poll says nothing about whether Telegram is still there: short ones keep the console's word that a silent
 * server shows within 10 s, for 15 small calls a minute.
 */
const POLL_SECONDS = 4;
const GRACE_MS = 4500;
/** How long a batch may take before the next poll looks for updates of other chats. */
const BATCH_PATIENCE_MS = 300;
/** A server that does not hold an empty poll must not be asked in a tight loop. */
const EMPTY_PAUSE_MS = 250;
/** Pause between polls that bring nothing but updates which are still waiting to be stored. */
const STALLED_MS = 1000;

interface PollingTuning {
  /** How long Telegram may hold a poll that has nothing to deliver; default 4 s. */
  readonly pollSeconds?: number;
  /** How long past the poll's own end its answer may take before the connection counts as dead; default 4.5 s. */
  readonly pollGraceMs?: number;
}

interface PollingOptions extends PollingTuning {
  readonly client: BotClient;
  readonly taker: UpdateTaker;
  readonly window: UpdateWindow;
  /** A poll was answered. */
  readonly onPoll: () => void;
}

/**
 * Long-polls until `signal` aborts or a poll fails; rejects with TelegramFailure then. Unlike telegraf's own loop it
 * confirms an update only after it is durable, and a chat whose messages cannot be stored does not hold up others.
 */
async function poll(options: PollingOptions, connected: () => void, signal: AbortSignal): Promise<void> {
  const { client, taker, window, onPoll } = options;
  for (let first = true; !signal.aborted; first = false) {
    const offset = window.offset();
    // The first poll returns at once: it shows whether another program polls too.
    const seconds = first ? 0 : (options.pollSeconds ?? POLL_SECONDS);
    const asked = performance.now();
    const updates = await client.call(
      'getUpdates',
      { offset, timeout: seconds, limit: 100, allowed_updates: ALLOWED_UPDATES },
      { signal, timeoutMs: seconds * 1000 + (options.pollGraceMs ?? GRACE_MS) },
    );
    if (!Value.Check(Updates, updates)) throw new Error('the answer to getUpdates is not a list');
    window.confirmed(offset);
    if (first) connected();
    onPoll();
    const taking = updates
      .filter((update) => Value.Check(UpdateId, update))
      .filter((update) => window.admit(update.update_id))
      .map(async (update) => {
        if (await taker.take(update)) window.settle(update.update_id);
        else window.release(update.update_id);
      });
    if (taking.length > 0) await within(Promise.all(taking), BATCH_PATIENCE_MS, signal);
    else if (window.pending > 0) await pause(STALLED_MS, signal);
    else if (!first && performance.now() - asked < EMPTY_PAUSE_MS) await pause(EMPTY_PAUSE_MS, signal);
  }
}

const Commands = Type.Array(Type.Object({ command: Type.String(), description: Type.String() }));

interface MenuEntry {
  readonly command: string;
  readonly description: string;
}

/** Telegram takes 1–32 of a-z, 0-9 and _ as a name, 1–256 characters as a description, and 100 commands. */
function menuOf(commands: AdapterHost['commands']): MenuEntry[] {
  return commands
    .filter(({ name }) => /^[a-z0-9_]{1,32}$/.test(name))
    .slice(0, 100)
    .map(({ name, help, args }) => ({
      command: name,
      description: (args === undefined || args === '' ? help : `${help} ${args}`)
        .slice(0, 256)
        .toWellFormed(),
    }));
}

/**
 * Writes the menus that differ from what Telegram has: the general one, and one for each language of an app. Where one
 * language is configured, menus of other languages from before are deleted. True when something was written.
 */
async function syncMenus(client: BotClient, host: MenuHost, signal: AbortSignal): Promise<boolean> {
  const { general, others } = await menusOf(host);
  let written = await syncMenu(client, menuOf(general.commands), undefined, signal);
  for (const code of LANGUAGES) {
    // Apps in English read the general menu.
    if (code === 'en') continue;
    const commands = others.find(({ language }) => language === code)?.commands ?? [];
    if (await syncMenu(client, menuOf(commands), code, signal)) written = true;
  }
  return written;
}

async function syncMenu(
  client: BotClient,
  wanted: readonly MenuEntry[],
  code: string | undefined,
  signal: AbortSignal,
): Promise<boolean> {
  const scope = defined({ language_code: code });
  const current = await client.call('getMyCommands', scope, { signal });
  const same =
    Value.Check(Commands, current) &&
    current.length === wanted.length &&
    current.every(
      (entry, at) => entry.command === wanted[at]?.command && entry.description === wanted[at]?.description,
    );
  if (same) return false;
  if (wanted.length === 0) await client.call('deleteMyCommands', scope, { signal });
  else await client.call('setMyCommands', { ...scope, commands: wanted }, { signal });
  return true;
}

export interface ConnectionTuning extends PollingTuning {
  /** How long another program may poll next to us before the adapter parks; a restart causes it for a moment. */
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
  readonly host: Pick<AdapterHost, 'clock'> & MenuHost;
  readonly log: Logger;
  readonly hasToken: boolean;
  /** Undefined: long poll. */
  readonly webhook: { readonly address: URL | undefined; readonly secret: string } | undefined;
}

/** The supervised connection: login, menu, then polls or the webhook, forever. */
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
    void this.#showMenus(signal);
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
      ...defined({ pollSeconds, pollGraceMs }),
    };
    return poll({ ...tuning, client, taker, window: this.#window, onPoll }, connected, signal);
  }

  /** The menus are a convenience: they never keep messages waiting. Never rejects. */
  async #showMenus(signal: AbortSignal): Promise<void> {
    if (this.#menuDone) return;
    const { client, host, log } = this.#options;
    try {
      if (await syncMenus(client, host, signal)) log.info('the command menu was updated');
      this.#menuDone = true;
    } catch (error) {
      if (error instanceof TelegramFailure && error.kind === 'refused' && !error.unauthorised)
        this.#menuDone = true;
      if (!signal.aborted) log.warn(`the command menu could not be updated: ${messageOf(error)}`);
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
