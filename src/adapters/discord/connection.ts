import { DiscordjsError, DiscordjsErrorCodes } from 'discord.js';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { AdapterHost, CommandMenu } from '../../gateway/adapter.ts';
import type { Language } from '../../gateway/language/languages.ts';
import { type MenuHost, menusOf } from '../kit/run-adapter.ts';
import type { HealthTracker } from '../kit/supervisor.ts';
import { ParkedError, Supervisor } from '../kit/supervisor.ts';
import type { Way } from '../kit/way.ts';
import type { CatchUp, SeenMarks } from './catch-up.ts';
import { Ready } from './contents.ts';
import type { EventTaker } from './events.ts';
import {
  type GatewayEventName,
  GatewaySession,
  IdentifySpacing,
  type SessionTuning,
} from './gateway-session.ts';
import { type DiscordRest, failureOf } from './rest.ts';

const STRING_OPTION = 3;

interface CommandShape {
  readonly name: string;
  readonly description: string;
  readonly description_localizations: Localizations;
  readonly options: readonly { readonly type: number; readonly name: string; readonly description: string }[];
}

type Localizations = Readonly<Record<string, string>> | null;

/** What Discord calls the languages that people may read. */
const LOCALES: Readonly<Record<Language, readonly string[]>> = {
  en: ['en-US', 'en-GB'],
  de: ['de'],
  fr: ['fr'],
  es: ['es-ES', 'es-419'],
  pt: ['pt-BR'],
  zh: ['zh-CN', 'zh-TW'],
  ja: ['ja'],
  ru: ['ru'],
};

const Registered = Type.Array(
  Type.Object({
    name: Type.String(),
    description: Type.String(),
    description_localizations: Type.Optional(
      Type.Union([Type.Record(Type.String(), Type.String()), Type.Null()]),
    ),
    options: Type.Optional(
      Type.Array(Type.Object({ type: Type.Integer(), name: Type.String(), description: Type.String() })),
    ),
  }),
);

/** Slash commands as Discord takes them: names of 1–32 lower-case letters, texts of 1–100 characters, 100 commands. */
function slashCommands(general: CommandMenu, others: readonly CommandMenu[]): CommandShape[] {
  const inOthers = (name: string): Localizations => {
    const texts = others.flatMap(({ language, commands }) => {
      const help = commands.find((each) => each.name === name)?.help;
      return help === undefined ? [] : LOCALES[language].map((locale) => [locale, short(help)] as const);
    });
    return texts.length === 0 ? null : Object.fromEntries(texts);
  };
  return general.commands
    .filter(({ name }) => /^[-_a-z0-9]{1,32}$/.test(name))
    .slice(0, 100)
    .map(({ name, help, args }) => ({
      name,
      description: short(help),
      description_localizations: inOthers(name),
      options:
        args === undefined || args === ''
          ? []
          : [{ type: STRING_OPTION, name: 'text', description: short(args) }],
    }));
}

/** Registers the commands only when they differ from what Discord has. True when they were registered. */
async function syncCommands(
  rest: DiscordRest,
  applicationId: string,
  guildId: string | undefined,
  host: MenuHost,
  signal: AbortSignal,
): Promise<boolean> {
  const { general, others } = await menusOf(host);
  const wanted = slashCommands(general, others);
  // Commands of one server appear at once; global ones may take a while.
  const route: `/${string}` =
    guildId === undefined
      ? `/applications/${applicationId}/commands`
      : `/applications/${applicationId}/guilds/${guildId}/commands`;
  const current = await rest.call('GET', `${route}?with_localizations=true`, { signal });
  if (Value.Check(Registered, current) && fingerprint(current) === fingerprint(wanted)) return false;
  await rest.call('PUT', route, { body: wanted, signal });
  return true;
}

/** What we say about the commands, whatever Discord adds and in whatever order. */
function fingerprint(commands: readonly Partial<CommandShape>[]): string {
  const shapes = commands.map(({ name, description, description_localizations: texts, options }) =>
    JSON.stringify([
      name,
      description,
      Object.entries(texts ?? {}).sort(),
      (options ?? []).map((o) => [o.type, o.name, o.description]),
    ]),
  );
  return shapes.sort().join('\n');
}

function short(text: string): string {
  return text.length <= 100 ? text : `${text.slice(0, 99).toWellFormed()}…`;
}

/** The bot's token does not work anymore. */
function tokenRefused(): ParkedError {
  return new ParkedError(
    'token refused',
    'Reset the token in the Discord developer portal (Bot > Reset Token) and set platforms.discord.botToken.',
    'revoked',
  );
}

function intentMissing(): ParkedError {
  return new ParkedError(
    'the message content intent is off',
    'Switch on "Message Content Intent" in the Discord developer portal (Bot > Privileged Gateway Intents), then restart the adapter.',
    'valid',
  );
}

/**
 * Close codes of the gateway after which no reconnect can succeed; undefined for every other.
 * Source: https://discord.com/developers/docs/topics/opcodes-and-status-codes#gateway-gateway-close-event-codes
 */
function fatalClose(code: number): ParkedError | undefined {
  switch (code) {
    case 4004:
      return tokenRefused();
    case 4013:
    case 4014:
      return intentMissing();
    case 4010:
    case 4011:
      return new ParkedError(
        'the bot is in too many servers',
        'Discord requires sharding for this bot, which is not supported: use a bot that is in fewer than 2500 servers.',
        'valid',
      );
    case 4012:
      return new ParkedError(
        'Discord has retired this version of its API',
        'Update pi-gateway-tui to a release that speaks the current one.',
        'valid',
      );
    default:
      return undefined;
  }
}

/** What a failed login of discord.js means, where no retry can fix it. */
function loginVerdict(error: unknown): ParkedError | undefined {
  if (error instanceof DiscordjsError && error.code === DiscordjsErrorCodes.TokenInvalid)
    return tokenRefused();
  if (error instanceof Error && /used (disallowed|invalid) intents/i.test(error.message))
    return intentMissing();
  if (error instanceof Error && error.message === 'Authentication failed') return tokenRefused();
  return undefined;
}

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
  readonly host: Pick<AdapterHost, 'clock'> & MenuHost;
  readonly log: Logger;
}

/** What one run of the supervisor has: its client, and the promise that fails when the run has ended. */
interface Run {
  readonly session: GatewaySession;
  readonly over: PromiseWithResolvers<never>;
  readonly connected: () => void;
  readonly signal: AbortSignal;
}

/** The supervised connection: short losses are the client's own to fix, long and fatal ones are ours. */
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
    log.warn('Discord stopped responding; reconnecting');
    health.change({
      state: 'reconnecting',
      alive: false,
      detail: 'reconnecting: Discord stopped responding',
    });
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
    syncCommands(rest, applicationId, guildId, host, signal)
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
