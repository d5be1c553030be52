import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { GatewayError, messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import { wantsWebSocket } from './upgrades.ts';

export interface ListenerHandlers {
  request(request: IncomingMessage, response: ServerResponse): void;
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
}

/** A request line that arrives slowly, or not at all, must not hold a connection for long. */
const OPTIONS: ServerOptions = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 5_000,
  shouldUpgradeCallback: wantsWebSocket,
};

/** How often a free port is drawn again because the other loopback family had it taken. */
const PORT_DRAWS = 10;

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

function explain(error: unknown, host: string, port: number): GatewayError {
  const code = codeOf(error);
  if (code === 'EADDRINUSE')
    return new GatewayError('port_in_use', `port ${port} on ${host} is already in use`, {
      status: 409,
      hint: `Choose another port (--port or the key "port"), or use the gateway that holds it: pi-gateway-tui attach.`,
      cause: error,
    });
  if (code === 'EACCES')
    return new GatewayError('port_forbidden', `this user may not listen on port ${port}`, {
      hint: 'Choose a port of 1024 or above (--port or the key "port").',
      cause: error,
    });
  return new GatewayError('host_unavailable', `cannot listen on ${host}:${port}: ${messageOf(error)}`, {
    hint: 'Check the key "host": localhost, or an address of this machine.',
    cause: error,
  });
}

/** A server that serves nothing yet. */
export function createListener(handlers: ListenerHandlers): Server {
  const server = createServer(OPTIONS, handlers.request);
  server.on('upgrade', handlers.upgrade);
  return server;
}

async function open(handlers: ListenerHandlers, host: string, port: number): Promise<Server> {
  const server = createListener(handlers);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  return server;
}

function portOf(server: Server): number {
  const address: AddressInfo | string | null = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function openLoopback(handlers: ListenerHandlers, port: number, log: Logger): Promise<Server[]> {
  for (let draw = 1; ; draw += 1) {
    const v4 = await open(handlers, '127.0.0.1', port);
    try {
      return [v4, await open(handlers, '::1', portOf(v4))];
    } catch (error) {
      if (codeOf(error) !== 'EADDRINUSE') {
        log.info('this machine has no IPv6 loopback; listening on 127.0.0.1 only', {
          reason: messageOf(error),
        });
        return [v4];
      }
      await new Promise((resolve) => v4.close(resolve));
      if (port !== 0 || draw >= PORT_DRAWS) throw error;
    }
  }
}

export interface Listeners {
  readonly servers: readonly Server[];
  readonly port: number;
}

/** Listens on `host`; `localhost` means 127.0.0.1 and ::1 on the same port. Rejects with a `GatewayError`. */
export async function openListeners(
  handlers: ListenerHandlers,
  host: string,
  port: number,
  log: Logger,
): Promise<Listeners> {
  try {
    const servers =
      host.toLowerCase() === 'localhost'
        ? await openLoopback(handlers, port, log)
        : [await open(handlers, host.replace(/^\[(.*)\]$/, '$1'), port)];
    const first = servers[0];
    return { servers, port: first === undefined ? port : portOf(first) };
  } catch (error) {
    throw explain(error, host, port);
  }
}

/** Takes no new connections, lets running requests finish for `graceMs`, then drops what is left. */
export async function closeListeners(servers: readonly Server[], graceMs: number): Promise<void> {
  const timer = setTimeout(() => {
    for (const server of servers) server.closeAllConnections();
  }, graceMs);
  try {
    await Promise.all(
      servers.map(
        (server) =>
          new Promise<void>((resolve) => {
            server.close(() => resolve());
            server.closeIdleConnections();
          }),
      ),
    );
  } finally {
    clearTimeout(timer);
  }
}
