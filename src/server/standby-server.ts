import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from '../base/log.ts';
import { closeListeners, type Listeners, openListeners } from './server.ts';

const SERVICE = { service: 'pi-gateway-tui', role: 'standby' } as const;

/** The port of a gateway that is waiting: it says that it lives, and that another one does the work. */
export class StandbyServer {
  readonly #listeners: Listeners;

  private constructor(listeners: Listeners) {
    this.#listeners = listeners;
  }

  /** `reason` says who leads. */
  static async listen(host: string, port: number, reason: () => string, log: Logger): Promise<StandbyServer> {
    const request = (incoming: IncomingMessage, response: ServerResponse): void => {
      const { status, body } = answer(incoming.url ?? '/', reason());
      response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
      response.end(JSON.stringify(body));
    };
    const listeners = await openListeners(
      { request, upgrade: (_request, socket) => socket.end(refusedUpgrade(reason())) },
      host,
      port,
      log,
    );
    return new StandbyServer(listeners);
  }

  get port(): number {
    return this.#listeners.port;
  }

  stop(): Promise<void> {
    return closeListeners(this.#listeners.servers, 0);
  }
}

/** Pure. */
function answer(url: string, reason: string): { readonly status: number; readonly body: object } {
  const path = url.replace(/\?.*$/s, '');
  if (path === '/healthz') return { status: 200, body: { ok: true, ...SERVICE } };
  if (path === '/readyz') return { status: 503, body: { ready: false, ...SERVICE, reason } };
  return {
    status: 503,
    body: {
      error: reason,
      code: 'standby',
      hint: 'Use that gateway. This one takes over when it is gone.',
    },
  };
}

function refusedUpgrade(reason: string): string {
  const body = JSON.stringify(answer('/', reason).body);
  return [
    'HTTP/1.1 503 Service Unavailable',
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
    '',
    body,
  ].join('\r\n');
}
