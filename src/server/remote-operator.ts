import { setTimeout as sleep } from 'node:timers/promises';
import { type Clock, systemClock } from '../base/async.ts';
import { defined } from '../base/defined.ts';
import { GatewayError, messageOf } from '../base/errors.ts';
import { type Logger, silentLogger } from '../base/log.ts';
import { EventStream } from '../gateway/events.ts';
import {
  type CommandResult,
  type GatewayEvent,
  type GatewayEventListener,
  type LinkWaiting,
  type LogLevel,
  NO_ROWS,
  type Operator,
  type OperatorCommand,
  type OperatorQueries,
  type OperatorSnapshot,
} from '../gateway/operator/operator.ts';
import type { LinkSurface } from '../gateway/operator/operator-address.ts';
import {
  type GatewayAddress,
  type LinkAddress,
  LinkConnection,
  type LinkHandlers,
  type LinkLogin,
  type LinkTimes,
  linkAddress,
} from './link-connection.ts';
import { PendingAnswers } from './link-protocol.ts';
import { eventsBetween, foldEvents } from './mirror.ts';

/**
 * The operator token, or how to read it: asked again before every connection, with `refused` when the last one was
 * wrong. The operator socket needs none.
 */
export type TokenSource =
  | string
  | undefined
  | ((refused: boolean) => string | undefined | Promise<string | undefined>);

export interface ConnectOptions {
  /** What the audit calls this end; default `attach`. */
  readonly surface?: LinkSurface;
  readonly log?: Logger;
  readonly clock?: Clock;
  /** 0 to 1, for the jitter between attempts. */
  readonly random?: () => number;
  /** Until the first snapshot; default 10 s. */
  readonly connectMs?: number;
  /** Silence after which the gateway counts as gone; default 75 s. */
  readonly silenceMs?: number;
  /** For the answer to a command; default 60 s. */
  readonly answerMs?: number;
  /** First and longest pause between attempts to reconnect; default 250 ms and 10 s. */
  readonly retryMs?: readonly [first: number, longest: number];
}

const CLOSE_MS = 2_000;
/** For each of several addresses, before each gets the full time. */
const FIRST_TRY_MS = 2_000;
/** After "no" the next attempt waits longer: ten invalid tokens a minute would lock this address out. */
const REFUSED_MS = 30_000;

/**
 * Attaches to a gateway in another process. Resolves when its snapshot has arrived; rejects with a GatewayError
 * (`gateway_unreachable`, `token_wrong`, `protocol_mismatch`, …). A link that breaks later is restored forever.
 */
export async function connectOperator(
  address: GatewayAddress,
  token: TokenSource,
  options: ConnectOptions = {},
): Promise<Operator> {
  return connectFirst([address], token, options);
}

/** The same with several addresses of one gateway: the first that answers and proves itself. */
export async function connectFirst(
  addresses: readonly GatewayAddress[],
  token: TokenSource,
  options: ConnectOptions = {},
): Promise<Operator> {
  const operator = new RemoteOperator(addresses.map(linkAddress), token, options);
  await operator.connect();
  return operator;
}

/**
 * The same without waiting for a gateway that is down: `link()` says what it waits for, and everything arrives when one
 * of the addresses answers and has proved itself. Several addresses are those of one gateway that may move: they are
 * tried in turn.
 */
export function attachOperator(
  addresses: readonly GatewayAddress[],
  token: TokenSource,
  options: ConnectOptions = {},
): Operator {
  const operator = new RemoteOperator(addresses.map(linkAddress), token, options);
  operator.begin();
  return operator;
}

class RemoteOperator implements Operator {
  readonly #addresses: readonly LinkAddress[];
  readonly #token: TokenSource;
  readonly #surface: LinkSurface;
  readonly #times: LinkTimes;
  readonly #retryMs: readonly [number, number];
  readonly #random: () => number;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #stream: EventStream;
  readonly #pending: PendingAnswers;
  readonly #ending = new AbortController();
  #mirror: OperatorSnapshot | undefined;
  #connection: LinkConnection | undefined;
  #heardAt: number | undefined;
  /** The address that answered last: it is tried first. */
  #at = 0;
  #refused = false;
  #waiting: LinkWaiting | undefined;

