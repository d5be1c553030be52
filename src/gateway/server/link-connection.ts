import type { IncomingMessage } from 'node:http';
import { WebSocket } from 'ws';
import { GatewayError, messageOf } from '../errors.ts';
import type { GatewayEvent, OperatorSnapshot } from '../operator.ts';
import { LINK_PROTOCOL, type LinkServerFrame, parseServerFrame } from './link-frames.ts';
import { type LinkSurface, OPERATOR_PATH, SURFACE_HEADER } from './operator-path.ts';

export interface LinkHandlers {
  snapshot(snapshot: OperatorSnapshot): void;
  events(events: readonly GatewayEvent[]): void;
  /** The answer to the request with this id. */
  answer(id: string, answer: { readonly data: unknown } | { readonly error: GatewayError }): void;
  /** Once, after the link had been open. */
  closed(reason: string): void;
}

export interface LinkLogin {
  readonly token: string;
  readonly surface: LinkSurface;
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

/**
 * `localhost:3847`, `http://host:port/` or `ws://…` -> the address of the operator link.
 * @throws GatewayError `bad_url`
 */
export function linkUrl(address: string): URL {
  const withScheme = /^[a-z]+:\/\//i.test(address) ? address : `ws://${address}`;
  const url = URL.parse(withScheme.replace(/^http/i, 'ws'));
  if (url === null || !/^wss?:$/.test(url.protocol) || url.hostname === '')
    throw new GatewayError('bad_url', `"${address}" is no address of a gateway`, {
      status: 400,
      hint: 'Give host:port or a URL, for instance http://localhost:3847.',
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
  #silence: NodeJS.Timeout | undefined;

  private constructor(ws: WebSocket) {
    this.#ws = ws;
  }

  /** Resolves after `handlers.snapshot` was called once; rejects with the reason as a GatewayError. */
  static open(url: URL, login: LinkLogin, handlers: LinkHandlers, times: LinkTimes): Promise<LinkConnection> {
    const ws = new WebSocket(url, {
      headers: { Authorization: `Bearer ${login.token}`, [SURFACE_HEADER]: login.surface },
      perMessageDeflate: false,
      maxPayload: LARGEST_FRAME,
      handshakeTimeout: times.connectMs,
      followRedirects: false,
    });
    const connection = new LinkConnection(ws);
    return new Promise((resolve, reject) => {
      let settled = false;
      const timer = setTimeout(() => fail(unreachable(url, 'it did not answer in time')), times.connectMs);
      const fail = (error: GatewayError): void => {
        clearTimeout(timer);
        settled = true;
        reject(error);
        ws.terminate();
      };
      ws.on('unexpected-response', (_request, response) => void refusalOf(response).then(fail));
      ws.on('error', (error) => {
        if (!settled) fail(unreachable(url, messageOf(error), error));
      });
      ws.on('message', (data) => {
        connection.#heard(times.silenceMs);
        const frame = parseServerFrame(String(data));
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
      ws.on('close', () => {
        clearTimeout(connection.#silence);
        if (!settled) fail(unreachable(url, 'the connection closed'));
      });
    });
  }

  /** False when the link is no longer open. */
  send(frame: object): boolean {
    if (this.#ws.readyState !== this.#ws.OPEN) return false;
    this.#ws.send(JSON.stringify(frame));
    return true;
  }

  /** Says goodbye; resolves when the socket is gone, at the latest after `graceMs`. */
  close(graceMs: number): Promise<void> {
    const ws = this.#ws;
    if (ws.readyState === ws.CLOSED) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(() => ws.terminate(), graceMs);
      ws.once('close', () => {
        clearTimeout(timer);
        resolve();
      });
      ws.close(1000, 'detached');
    });
  }

  #heard(silenceMs: number): void {
    if (this.#silence === undefined) {
      this.#silence = setTimeout(() => this.#ws.terminate(), silenceMs);
      this.#silence.unref();
    } else this.#silence.refresh();
  }
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
      hint: 'Bring console and gateway to the same version.',
    },
  );
}

function unreachable(url: URL, reason: string, cause?: unknown): GatewayError {
  return new GatewayError('gateway_unreachable', `no gateway answers at ${url.host}: ${reason}`, {
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
