import { SimpleShardingStrategy, type WebSocketOptions } from 'discord.js';
import { within } from '../../base/async.ts';
import { backoffMs, PULSE, Pulse, pause } from '../kit/supervisor.ts';

/**
 * Access to parts of discord.js' gateway shards that its types call private. There is no public way to end a shard
 * between two attempts to connect, or to catch what its event handlers throw. Every access is checked: a release
 * that renames a part fails here with a clear error, not in the middle of an outage.
 */
type AnyFunction = (...args: unknown[]) => unknown;

/** Replaces a method of one object by what `make` builds around the original. */
export function wrapMethod(target: object, name: string, make: (original: AnyFunction) => AnyFunction): void {
  const original: unknown = Reflect.get(target, name);
  if (typeof original !== 'function') throw new Error(`this version of discord.js has no ${name}`);
  const bound: AnyFunction = (...args) => Reflect.apply(original, target, args);
  Object.defineProperty(target, name, { value: make(bound), configurable: true, writable: true });
}

/** The shards of a sharding strategy, by whatever collection it keeps them in. */
function shardsOf(strategy: object): object[] {
  const shards: unknown = Reflect.get(strategy, 'shards');
  if (!(shards instanceof Map)) throw new Error('this version of discord.js keeps its shards elsewhere');
  return [...shards.values()];
}

/** Subscribes to an event of a shard. */
function onShard(shard: object, event: string, listener: (payload: unknown) => void): void {
  const on: unknown = Reflect.get(shard, 'on');
  if (typeof on !== 'function') throw new Error('this version of discord.js has shards without events');
  Reflect.apply(on, shard, [event, listener]);
}

const HEARTBEAT = 1;
const CONNECTING = 0;
const CLOSED = 3;

/**
 * Cuts a shard's socket for good. discord.js takes its error handler off a socket that it gives up while it is
 * still connecting, but leaves the socket: its failure would then end the process, its success would leak it.
 */
function cutSocket(shard: object, only?: 'connecting'): void {
  const socket: unknown = Reflect.get(shard, 'connection');
  if (typeof socket !== 'object' || socket === null) return;
  const state: unknown = Reflect.get(socket, 'readyState');
  if (state === CLOSED || (only === 'connecting' && state !== CONNECTING)) return;
  Object.assign(socket, { onmessage: null, onclose: null });
  const listen: unknown = Reflect.get(socket, 'addEventListener');
  if (typeof listen === 'function') Reflect.apply(listen, socket, ['error', () => {}]);
  // Bun's WebSocket has no terminate.
  const end: unknown = Reflect.get(socket, 'terminate') ?? Reflect.get(socket, 'close');
  if (typeof end === 'function') Reflect.apply(end, socket, []);
}

/** Sends a heartbeat next to the library's own, which would take an answer still on its way for a missing one. */
function askForHeartbeat(shard: object, sequence: number | null): void {
  const send: unknown = Reflect.get(shard, 'send');
  if (typeof send !== 'function') throw new Error('this version of discord.js has shards that cannot send');
  void Reflect.apply(send, shard, [{ op: HEARTBEAT, d: sequence }]);
}

/** Loses the shard's connection, as a cut cable would: the library continues as after any other loss. */
function loseSocket(shard: object): void {
  const socket: unknown = Reflect.get(shard, 'connection');
  if (typeof socket !== 'object' || socket === null) return;
  // Bun's WebSocket has no terminate.
  const end: unknown = Reflect.get(socket, 'terminate') ?? Reflect.get(socket, 'close');
  if (typeof end === 'function') Reflect.apply(end, socket, []);
}

/** True when the shard's last attempt did not reach the server at all. */
function failedToReach(shard: object): boolean {
  return Reflect.get(shard, 'failedToConnectDueToNetworkError') === true;
}

