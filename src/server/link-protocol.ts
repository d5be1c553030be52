/**
 * What both ends of the operator link know.
 *
 * JSON frames on `/operator`: the gateway sends a snapshot, then every event after it; the console sends commands and
 * questions, each with an id that the answer carries. A second snapshot replaces everything (events were left out because
 * the peer read too slowly).
 *
 * Over TCP the two ends prove to each other that they know the operator token, which itself never crosses. Every frame
 * after that is sealed with keys of this one connection: a program in the middle that passes the proofs on can neither
 * read nor add a word.
 */
import { createCipheriv, createDecipheriv, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { RawData, WebSocket } from 'ws';
import { GatewayError } from '../base/errors.ts';
import type { GatewayEvent, OperatorSnapshot } from '../gateway/operator/operator.ts';
import type { ErrorBody } from './peers.ts';

/** Raised when an older peer could not understand the frames. */
export const LINK_PROTOCOL = 1;

export type LinkServerFrame =
  | { readonly type: 'snapshot'; readonly protocol: number; readonly data: OperatorSnapshot }
  | { readonly type: 'events'; readonly data: readonly GatewayEvent[] }
  | { readonly type: 'result'; readonly id: string; readonly data: unknown }
  | { readonly type: 'error'; readonly id?: string; readonly data: ErrorBody & { readonly status: number } };

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const SNAPSHOT_LISTS = [
  'adapters',
  'sessions',
  'tasks',
  'pairing',
  'allowlist',
  'refusals',
  'outbox',
  'log',
] as const satisfies readonly Exclude<keyof OperatorSnapshot, 'gateway'>[];

function isSnapshot(value: unknown): value is OperatorSnapshot {
  return (
    isRecord(value) &&
    isRecord(value['gateway']) &&
    SNAPSHOT_LISTS.every((name) => Array.isArray(value[name]))
  );
}

/** Rows inside events are trusted: they come from the gateway whose operator token was just accepted. */
function isEvents(value: unknown): value is readonly GatewayEvent[] {
  return Array.isArray(value) && value.every((entry) => isRecord(entry) && typeof entry['type'] === 'string');
}

function isErrorData(value: unknown): value is ErrorBody & { readonly status: number } {
  return (
    isRecord(value) &&
    typeof value['error'] === 'string' &&
    typeof value['code'] === 'string' &&
    typeof value['hint'] === 'string' &&
    typeof value['status'] === 'number'
  );
}

/** A frame of the gateway, or undefined when it makes no sense to this version. */
export function parseServerFrame(text: string): LinkServerFrame | undefined {
  let frame: unknown;
  try {
    frame = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isRecord(frame)) return undefined;
  const { type, id, data, protocol } = frame;
  if (type === 'snapshot' && typeof protocol === 'number' && isSnapshot(data))
    return { type, protocol, data };
  if (type === 'events' && isEvents(data)) return { type, data };
  if (type === 'result' && typeof id === 'string') return { type, id, data };
  if (type === 'error' && isErrorData(data)) return { type, data, ...(typeof id === 'string' ? { id } : {}) };
  return undefined;
}

const LABEL = 'pi-gateway-tui operator link 1';
const CIPHER = 'aes-256-gcm';
const TAG_BYTES = 16;

/** Fresh random values of both ends: a proof of one connection is worth nothing on another. */
interface Nonces {
  readonly client: string;
  readonly server: string;
}

type Side = 'client' | 'server';

export function newNonce(): string {
  return randomBytes(32).toString('base64url');
}

function isNonce(value: unknown): value is string {
  return typeof value === 'string' && /^[\w-]{43}$/.test(value);
}

function derive(token: string, purpose: string, nonces: Nonces): Buffer {
  return createHmac('sha256', token)
    .update(JSON.stringify([LABEL, purpose, nonces.client, nonces.server]))
    .digest();
}

/** What a side sends to prove that it knows the token. */
export function proofOf(side: Side, token: string, nonces: Nonces): string {
  return derive(token, `proof of the ${side}`, nonces).toString('base64url');
}

/** Constant time. An empty token proves nothing. */
export function proves(side: Side, token: string, nonces: Nonces, proof: unknown): boolean {
  if (token === '' || typeof proof !== 'string') return false;
  const right = Buffer.from(proofOf(side, token, nonces));
  const given = Buffer.from(proof);
  return given.length === right.length && timingSafeEqual(given, right);
}

/** Seals what one end says and opens what the other says. Frames are counted: none can be left out, repeated or moved. */
export class Seal {
  readonly #outKey: Buffer;
  readonly #inKey: Buffer;
  #out = 0;
  #in = 0;

  constructor(side: Side, token: string, nonces: Nonces) {
    const other: Side = side === 'client' ? 'server' : 'client';
    this.#outKey = derive(token, `frames of the ${side}`, nonces);
    this.#inKey = derive(token, `frames of the ${other}`, nonces);
  }

  seal(text: string): Buffer {
    const cipher = createCipheriv(CIPHER, this.#outKey, counted(this.#out));
    this.#out += 1;
    return Buffer.concat([cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
  }

  /** Undefined: not what the other end said next. The link is of no use then. */
  open(frame: Buffer): string | undefined {
    if (frame.length < TAG_BYTES) return undefined;
    const decipher = createDecipheriv(CIPHER, this.#inKey, counted(this.#in));
    decipher.setAuthTag(frame.subarray(frame.length - TAG_BYTES));
    try {
      const text = Buffer.concat([
        decipher.update(frame.subarray(0, frame.length - TAG_BYTES)),
        decipher.final(),
      ]);
      this.#in += 1;
      return text.toString('utf8');
    } catch {
      return undefined;
    }
  }
}

/** Keys are new on every connection, so a counter is a nonce that never comes twice. */
function counted(frame: number): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeBigUInt64BE(BigInt(frame), 4);
  return nonce;
}

/** Handshakes at once; one more ends the oldest. They hold nothing but a socket. */
const HANDSHAKES = 256;
const HANDSHAKE_MS = 5_000;
const LONGEST_FRAME = 1_024;

interface ChallengeDeps {
  operatorToken(): string;
  /** The peer could not prove that it knows the token. */
  failed(): void;
  proven(seal: Seal): void;
}

/**
 * The gateway's side of the proof: `hello` with the peer's nonce comes in, `challenge` with our nonce and our proof
 * goes out, `proof` comes in. Nothing of the gateway is said before.
 */
export class OperatorChallenge {
  readonly #open = new Set<WebSocket>();

  begin(ws: WebSocket, deps: ChallengeDeps): void {
    for (const oldest of this.#open) {
      if (this.#open.size < HANDSHAKES) break;
      this.#open.delete(oldest);
      oldest.terminate();
    }
    this.#open.add(ws);
    const timer = setTimeout(() => ws.close(1008, 'no proof came in time'), HANDSHAKE_MS);
    timer.unref();
    let nonces: Nonces | undefined;
    let token = '';
    const ended = (): void => {
      clearTimeout(timer);
      this.#open.delete(ws);
    };
    const receive = (data: RawData, isBinary: boolean): void => {
      const frame = isBinary ? {} : fieldsOf(String(data));
      if (nonces === undefined && frame.type === 'hello' && isNonce(frame.nonce)) {
        token = deps.operatorToken();
        nonces = { client: frame.nonce, server: newNonce() };
        const proof = proofOf('server', token, nonces);
        ws.send(JSON.stringify({ type: 'challenge', nonce: nonces.server, proof }));
        return;
      }
      ws.off('message', receive);
      // It may have been rotated since the hello: then what proves the old one proves nothing.
      const stillRight = token === deps.operatorToken();
      if (
        stillRight &&
        nonces !== undefined &&
        frame.type === 'proof' &&
        proves('client', token, nonces, frame.proof)
      ) {
        ended();
        deps.proven(new Seal('server', token, nonces));
        return;
      }
      deps.failed();
      ws.close(1008, 'the operator token was not proved');
      setTimeout(() => ws.terminate(), HANDSHAKE_MS).unref();
    };
    ws.on('message', receive);
    ws.on('error', () => {}); // the close that follows tells
    ws.on('close', ended);
  }

  /** Ends every handshake that is not over yet. */
  stop(): void {
    for (const ws of this.#open) ws.terminate();
  }
}

interface Fields {
  readonly type?: unknown;
  readonly nonce?: unknown;
  readonly proof?: unknown;
}

function fieldsOf(text: string): Fields {
  if (text.length > LONGEST_FRAME) return {};
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}

/** What the gateway's challenge says, for the other end. */
export function challengeOf(text: string): { readonly nonce: string; readonly proof: unknown } | undefined {
  const { type, nonce, proof } = fieldsOf(text);
  return type === 'challenge' && isNonce(nonce) ? { nonce, proof } : undefined;
}

/** Says goodbye; resolves when the socket is gone, at the latest after `graceMs`. */
export function closeSocket(ws: WebSocket, graceMs: number, code: number, reason: string): Promise<void> {
  if (ws.readyState === ws.CLOSED) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(() => ws.terminate(), graceMs);
    ws.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
    ws.close(code, reason);
  });
}

interface Waiting {
  readonly resolve: (data: unknown) => void;
  readonly reject: (error: GatewayError) => void;
  readonly timer: NodeJS.Timeout;
}

/** Requests on a link whose answers are still to come, each with a deadline. */
export class PendingAnswers {
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
        error: new GatewayError('link_down', 'the gateway cannot be reached', {
          status: 503,
          hint: 'The link is being restored; try again when it is back.',
        }),
      });
    });
  }

  /** An answer came in; one that no one waits for (anymore) is ignored. */
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
