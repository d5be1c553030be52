import { setTimeout as sleep } from 'node:timers/promises';
import { type Clock, systemClock } from '../base/clock.ts';
import { GatewayError, messageOf } from '../base/errors.ts';
import { type Logger, silentLogger } from '../base/log.ts';
import { EventStream } from '../gateway/events.ts';
import type {
  CommandResult,
  GatewayEvent,
  GatewayEventListener,
  LogLevel,
  Operator,
  OperatorCommand,
  OperatorQueries,
  OperatorSnapshot,
} from '../gateway/operator/operator.ts';
import {
  type GatewayAddress,
  type LinkAddress,
  LinkConnection,
  type LinkHandlers,
  type LinkTimes,
  linkAddress,
} from './link-connection.ts';
import { foldEvents } from './mirror.ts';
import type { LinkSurface } from './operator-path.ts';
import { eventsBetween } from './snapshot-diff.ts';

interface Waiting {
  readonly resolve: (data: unknown) => void;
  readonly reject: (error: GatewayError) => void;
  readonly timer: NodeJS.Timeout;
}

/** Requests on a link whose answers are still to come, each with a deadline. */
class PendingAnswers {
  readonly #waiting = new Map<string, Waiting>();
  readonly #answerMs: number;
  #last = 0;

  constructor(answerMs: number) {
    this.#answerMs = answerMs;
  }

  /** `send` gets the id of the request and says whether it went out. */
  ask(send: (id: string) => boolean): Promise<unknown> {
    this.#last += 1;
    const id = String(this.#last);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(
          new GatewayError('link_timeout', 'the gateway did not answer in time', {
            status: 503,
            hint: 'The command may still be running: look before you repeat it.',
          }),
        );
      }, this.#answerMs);
      this.#waiting.set(id, { resolve, reject, timer });
      if (send(id)) return;
      this.settle(id, {
        error: new GatewayError('link_down', 'the gateway cannot be reached just now', {
          status: 503,
          hint: 'The link is being restored; try again when it is back.',
        }),
      });
    });
  }

  /** An answer came in; one that nobody waits for (any more) is ignored. */
  settle(id: string, answer: { readonly data: unknown } | { readonly error: GatewayError }): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    this.#waiting.delete(id);
    clearTimeout(waiting.timer);
    if ('error' in answer) waiting.reject(answer.error);
    else waiting.resolve(answer.data);
  }

  failAll(error: GatewayError): void {
    for (const id of [...this.#waiting.keys()]) this.settle(id, { error });
  }
}

/** The operator token, or how to read it: asked again before every connection. The operator socket needs none. */
export type TokenSource = string | undefined | (() => string | undefined | Promise<string | undefined>);

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
/** After "no" the next attempt waits longer: ten wrong tokens a minute would lock this address out. */
const REFUSED_MS = 30_000;

/**
 * Attaches to a gateway in another process. Resolves when its snapshot has arrived; rejects with a GatewayError
 * (`gateway_unreachable`, `token_wrong`, `protocol_mismatch`, …). A link that breaks later is restored for ever.
 */
export async function connectOperator(
  address: GatewayAddress,
  token: TokenSource,
  options: ConnectOptions = {},
): Promise<Operator> {
  const operator = new RemoteOperator(linkAddress(address), token, options);
  await operator.connect();
  return operator;
}

class RemoteOperator implements Operator {
  readonly #address: LinkAddress;
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

  constructor(address: LinkAddress, token: TokenSource, options: ConnectOptions) {
    this.#address = address;
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

  async connect(): Promise<void> {
    const token = typeof this.#token === 'function' ? await this.#token() : this.#token;
    const login = { token, surface: this.#surface };
    const connection = await LinkConnection.open(this.#address, login, this.#handlers(), this.#times);
    if (this.#ending.signal.aborted) await connection.close(CLOSE_MS);
    else this.#connection = connection;
  }

  snapshot(): OperatorSnapshot {
    if (this.#mirror === undefined) throw new Error('not connected yet');
    return this.#mirror;
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
    return {
      kind: 'remote',
      url: this.#address.socket === undefined ? this.#address.url.href : this.#address.name,
      connected: this.#connection !== undefined,
      ...(heardAt === undefined ? {} : { heardAt }),
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
        new GatewayError('link_down', 'the gateway cannot be reached just now', {
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
    this.#note('warn', `the link to ${this.#address.name} broke (${reason}); connecting again`);
    void this.#reconnect();
  }

  async #reconnect(): Promise<void> {
    const [first, longest] = this.#retryMs;
    let pauseMs = first;
    let last = '';
    while (!this.#ending.signal.aborted) {
      try {
        await sleep(pauseMs * (0.5 + this.#random() / 2), undefined, { signal: this.#ending.signal });
        await this.connect();
        this.#note('info', `the link to ${this.#address.name} is back`);
        return;
      } catch (error) {
        if (this.#ending.signal.aborted) return;
        // The same reason is said once, not every few seconds.
        if (messageOf(error) !== last) this.#note('warn', messageOf(error));
        last = messageOf(error);
        const refused = error instanceof GatewayError && [401, 403, 429].includes(error.status);
        pauseMs = refused ? Math.max(REFUSED_MS, longest) : Math.min(pauseMs * 2, longest);
      }
    }
  }
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