/** Has the shard connect to `address(url)` wherever it would connect to `url`: first, and when it resumes. */
function redirect(shard: object, address: (url: string) => string): void {
  const strategy: unknown = Reflect.get(shard, 'strategy');
  const options: unknown = isObject(strategy) ? Reflect.get(strategy, 'options') : undefined;
  const information: unknown = isObject(options) ? Reflect.get(options, 'gatewayInformation') : undefined;
  const url: unknown = isObject(information) ? Reflect.get(information, 'url') : undefined;
  if (!isObject(strategy) || !isObject(options) || !isObject(information) || typeof url !== 'string')
    throw new Error('this version of discord.js keeps the address of its gateway elsewhere');
  Object.assign(strategy, {
    options: { ...options, gatewayInformation: { ...information, url: address(url) } },
  });
  wrapMethod(strategy, 'retrieveSessionInfo', (original) => async (...args) => {
    const session = await original(...args);
    const resumeURL: unknown = isObject(session) ? Reflect.get(session, 'resumeURL') : undefined;
    return typeof resumeURL === 'string'
      ? { ...(session as object), resumeURL: address(resumeURL) }
      : session;
  });
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

type GatewayManager = Parameters<NonNullable<WebSocketOptions['buildStrategy']>>[0];

export interface StrategyTuning {
  /** First and longest delay between attempts to reconnect; default 500 ms and 30 s, with full jitter. */
  readonly minDelayMs?: number;
  readonly maxDelayMs?: number;
  /** When a silent gateway is asked for a heartbeat, and how long it has for it; default 4 s and 4.5 s. */
  readonly quietMs?: number;
  readonly answerMs?: number;
}

interface StrategyOptions extends StrategyTuning {
  /** Where a socket connects to that wants to reach this address. */
  readonly address: (url: string) => string;
  /** The connection is lost; `code` is the close code. */
  readonly onClosed: (code: number) => void;
  /** The next attempt waits. */
  readonly onWaiting: (attempt: number, waitMs: number) => void;
  readonly onHeartbeat: () => void;
  /** The connection looks open, but nothing comes anymore; it is given up and `onClosed` follows. */
  readonly onSilent: () => void;
  /** Something inside discord.js threw; it was contained. */
  readonly onFault: (where: string, error: unknown) => void;
}

/** A connection that held for so long was a good one: the next loss starts a new count of attempts. */
const STEADY_MS = 30_000;
/** How long after a loss a session is tried to be resumed, even if the server cannot be reached in the meantime. */
const RESUME_WINDOW_MS = 180_000;
const RECONNECT = 0;
const RESUME = 1;

/**
 * discord.js' own sharding strategy with its faults contained:
 * - attempts to reconnect back off (the library tries twice a second, forever)
 * - a shard that sleeps between two attempts really ends (the library's `destroy` does nothing then)
 * - an unreachable server does not cost the session: it is resumed, with all that was missed (the library starts
 *   a new session after the first refused connection)
 * - what handlers of the library throw does not become an unhandled rejection, which would end the process
 */
export class GuardedStrategy extends SimpleShardingStrategy {
  readonly #options: StrategyOptions;
  readonly #manager: GatewayManager;
  readonly #ended = new AbortController();
  readonly #recoveries = new Set<Promise<unknown>>();
  #attempt = 0;
  #readyAt: number | undefined;
  #lostAt: number | undefined;

  constructor(manager: GatewayManager, options: StrategyOptions) {
    super(manager);
    this.#manager = manager;
    this.#options = options;
    // Passed to every shard; discord.js offers no option for them.
    Object.assign(manager.options, { handshakeTimeout: 15_000, helloTimeout: 15_000 });
  }

  override async spawn(shardIds: number[]): Promise<void> {
    await super.spawn(shardIds);
    for (const shard of shardsOf(this)) {
      redirect(shard, this.#options.address);
      this.#guard(shard);
    }
  }

  /** Ends every shard for good, whatever it is doing. Bounded; leaves no timer and no socket. */
  async end(destroy: () => Promise<void>): Promise<void> {
    this.#ended.abort();
    const shards = shardsOf(this);
    for (const shard of shards) cutSocket(shard, 'connecting');
    await within(
      destroy().catch((error: unknown) => this.#options.onFault('destroy', error)),
      1500,
    );
    for (const shard of shards) cutSocket(shard);
    await within(Promise.all(this.#recoveries), 1500);
  }

  #guard(shard: object): void {
    const { onClosed, onHeartbeat, onFault } = this.#options;
    for (const event of ['ready', 'resumed'])
      onShard(shard, event, () => {
        this.#readyAt = performance.now();
        this.#lostAt = undefined;
        pulse.start();
      });
    const pulse = this.#pulse(shard);
    onShard(shard, 'heartbeat', onHeartbeat);
    onShard(shard, 'closed', (payload) => {
      pulse.stop();
      this.#lostAt ??= performance.now();
      if (!this.#ended.signal.aborted) onClosed(codeOf(payload));
    });
    for (const name of ['onMessage', 'onClose', 'heartbeat'])
      wrapMethod(shard, name, (original) => async (...args) => {
        try {
          return await original(...args);
        } catch (error) {
          return onFault(name, error);
        }
      });
    wrapMethod(shard, 'onMessage', (original) => (...args) => {
      pulse.heard();
      return original(...args);
    });
    wrapMethod(shard, 'internalConnect', (original) => () => this.#connect(original));
    wrapMethod(shard, 'destroy', (original) => (options) => {
      const work = this.#destroy(shard, original, options);
      this.#recoveries.add(work);
      return work.finally(() => this.#recoveries.delete(work));
    });
  }

  /**
   * Discord's own heartbeats are 41 s apart and one may be missed: silence would show after 82 s. A heartbeat may be
   * sent at any time; at this rate they are an eighth of the 120 events a minute that Discord allows.
   */
  #pulse(shard: object): Pulse {
    const { onSilent, onFault, quietMs = PULSE.quietMs, answerMs = PULSE.answerMs } = this.#options;
    const pulse = new Pulse({
      quietMs,
      answerMs,
      ask: () => {
        this.#sequence(shard)
          .then((sequence) => askForHeartbeat(shard, sequence))
          .catch((error: unknown) => onFault('a heartbeat', error));
      },
      silent: () => {
        onSilent();
        loseSocket(shard);
      },
    });
    this.#ended.signal.addEventListener('abort', () => pulse.stop(), { once: true });
    return pulse;
  }

  async #sequence(shard: object): Promise<number | null> {
    const id: unknown = Reflect.get(shard, 'id');
    const session = await this.#manager.options.retrieveSessionInfo(typeof id === 'number' ? id : 0);
    return session?.sequence ?? null;
  }

  async #connect(original: () => unknown): Promise<void> {
    const { onWaiting, onFault, minDelayMs = 500, maxDelayMs = 30_000 } = this.#options;
    const { signal } = this.#ended;
    if (signal.aborted) return;
    if (this.#readyAt !== undefined && performance.now() - this.#readyAt > STEADY_MS) this.#attempt = 0;
    this.#readyAt = undefined;
    if (this.#attempt > 0) {
      const waitMs = backoffMs(this.#attempt, minDelayMs, maxDelayMs, Math.random);
      onWaiting(this.#attempt, waitMs);
      await pause(waitMs, signal);
      if (signal.aborted) return;
    }
    this.#attempt += 1;
    try {
      await original();
    } catch (error) {
      onFault('connect', error);
    }
  }

  async #destroy(shard: object, original: (options: unknown) => unknown, options: unknown): Promise<void> {
    cutSocket(shard, 'connecting');
    try {
      await original(this.#recovery(shard, options));
    } catch (error) {
      this.#options.onFault('destroy', error);
    }
  }

  /** Keeps the session over a server that cannot be reached. */
  #recovery(shard: object, options: unknown): unknown {
    if (typeof options !== 'object' || options === null || !('recover' in options)) return options;
    const fresh = performance.now() - (this.#lostAt ?? 0) < RESUME_WINDOW_MS;
    if (options.recover !== RECONNECT || !fresh || !failedToReach(shard)) return options;
    return { ...options, recover: RESUME };
  }
}

function codeOf(payload: unknown): number {
  const code =
    typeof payload === 'object' && payload !== null && 'code' in payload ? payload.code : undefined;
  return typeof code === 'number' ? code : 0;
}
