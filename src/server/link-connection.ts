import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { type RawData, WebSocket } from 'ws';
import { GatewayError, messageOf } from '../base/errors.ts';
import type { GatewayEvent, OperatorSnapshot } from '../gateway/operator/operator.ts';
import type { SocketPlace } from '../gateway/operator/operator-address.ts';
import { type LinkSurface, OPERATOR_PATH, SURFACE_HEADER } from '../gateway/operator/operator-address.ts';
import {
  challengeOf,
  closeSocket,
  LINK_PROTOCOL,
  type LinkServerFrame,
  newNonce,
  parseServerFrame,
  proofOf,
  proves,
  Seal,
} from './link-protocol.ts';

export interface LinkHandlers {
  snapshot(snapshot: OperatorSnapshot): void;
  events(events: readonly GatewayEvent[]): void;
  /** The answer to the request with this id. */
  answer(id: string, answer: { readonly data: unknown } | { readonly error: GatewayError }): void;
  /** Once, after the link had been open. */
  closed(reason: string): void;
}

export interface LinkLogin {
  /** Needed wherever the operator socket's file rights do not decide. It is proved, never sent. */
  readonly token: string | undefined;
  readonly surface: LinkSurface;
}

/** Where a gateway answers: `host:port` or a URL, or its operator socket on this machine. */
export type GatewayAddress = string | SocketPlace;

export interface LinkAddress {
  readonly url: URL;
  readonly socket: SocketPlace | undefined;
  /** For sentences. */
  readonly name: string;
}

/** @throws GatewayError `bad_url` */
export function linkAddress(address: GatewayAddress): LinkAddress {
  if (typeof address !== 'string') return { url: linkUrl('localhost'), socket: address, name: address.path };
  const url = linkUrl(address);
  return { url, socket: undefined, name: url.host };
}

export interface LinkTimes {
  /** Until the first snapshot. */
  readonly connectMs: number;
  /** The gateway pings every 30 s; silence for this long means it is gone. */
  readonly silenceMs: number;
}

/** A snapshot of thousands of sessions is large; a frame beyond this is not from a gateway. */
const LARGEST_FRAME = 256 * 1024 * 1024;
const LARGEST_REFUSAL = 16 * 1024;
/** How often a silent gateway is asked for a heartbeat. */
const ASK_MS = 2_000;

/**
 * `localhost:3847`, `http://host:port/` or `ws://…` -> the address of the operator link.
 * @throws GatewayError `bad_url`
 */
export function linkUrl(address: string): URL {
  const withScheme = /^[a-z]+:\/\//i.test(address) ? address : `ws://${address}`;
  const url = URL.parse(withScheme.replace(/^http/i, 'ws'));
  if (url === null || !/^wss?:$/.test(url.protocol) || url.hostname === '')
    throw new GatewayError('bad_url', `"${address}" is not the address of a gateway`, {
      status: 400,
      hint: 'Give host:port or a URL, for example http://localhost:3847.',
    });
  // Credentials and tokens do not belong into a URL; they would end up in logs.
  url.username = '';
  url.password = '';
  url.search = '';
  url.hash = '';
  url.pathname = OPERATOR_PATH;
  return url;
}

/** One connection to a gateway; ready when its first snapshot has arrived. */
export class LinkConnection {
  readonly #ws: WebSocket;
  #seal: Seal | undefined;
  #silence: NodeJS.Timeout | undefined;
  #asking: NodeJS.Timeout | undefined;
  #heardAt = Date.now();

  private constructor(ws: WebSocket) {
    this.#ws = ws;
  }