  constructor(addresses: readonly LinkAddress[], token: TokenSource, options: ConnectOptions) {
    if (addresses.length === 0) throw new Error('an attached gateway needs an address');
    this.#addresses = addresses;
    this.#token = token;
    this.#surface = options.surface ?? 'attach';
    this.#times = { connectMs: options.connectMs ?? 10_000, silenceMs: options.silenceMs ?? 75_000 };
    this.#retryMs = options.retryMs ?? [250, 10_000];
    this.#random = options.random ?? Math.random;
    this.#clock = options.clock ?? systemClock;
    this.#log = options.log ?? silentLogger;
    this.#stream = new EventStream((error) => this.#log.error('a listener of events failed', { error }));
    this.#pending = new PendingAnswers(options.answerMs ?? 60_000);
  }

  /**
   * Tries every address, beginning with the one that answered last; rejects with the last reason. Of several, one that is
   * silent (frozen, behind a cut network) does not keep the others waiting: all get a short time first, then the full one.
   */
  async connect(): Promise<void> {
    const token = typeof this.#token === 'function' ? await this.#token(this.#refused) : this.#token;
    const { connectMs } = this.#times;
    const times = this.#addresses.length > 1 ? [Math.min(FIRST_TRY_MS, connectMs), connectMs] : [connectMs];
    let failed: { readonly reason: unknown; readonly silent: boolean } | undefined;
    for (const ms of times) {
      failed = await this.#tryAll({ token, surface: this.#surface }, { ...this.#times, connectMs: ms });
      if (failed === undefined) return;
      if (!failed.silent) break;
    }
    this.#refused = isRefusal(failed?.reason);
    throw failed?.reason;
  }

