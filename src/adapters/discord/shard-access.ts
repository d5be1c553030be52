/**
 * Access to parts of discord.js' gateway shards that its types call private. There is no public way to end a shard
 * between two attempts to connect, or to catch what its event handlers throw. Every access is checked: a release
 * that renames a part fails here with a clear error, not in the middle of an outage.
 */
export type AnyFunction = (...args: unknown[]) => unknown;

/** Replaces a method of one object by what `make` builds around the original. */
export function wrapMethod(target: object, name: string, make: (original: AnyFunction) => AnyFunction): void {
  const original: unknown = Reflect.get(target, name);
  if (typeof original !== 'function') throw new Error(`this version of discord.js has no ${name}`);
  const bound: AnyFunction = (...args) => Reflect.apply(original, target, args);
  Object.defineProperty(target, name, { value: make(bound), configurable: true, writable: true });
}

/** The shards of a sharding strategy, by whatever collection it keeps them in. */
export function shardsOf(strategy: object): object[] {
  const shards: unknown = Reflect.get(strategy, 'shards');
  if (!(shards instanceof Map)) throw new Error('this version of discord.js keeps its shards elsewhere');
  return [...shards.values()];
}

/** Subscribes to an event of a shard. */
export function onShard(shard: object, event: string, listener: (payload: unknown) => void): void {
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
export function cutSocket(shard: object, only?: 'connecting'): void {
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
export function askForHeartbeat(shard: object, sequence: number | null): void {
  const send: unknown = Reflect.get(shard, 'send');
  if (typeof send !== 'function') throw new Error('this version of discord.js has shards that cannot send');
  void Reflect.apply(send, shard, [{ op: HEARTBEAT, d: sequence }]);
}

/** Loses the shard's connection, as a cut cable would: the library continues as after any other loss. */
export function loseSocket(shard: object): void {
  const socket: unknown = Reflect.get(shard, 'connection');
  if (typeof socket !== 'object' || socket === null) return;
  // Bun's WebSocket has no terminate.
  const end: unknown = Reflect.get(socket, 'terminate') ?? Reflect.get(socket, 'close');
  if (typeof end === 'function') Reflect.apply(end, socket, []);
}

/** True when the shard's last attempt did not reach the server at all. */
export function failedToReach(shard: object): boolean {
  return Reflect.get(shard, 'failedToConnectDueToNetworkError') === true;
}

/** Has the shard connect to `address(url)` wherever it would connect to `url`: first, and when it resumes. */
export function redirect(shard: object, address: (url: string) => string): void {
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