  /** Resolves after `handlers.snapshot` was called once; rejects with the reason as a GatewayError. */
  static open(
    address: LinkAddress,
    login: LinkLogin,
    handlers: LinkHandlers,
    times: LinkTimes,
  ): Promise<LinkConnection> {
    const ws = openSocket(address, login.surface, times.connectMs);
    const connection = new LinkConnection(ws);
    return new Promise((resolve, reject) => {
      let settled = false;
      const timer = setTimeout(
        () => fail(unreachable(address, 'it did not answer in time')),
        times.connectMs,
      );
      const fail = (error: GatewayError): void => {
        clearTimeout(timer);
        settled = true;
        reject(error);
        ws.terminate();
      };
      const proof = proofNeeded(address) ? new Proof(address, login.token ?? '') : undefined;
      ws.on('open', () => {
        if (proof !== undefined) ws.send(proof.hello);
      });
      ws.on('unexpected-response', (_request, response) => void refusalOf(response).then(fail));
      ws.on('error', (error) => {
        if (!settled) fail(unreachable(address, messageOf(error), error));
      });
      ws.on('message', (data, isBinary) => {
        connection.#heard(times.silenceMs);
        if (proof !== undefined && connection.#seal === undefined) {
          const proven = proof.judge(isBinary ? '' : String(data));
          if (proven instanceof GatewayError) return fail(proven);
          connection.#seal = proven.seal;
          ws.send(proven.answer);
          return;
        }
        const text = connection.#textOf(data, isBinary);
        if (text === undefined) {
          ws.terminate();
          return;
        }
        const frame = parseServerFrame(text);
        if (frame === undefined) return;
        if (frame.type === 'snapshot' && frame.protocol !== LINK_PROTOCOL) return fail(otherVersion());
        dispatch(frame, handlers);
        if (settled || frame.type !== 'snapshot') return;
        settled = true;
        clearTimeout(timer);
        ws.on('close', (code, reason) =>
          handlers.closed(reason.toString() || `the connection closed (${code})`),
        );
        resolve(connection);
      });
      ws.on('ping', () => connection.#heard(times.silenceMs));
      ws.on('pong', () => connection.#heard(times.silenceMs));
      ws.on('open', () => connection.#askOften());
      ws.on('close', () => {
        clearTimeout(connection.#silence);
        clearInterval(connection.#asking);
        if (!settled) fail(unreachable(address, 'the connection closed'));
      });
    });
  }

  /** False when the link is no longer open. */
  send(frame: object): boolean {
    if (this.#ws.readyState !== this.#ws.OPEN) return false;
    const text = JSON.stringify(frame);
    this.#ws.send(this.#seal?.seal(text) ?? text);
    return true;
  }

  /** Undefined: not what the gateway sealed. */
  #textOf(data: RawData, isBinary: boolean): string | undefined {
    if (this.#seal === undefined) return String(data);
    return isBinary && Buffer.isBuffer(data) ? this.#seal.open(data) : undefined;
  }

  /** Says goodbye; resolves when the socket is gone, at the latest after `graceMs`. */
  close(graceMs: number): Promise<void> {
    return closeSocket(this.#ws, graceMs, 1000, 'detached');
  }

  /** When the gateway was heard last, epoch milliseconds. */
  get heardAt(): number {
    return this.#heardAt;
  }

  /** A gateway that hangs keeps its connection open: anyone who looks at it must learn that it is silent. */
  #askOften(): void {
    this.#asking = setInterval(() => {
      if (Date.now() - this.#heardAt >= ASK_MS / 2 && this.#ws.readyState === this.#ws.OPEN) this.#ws.ping();
    }, ASK_MS);
    this.#asking.unref();
  }

  #heard(silenceMs: number): void {
    this.#heardAt = Date.now();
    if (this.#silence === undefined) {
      // What arrived while this process stood still, as on a laptop that slept, is read before.
      const judge = (): void => {
        if (Date.now() - this.#heardAt >= silenceMs) this.#ws.terminate();
      };
      this.#silence = setTimeout(() => setImmediate(judge), silenceMs);
      this.#silence.unref();
    } else this.#silence.refresh();
  }
}

function proofNeeded({ socket }: LinkAddress): boolean {
  return socket?.private !== true;
}

/** No header holds the token: who answers there is not known yet. */
function openSocket(address: LinkAddress, surface: LinkSurface, connectMs: number): WebSocket {
  const { url, socket } = address;
  return new WebSocket(url, {
    headers: { [SURFACE_HEADER]: surface },
    perMessageDeflate: false,
    maxPayload: LARGEST_FRAME,
    handshakeTimeout: connectMs,
    followRedirects: false,
    ...(socket === undefined ? {} : { createConnection: () => connect(socket.path) }),
  });
}

/** This end's side of the proof; see `OperatorChallenge` for the other. */
class Proof {
  readonly #address: LinkAddress;
  readonly #token: string;
  readonly #nonce = newNonce();

  constructor(address: LinkAddress, token: string) {
    this.#address = address;
    this.#token = token;
  }

  get hello(): string {
    return JSON.stringify({ type: 'hello', nonce: this.#nonce });
  }

  judge(text: string): GatewayError | { readonly seal: Seal; readonly answer: string } {
    const challenge = challengeOf(text);
    const nonces = { client: this.#nonce, server: challenge?.nonce ?? '' };
    if (challenge === undefined || !proves('server', this.#token, nonces, challenge.proof))
      return new GatewayError(
        'gateway_not_proven',
        `what answers at ${this.#address.name} does not know the operator token that is set here`,
        {
          status: 401,
          hint: 'Another gateway or another program uses that address. For a gateway elsewhere, set PI_GATEWAY_TOKEN to the content of its gateway/operator.token.',
        },
      );
    const answer = JSON.stringify({ type: 'proof', proof: proofOf('client', this.#token, nonces) });
    return { seal: new Seal('client', this.#token, nonces), answer };
  }
}

/**
 * Does the gateway at this address know the token? Nothing but a random value is sent to it. False for everything
 * else that answers there, and when nothing does.
 */
export function knowsToken(address: string, token: string, timeoutMs = 1_500): Promise<boolean> {
  const target = linkAddress(address);
  const proof = new Proof(target, token);
  const ws = openSocket(target, 'cli', timeoutMs);
  return new Promise((resolve) => {
    const settle = (known: boolean): void => {
      clearTimeout(timer);
      resolve(known);
      ws.terminate();
    };
    const timer = setTimeout(() => settle(false), timeoutMs);
    ws.on('open', () => ws.send(proof.hello));
    ws.on('message', (data) => settle(!(proof.judge(String(data)) instanceof GatewayError)));
    ws.on('error', () => settle(false));
    ws.on('close', () => settle(false));
  });
}

function dispatch(frame: LinkServerFrame, handlers: LinkHandlers): void {
  switch (frame.type) {
    case 'snapshot':
      handlers.snapshot(frame.data);
      break;
    case 'events':
      handlers.events(frame.data);
      break;
    case 'result':
      handlers.answer(frame.id, { data: frame.data });
      break;
    case 'error': {
      const { code, error, hint, status } = frame.data;
      if (frame.id !== undefined)
        handlers.answer(frame.id, { error: new GatewayError(code, error, { hint, status }) });
      break;
    }
  }
}

function otherVersion(): GatewayError {
  return new GatewayError(
    'protocol_mismatch',
    'the gateway speaks another version of the operator protocol',
    {
      hint: 'Update the console and the gateway to the same version.',
    },
  );
}

function unreachable({ name }: LinkAddress, reason: string, cause?: unknown): GatewayError {
  return new GatewayError('gateway_unreachable', `no gateway answers at ${name}: ${reason}`, {
    status: 503,
    hint: 'Start it (pi-gateway-tui --no-tui), or check the address.',
    cause,
  });
}

/** What the gateway said instead of opening the link. */
async function refusalOf(response: IncomingMessage): Promise<GatewayError> {
  const status = response.statusCode ?? 500;
  let text = '';
  try {
    for await (const chunk of response) {
      text += String(chunk);
      if (text.length > LARGEST_REFUSAL) break;
    }
    const body: unknown = JSON.parse(text);
    const { error, code, hint }: { error?: unknown; code?: unknown; hint?: unknown } = { ...Object(body) };
    if (typeof error === 'string' && typeof code === 'string')
      return new GatewayError(code, error, { status, ...(typeof hint === 'string' ? { hint } : {}) });
  } catch {
    // Not JSON: something else than a gateway answers there, which the sentence below says.
  }
  return new GatewayError('not_a_gateway', `the address answers with status ${status}, not as a gateway`, {
    status,
    hint: 'Check host and port.',
  });
}
