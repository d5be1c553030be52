import type { Duplex } from 'node:stream';
import type { RawData, WebSocket } from 'ws';
import type { Clock } from '../base/async.ts';
import { GatewayError, messageOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { BAD_FRAME, type ChatSocket, type Frame, type FrameListener } from '../gateway/adapter.ts';
import { gateOfCall } from '../gateway/send/send-queue.ts';
import type { ServerCounters } from './metric-tables.ts';
import type { ServerLimits } from './peers.ts';

interface Asked {
  readonly number: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Pings on their way at once. Some clients drop a server that has dozens of pings unanswered (ws: 60). */
export const PINGS_AT_ONCE = 8;

/**
 * Matches pongs with who waits for them. Pings are numbered; a peer may answer only the newest of several (RFC 6455,
 * 5.5.3), so a pong settles every earlier ping too. Who asks while too many are on their way shares the next one.
 */
export class PingLedger {
  readonly #asked: Asked[] = [];
  #sent = 0;
  #answered = 0;

  /** Waits for a pong. `ping`: the payload of the ping to send now, or undefined when it has to wait its turn. */
  ask(): { readonly ping: string | undefined; readonly answered: Promise<void> } {
    const number = this.#sent + 1;
    const answered = new Promise<void>((resolve, reject) => {
      this.#asked.push({ number, resolve, reject });
    });
    return { ping: this.#turn(), answered };
  }

  /**
   * A pong came in; anything but the number of a ping that was sent is ignored. Returns the payload of a ping that
   * waited for this and has to be sent now.
   */
  pong(payload: string): string | undefined {
    const number = /^\d{1,15}$/.test(payload) ? Number(payload) : 0;
    if (number <= this.#answered || number > this.#sent) return undefined;
    this.#answered = number;
    const later = this.#asked.findIndex((asked) => asked.number > number);
    for (const asked of this.#asked.splice(0, later < 0 ? this.#asked.length : later)) asked.resolve();
    return this.#turn();
  }

  /** Nothing will be answered any more. */
  fail(error: Error): void {
    for (const asked of this.#asked.splice(0)) asked.reject(error);
  }

  /** The next number, when somebody waits for it and not too many are on their way. */
  #turn(): string | undefined {
    const last = this.#asked.at(-1);
    if (last === undefined || last.number <= this.#sent) return undefined;
    if (this.#sent - this.#answered >= PINGS_AT_ONCE) return undefined;
    this.#sent = last.number;
    return String(last.number);
  }
}

export interface RepeatedLine {
  readonly level: 'warn' | 'error';
  readonly text: string;
  readonly peer: string;
  readonly error?: unknown;
  readonly waitingBytes?: number;
}

interface ClientSocketDeps {
  readonly remoteAddress: string;
  readonly privileged: boolean;
  readonly limits: ServerLimits;
  readonly counters: ServerCounters;
  readonly batch: WriteBatch;
  readonly clock: Clock;
  readonly log: Logger;
  /** A log line about something that a peer can cause as often as it likes. */
  repeated(line: RepeatedLine): void;
}

function errorFrame(code: string, error: string, id?: unknown): object {
  return { type: 'error', ...idOf(id), data: { error, code } };
}

/** A client's id comes back as it came. */
function idOf(id: unknown): { readonly id?: string | number } {
  return typeof id === 'string' || typeof id === 'number' ? { id } : {};
}

/** One chat client's socket: JSON in and out, bounded both ways, alive or gone. */
export class ClientSocket implements ChatSocket, Flushable {
  readonly remoteAddress: string;
  readonly privileged: boolean;
  readonly #ws: WebSocket;
  readonly #raw: Duplex;
  readonly #deps: ClientSocketDeps;
  readonly #pings = new PingLedger();
  #onFrame: FrameListener | undefined;
  #closeListeners: (() => void)[] = [];
  #closed = false;
  /** We have said goodbye: what the peer still says counts no more, whether it answers that or not. */
  #closing = false;
  #corked = false;
  /** Why what was corked may no longer leave: a process that stood still meanwhile may not be the one that sends. */
  #gate: (() => unknown) | undefined;
  #inFlight = 0;
  /** Heard from since the last heartbeat. */
  #heard = true;

  /** `raw` is the network socket under `ws`: corking it merges the writes of one turn. */
  constructor(ws: WebSocket, raw: Duplex, deps: ClientSocketDeps) {
    this.#ws = ws;
    this.#raw = raw;
    this.#deps = deps;
    this.remoteAddress = deps.remoteAddress;
    this.privileged = deps.privileged;
    ws.on('message', (data, isBinary) => this.#receive(data, isBinary));
    ws.on('pong', (data) => {
      this.#heard = true;
      const next = this.#pings.pong(data.toString('latin1'));
      if (next !== undefined && ws.readyState === ws.OPEN) ws.ping(next);
    });
    // Protocol errors (oversize, bad UTF-8) begin a close by themselves; without a listener they would throw.
    ws.on('error', (error) => {
      this.#deps.counters.badFrames += 1;
      this.#deps.log.debug('chat socket failed', { peer: this.remoteAddress, error: messageOf(error) });
      this.#terminateLater();
    });
    ws.on('close', () => this.#ended());
  }

  get bufferedBytes(): number {
    return this.#ws.bufferedAmount;
  }

  send(frame: unknown): boolean {
    return this.sendText(JSON.stringify(frame));
  }

  sendText(json: string): boolean {
    if (!this.#writable()) return false;
    this.#ws.send(json);
    return true;
  }

  sendProven(json: string): Promise<void> | undefined {
    if (!this.#writable()) return undefined;
    const { ping, answered } = this.#pings.ask();
    if (ping === undefined) this.#ws.send(json);
    else {
      // The ping goes between the text and an empty last fragment, where RFC 6455 (5.4) allows it: it is answered
      // before the client's program sees the message. Behind the message it would go unanswered by every client that
      // closes as soon as it has its answer, and each such answer would be sent again.
      this.#ws.send(json, { fin: false });
      this.#ws.ping(ping);
      this.#ws.send('', { fin: true });
    }
    return answered;
  }

  onFrame(listener: FrameListener): void {
    this.#onFrame = listener;
  }

  onClose(listener: () => void): void {
    if (this.#closed) listener();
    else this.#closeListeners.push(listener);
  }

  close(code: number, reason: string): void {
    if (this.#closed) return;
    this.#closing = true;
    this.#ws.close(code, reason);
    this.#terminateLater();
  }

  /** Drops the connection without a word. */
  terminate(): void {
    this.#ws.terminate();
  }

  /** A heartbeat: false when the peer was silent since the last one (and has been dropped). */
  beat(): boolean {
    if (!this.#heard && !this.#ws.isPaused) {
      this.#ws.terminate();
      return false;
    }
    this.#heard = false;
    if (this.#ws.readyState === this.#ws.OPEN) this.#ws.ping();
    return true;
  }

  /** End of the event-loop turn: everything that was written in it leaves together. */
  flush(): void {
    const gate = this.#gate;
    this.#corked = false;
    this.#gate = undefined;
    if (gate?.() !== undefined) this.#ws.terminate();
    this.#raw.uncork();
  }

  /** Whether a frame can be sent now; makes ready for it. */
  #writable(): boolean {
    const ws = this.#ws;
    if (this.#closed || ws.readyState !== ws.OPEN) return false;
    if (ws.bufferedAmount > this.#deps.limits.queueBytes) {
      this.#cutOff();
      return false;
    }
    this.#gate ??= gateOfCall();
    this.#cork();
    return true;
  }

  #cork(): void {
    if (this.#corked) return;
    this.#corked = true;
    this.#raw.cork();
    this.#deps.batch.add(this);
  }

  #receive(data: RawData, isBinary: boolean): void {
    this.#heard = true;
    if (this.#closing) return;
    const frame = parseFrame(data, isBinary);
    if (typeof frame === 'string') {
      this.#deps.counters.badFrames += 1;
      this.#deps.repeated({
        level: 'warn',
        text: 'invalid frames from chat clients',
        peer: this.remoteAddress,
        error: frame,
      });
      this.send(errorFrame(BAD_FRAME, frame));
    } else if (frame['type'] === 'ping') {
      this.send({ type: 'pong', ...idOf(frame['id']), data: { time: this.#deps.clock() } });
    } else this.#handOver(frame);
  }

  #handOver(frame: Frame): void {
    let work: void | Promise<void>;
    try {
      work = this.#onFrame?.(frame);
    } catch (error) {
      this.#failed(error, frame);
      return;
    }
    if (work === undefined) return;
    this.#inFlight += 1;
    if (this.#inFlight >= this.#deps.limits.framesInFlight) this.#ws.pause();
    work
      .catch((error: unknown) => this.#failed(error, frame))
      .finally(() => {
        this.#inFlight -= 1;
        if (this.#ws.isPaused && this.#inFlight <= this.#deps.limits.framesInFlight / 2) this.#ws.resume();
      });
  }

  #failed(error: unknown, frame: Frame): void {
    const known = error instanceof GatewayError;
    if (known && error.code === BAD_FRAME) {
      this.#deps.counters.badFrames += 1;
      this.#deps.repeated({
        level: 'warn',
        text: 'invalid frames from chat clients',
        peer: this.remoteAddress,
        error: error.message,
      });
    }
    if (!known)
      this.#deps.repeated({ level: 'error', text: 'a chat frame failed', peer: this.remoteAddress, error });
    this.send(
      errorFrame(
        known ? error.code : 'failed',
        known ? error.message : 'the gateway failed on this frame',
        frame['id'],
      ),
    );
  }

  /** A peer that does not take part in the closing handshake is dropped. */
  #terminateLater(): void {
    const timer = setTimeout(() => this.#ws.terminate(), this.#deps.limits.closeMs);
    timer.unref();
    this.onClose(() => clearTimeout(timer));
  }

  #cutOff(): void {
    this.#deps.counters.slowClients += 1;
    this.#deps.repeated({
      level: 'warn',
      text: 'a chat client does not read and was cut off',
      peer: this.remoteAddress,
      waitingBytes: this.#ws.bufferedAmount,
    });
    this.#ws.terminate();
  }

  #ended(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#pings.fail(new Error('the socket closed before the client answered'));
    const listeners = this.#closeListeners;
    this.#closeListeners = [];
    for (const listener of listeners) listener();
  }
}

function isFrame(value: unknown): value is Frame {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The frame, or the sentence that says what is wrong with it. */
function parseFrame(data: RawData, isBinary: boolean): Frame | string {
  if (isBinary) return 'frames are JSON text, not binary data';
  let frame: unknown;
  try {
    frame = JSON.parse(String(data));
  } catch {
    return 'the frame is not valid JSON';
  }
  return isFrame(frame) ? frame : 'the frame is not a JSON object';
}

/** Something whose writes of one event-loop turn leave together. */
interface Flushable {
  flush(): void;
}

/**
 * Collects the sockets that were written to in this turn of the event loop and flushes each once at its end: many
 * small frames become one system call, without adding a timer's delay.
 */
export class WriteBatch {
  #dirty: Flushable[] = [];

  /** The caller adds itself once until its `flush` is called. */
  add(socket: Flushable): void {
    this.#dirty.push(socket);
    if (this.#dirty.length === 1) setImmediate(() => this.#flushAll());
  }

  #flushAll(): void {
    const dirty = this.#dirty;
    this.#dirty = [];
    for (const socket of dirty) socket.flush();
  }
}