  /** Answers nothing after a success, else the most telling reason, and whether an address did not answer at all. */
  async #tryAll(
    login: LinkLogin,
    times: LinkTimes,
  ): Promise<{ readonly reason: unknown; readonly silent: boolean } | undefined> {
    const count = this.#addresses.length;
    let last: unknown;
    let silent = false;
    for (let step = 0; step < count && !this.#ending.signal.aborted; step += 1) {
      const at = (this.#at + step) % count;
      const address = this.#addresses[at];
      if (address === undefined) continue;
      try {
        const connection = await LinkConnection.open(address, login, this.#handlers(), times);
        if (this.#ending.signal.aborted) await connection.close(CLOSE_MS);
        else this.#connection = connection;
        this.#at = at;
        this.#refused = false;
        this.#waiting = undefined;
        return undefined;
      } catch (error) {
        silent ||= isCode(error, 'gateway_unreachable');
        // What one address refuses is more to the point than that another is silent.
        if (last === undefined || isRefusal(error) || !isRefusal(last)) last = error;
      }
    }
    return { reason: last, silent };
  }

  /** Connects as soon as the gateway answers. */
  begin(): void {
    this.#waiting = { address: this.#names(), since: this.#clock(), reason: 'not tried yet' };
    void this.#reconnect(0);
  }

  snapshot(): OperatorSnapshot {
    if (this.#mirror !== undefined) return this.#mirror;
    if (this.#waiting === undefined) throw new Error('not connected yet');
    return unknownGateway(this.#addresses[0]?.url, this.#waiting.since);
  }

  subscribe(listener: GatewayEventListener): () => void {
    return this.#stream.subscribe(listener);
  }

  async run(command: OperatorCommand): Promise<CommandResult> {
    const data = await this.#ask('run', command);
    if (isCommandResult(data)) return data;
    throw new GatewayError('bad_answer', 'the gateway gave an answer that this version does not understand', {
      hint: 'Update the console and the gateway to the same version.',
    });
  }

  async query<K extends keyof OperatorQueries>(
    name: K,
    params: OperatorQueries[K]['params'],
  ): Promise<OperatorQueries[K]['result']> {
    // The gateway that holds our operator token answers by the same interface; its rows are not checked again.
    return (await this.#ask('query', { name, params })) as OperatorQueries[K]['result'];
  }

  link(): ReturnType<Operator['link']> {
    const heardAt = this.#connection?.heardAt ?? this.#heardAt;
    const address = this.#addresses[this.#at];
    return {
      kind: 'remote',
      url: address === undefined || address.socket !== undefined ? this.#names() : address.url.href,
      connected: this.#connection !== undefined,
      ...defined({ heardAt, waiting: this.#waiting }),
    };
  }

  async close(): Promise<void> {
    this.#ending.abort();
    this.#pending.failAll(linkLost('the console detached'));
    await this.#connection?.close(CLOSE_MS);
    this.#connection = undefined;
  }

  #ask(type: 'run' | 'query', data: unknown): Promise<unknown> {
    const connection = this.#connection;
    if (connection === undefined)
      return Promise.reject(
        new GatewayError('link_down', 'the gateway cannot be reached', {
          status: 503,
          hint: 'The link is being restored; try again when it is back.',
        }),
      );
    return this.#pending.ask((id) => connection.send({ type, id, data }));
  }

  #handlers(): LinkHandlers {
    return {
      snapshot: (snapshot) => {
        const before = this.#mirror;
        this.#mirror = snapshot;
        if (before !== undefined) this.#emit(eventsBetween(before, snapshot));
      },
      events: (events) => {
        if (this.#mirror !== undefined) this.#mirror = foldEvents(this.#mirror, events);
        this.#emit(events);
      },
      answer: (id, answer) => this.#pending.settle(id, answer),
      closed: (reason) => this.#lost(reason),
    };
  }

  #emit(events: readonly GatewayEvent[]): void {
    for (const event of events) this.#stream.emit(event);
  }

  /** A line of this end for the console's log; it is no part of the gateway's own log. */
  #note(level: LogLevel, text: string): void {
    this.#log[level](text);
    this.#emit([{ type: 'log', line: { at: this.#clock(), level, source: 'link', text } }]);
  }

  #lost(reason: string): void {
    this.#heardAt = this.#connection?.heardAt;
    this.#connection = undefined;
    this.#pending.failAll(linkLost(reason));
    if (this.#ending.signal.aborted) return;
    this.#waiting = { address: this.#names(), since: this.#clock(), reason };
    this.#note('warn', `the link to ${this.#names()} broke (${reason}); connecting again`);
    void this.#reconnect(this.#retryMs[0]);
  }

  /** All addresses, as a sentence names them. */
  #names(): string {
    return this.#addresses.map(({ name }) => name).join(', ');
  }

  async #reconnect(firstMs: number): Promise<void> {
    const [first, longest] = this.#retryMs;
    let pauseMs = firstMs;
    let last = '';
    while (!this.#ending.signal.aborted) {
      try {
        const ms = pauseMs * (0.5 + this.#random() / 2);
        this.#wait({ nextAt: this.#clock() + ms });
        await sleep(ms, undefined, { signal: this.#ending.signal });
        this.#wait({ nextAt: undefined });
        await this.connect();
        this.#note('info', `the link to ${this.#addresses[this.#at]?.name ?? ''} is back`);
        return;
      } catch (error) {
        if (this.#ending.signal.aborted) return;
        this.#wait({ reason: sentenceOf(error) });
        // The same reason is said once, not every few seconds.
        if (messageOf(error) !== last) this.#note('warn', messageOf(error));
        last = messageOf(error);
        // A gateway that did not prove itself got no proof either, so it counts nothing against this end.
        const counted = isRefusal(error) && !isCode(error, 'gateway_not_proven');
        pauseMs = counted
          ? Math.max(REFUSED_MS, longest)
          : Math.min(Math.max(pauseMs, first / 2) * 2, longest);
      }
    }
  }

  #wait({ nextAt, reason }: { readonly nextAt?: number | undefined; readonly reason?: string }): void {
    if (this.#waiting === undefined) return;
    const { address, since, reason: before } = this.#waiting;
    this.#waiting = {
      address,
      since,
      reason: reason ?? before,
      ...defined({ nextAt }),
    };
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof GatewayError && error.code === code;
}

/** The gateway answered, and does not want this end: asking often would lock this address out. */
function isRefusal(error: unknown): boolean {
  return error instanceof GatewayError && [401, 403, 429].includes(error.status);
}

/** What went wrong and what to do, on one line. */
function sentenceOf(error: unknown): string {
  const hint = error instanceof GatewayError && isRefusal(error) ? error.hint : undefined;
  return hint === undefined ? messageOf(error) : `${messageOf(error)}. ${hint.replace(/\.$/, '')}`;
}

/** What is known of a gateway that has not answered yet. */
function unknownGateway(url: URL | undefined, since: number): OperatorSnapshot {
  return {
    gateway: {
      version: '',
      state: 'stopped',
      host: url?.hostname ?? '',
      port: Number(url?.port ?? 0),
      startedAt: since,
      dataDir: '',
      demo: false,
      agent: { backend: '', running: 0, maxConcurrent: 0, ok: true, detail: '' },
      clients: 0,
      badges: [],
      turnedAway: 0,
    },
    adapters: [],
    ...NO_ROWS,
  };
}

function isCommandResult(value: unknown): value is CommandResult {
  return (
    typeof value === 'object' && value !== null && 'message' in value && typeof value.message === 'string'
  );
}

function linkLost(reason: string): GatewayError {
  return new GatewayError('link_lost', `the link broke before the answer came (${reason})`, {
    status: 503,
    hint: 'The command may have been carried out: look before you repeat it.',
  });
}
