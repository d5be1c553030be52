import type { IncomingMessage } from 'node:http';
import type { RawData, WebSocket } from 'ws';
import type { Clock } from '../base/async.ts';
import { defined } from '../base/defined.ts';
import { GatewayError, messageOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { type GatewayEvent, type Operator, rowChange } from '../gateway/operator/operator.ts';
import { type LinkSurface, SURFACE_HEADER, surfaceOf } from '../gateway/operator/operator-address.ts';
import { closeSocket, LINK_PROTOCOL, type LinkServerFrame, type Seal } from './link-protocol.ts';
import { errorBody, everyBeat, type ServerLimits } from './peers.ts';

/** Bytes waiting for a console: below `resume` it is caught up, above `thin` it gets rows only, above `stop` nothing. */
export const LINK_PRESSURE = { resume: 64 * 1024, thin: 256 * 1024, stop: 1024 * 1024 } as const;

/** Passing events go first: their loss costs no row, and the next snapshot brings the log back. */
const PASSING: ReadonlySet<GatewayEvent['type']> = new Set([
  'log',
  'traffic',
  'turn',
  'transcript',
  'inbound',
]);

function rowOf(event: GatewayEvent): string | undefined {
  if (event.type === 'gateway') return 'gateway';
  const change = rowChange(event);
  return change === undefined ? undefined : `${change.list} ${change.key}`;
}

interface Thinned {
  readonly events: readonly GatewayEvent[];
  /** Something was left out that only a new snapshot brings back. */
  readonly skipped: boolean;
}

/** What of these events a peer with so many bytes waiting still gets: everything, the last state of each row, nothing. */
export function thinEvents(events: readonly GatewayEvent[], waitingBytes: number): Thinned {
  if (waitingBytes <= LINK_PRESSURE.thin) return { events, skipped: false };
  if (waitingBytes > LINK_PRESSURE.stop) return { events: [], skipped: events.length > 0 };
  const newest = new Map<string, number>();
  events.forEach((event, index) => {
    const row = rowOf(event);
    if (row !== undefined) newest.set(row, index);
  });
  const kept = events.filter((event, index) => {
    const row = rowOf(event);
    return row === undefined ? !PASSING.has(event.type) : newest.get(row) === index;
  });
  return { events: kept, skipped: events.some((event) => PASSING.has(event.type)) };
}

/** Events of this span travel in one frame: unnoticeable for an operator, a hundred times fewer frames under load. */
const BATCH_MS = 20;
/** How often a console that fell behind is looked at again. */
const CATCH_UP_MS = 100;
/** The answer to the very command that ends a link takes this long at most. */
const LAST_WORD_MS = 200;
/** Commands of one console being carried out at once. */
const COMMANDS_AT_ONCE = 64;

/** One attached console: snapshot, events, answers. Never holds more than a bounded number of bytes for it. */
class LinkPeer {
  readonly #ws: WebSocket;
  readonly #operator: Operator;
  readonly #log: Logger;
  readonly #seal: Seal | undefined;
  readonly #surface: LinkSurface;
  #waiting: GatewayEvent[] = [];
  #timer: NodeJS.Timeout | undefined;
  #skipped = false;
  #running = 0;
  #heard = true;
  #expired = false;

  /** `seal`: the peer came over TCP and proved itself; every frame is sealed. */
  constructor(
    ws: WebSocket,
    operator: Operator,
    log: Logger,
    { seal, surface }: { readonly seal?: Seal | undefined; readonly surface: LinkSurface },
  ) {
    this.#ws = ws;
    this.#operator = operator;
    this.#log = log;
    this.#seal = seal;
    this.#surface = surface;
  }

  start(): void {
    const ws = this.#ws;
    // Subscribed and read in the same tick: nothing is missed and nothing comes twice.
    this.#sendSnapshot();
    const unsubscribe = this.#operator.subscribe((event) => this.#add(event));
    ws.on('message', (data, isBinary) => {
      this.#heard = true;
      if (this.#expired) return;
      const text = this.#textOf(data, isBinary);
      if (text === undefined) ws.terminate();
      else void this.#receive(text);
    });
    ws.on('pong', () => {
      this.#heard = true;
    });
    ws.on('error', (error) => this.#log.debug('operator link failed', { error: messageOf(error) }));
    ws.on('close', () => {
      unsubscribe();
      clearTimeout(this.#timer);
      this.#waiting = [];
      this.#note('detached');
    });
    this.#note('attached');
  }

  /** A command that asks one thing and goes is no news: scripts run them all day. */
  #note(what: string): void {
    if (this.#surface === 'cli') this.#log.debug(`a command ${what}`);
    else this.#log.info(`a console ${what}`);
  }

  /** Drops a peer that was silent since the last beat. */
  beat(): void {
    if (!this.#heard) this.#ws.terminate();
    else if (this.#ws.readyState === this.#ws.OPEN) this.#ws.ping();
    this.#heard = false;
  }

  /** Takes no further word from this peer; answers in progress still reach it before the link ends. */
  expire(graceMs: number, reason: string): void {
    this.#expired = true;
    setTimeout(() => void this.close(graceMs, reason), LAST_WORD_MS).unref();
  }

  close(graceMs: number, reason = 'the gateway stops'): Promise<void> {
    return closeSocket(this.#ws, graceMs, 1001, reason);
  }

  #add(event: GatewayEvent): void {
    if (this.#expired) return;
    this.#waiting.push(event);
    this.#timer ??= setTimeout(() => this.#flush(), BATCH_MS);
  }

  #flush(): void {
    this.#timer = undefined;
    if (this.#expired) return;
    const events = this.#waiting;
    this.#waiting = [];
    const waitingBytes = this.#ws.bufferedAmount;
    if (this.#skipped && waitingBytes < LINK_PRESSURE.resume) {
      this.#skipped = false;
      // Holds everything that `events` would have said.
      this.#sendSnapshot();
      return;
    }
    const thinned = thinEvents(events, waitingBytes);
    this.#skipped ||= thinned.skipped;
    if (thinned.events.length > 0) this.#send({ type: 'events', data: thinned.events });
    if (this.#skipped) this.#timer = setTimeout(() => this.#flush(), CATCH_UP_MS);
  }

  #sendSnapshot(): void {
    this.#send({ type: 'snapshot', protocol: LINK_PROTOCOL, data: this.#operator.snapshot() });
  }

  #send(frame: LinkServerFrame): void {
    if (this.#ws.readyState !== this.#ws.OPEN) return;
    const text = JSON.stringify(frame);
    this.#ws.send(this.#seal?.seal(text) ?? text);
  }

  /** Undefined: the frame is not what the other end sealed. */
  #textOf(data: RawData, isBinary: boolean): string | undefined {
    if (this.#seal === undefined) return isBinary ? '' : String(data);
    return isBinary && Buffer.isBuffer(data) ? this.#seal.open(data) : undefined;
  }

  async #receive(text: string): Promise<void> {
    let id: string | undefined;
    try {
      const frame = parseFrame(text);
      id = frame.id;
      if (this.#running >= COMMANDS_AT_ONCE)
        throw new GatewayError('busy', 'too many commands are running', {
          status: 429,
          hint: 'Wait for their answers.',
        });
      this.#running += 1;
      try {
        this.#send({ type: 'result', id, data: (await this.#carryOut(frame)) ?? null });
      } finally {
        this.#running -= 1;
      }
    } catch (error) {
      const { status, body } = errorBody(error);
      if (status >= 500) this.#log.error('an operator command failed', { error });
      this.#send({ type: 'error', ...defined({ id }), data: { ...body, status } });
    }
  }

  async #carryOut(frame: RequestFrame): Promise<unknown> {
    // Loaded with the first frame of the first console: at start no one needs the schemas yet.
    const { parseCommand, parseQuery } = await import('./parse.ts');
    if (this.#expired)
      throw new GatewayError('token_changed', 'the operator token has changed', {
        status: 401,
        hint: 'Attach again with the new one.',
      });
    if (frame.type === 'run') return this.#operator.run(parseCommand(frame.data));
    const { name, params }: { name?: unknown; params?: unknown } = { ...asObject(frame.data) };
    const query = parseQuery(name, params ?? {});
    return this.#operator.query(query.name, query.params);
  }
}

interface RequestFrame {
  readonly type: 'run' | 'query';
  readonly id: string;
  readonly data: unknown;
}

function asObject(value: unknown): object {
  return typeof value === 'object' && value !== null ? value : {};
}

function parseFrame(text: string): RequestFrame {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  const { type, id, data }: { type?: unknown; id?: unknown; data?: unknown } = { ...asObject(value) };
  if ((type === 'run' || type === 'query') && typeof id === 'string') return { type, id, data };
  throw new GatewayError('bad_frame', 'the frame is neither a command nor a query', {
    status: 400,
    hint: 'Expected {"type":"run"|"query","id","data"} as JSON text.',
  });
}

export interface OperatorLinkDeps {
  readonly operator: (surface: LinkSurface) => Operator;
  readonly limits: ServerLimits;
  readonly log: Logger;
  readonly clock: Clock;
}

/** How a peer has shown that it is the operator. */
export interface LinkProof {
  /** By knowing the operator token, not by the rights of the socket file. */
  readonly byToken: boolean;
  readonly seal: Seal | undefined;
}

/** The gateway's end of all attached consoles. */
export class OperatorLink {
  readonly #deps: OperatorLinkDeps;
  readonly #peers = new Set<LinkPeer>();
  readonly #tokenHolders = new Set<LinkPeer>();
  #heartbeat: NodeJS.Timeout | undefined;

  constructor(deps: OperatorLinkDeps) {
    this.#deps = deps;
  }

  /** Takes over a socket whose peer has shown that it is the operator. */
  open(ws: WebSocket, incoming: IncomingMessage, { byToken, seal }: LinkProof): void {
    const surface = surfaceOf(incoming.headers[SURFACE_HEADER]);
    const peer = new LinkPeer(ws, this.#deps.operator(surface), this.#deps.log, { seal, surface });
    this.#peers.add(peer);
    if (byToken) this.#tokenHolders.add(peer);
    ws.on('close', () => {
      this.#peers.delete(peer);
      this.#tokenHolders.delete(peer);
      if (this.#peers.size === 0) this.#stopHeart();
    });
    this.#heartbeat ??= everyBeat(() => this.#beat(), this.#deps.limits.heartbeatMs);
    try {
      peer.start();
    } catch (error) {
      // A console that connects while the gateway stops tries again; it must not take the process down.
      this.#deps.log.warn('a console could not be served', { error: messageOf(error) });
      ws.close(1012, 'the gateway is stopping');
    }
  }

  /** Ends the links of those who came with the operator token: it is no longer the right one. */
  cutTokenHolders(): void {
    for (const peer of this.#tokenHolders)
      peer.expire(this.#deps.limits.closeMs, 'the operator token has changed');
  }

  /** Ends every console's link; at the latest after the close limit. */
  async stop(): Promise<void> {
    await Promise.all([...this.#peers].map((peer) => peer.close(this.#deps.limits.closeMs)));
    this.#stopHeart();
  }

  #beat(): void {
    for (const peer of this.#peers) peer.beat();
  }

  #stopHeart(): void {
    clearInterval(this.#heartbeat);
    this.#heartbeat = undefined;
  }
}
