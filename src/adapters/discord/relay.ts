import { randomBytes } from 'node:crypto';
import { createServer, request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Way } from '../kit/way.ts';

/** A socket address on this machine whose connections go on to another server, by its proxy. */
export interface Relay {
  /** The address to use in place of `target`; it takes a query behind it. */
  readonly address: (target: string) => string;
  /** Cuts every connection. */
  readonly close: () => void;
}

/**
 * For a client whose sockets take no agent (discord.js): they connect to this machine, and from here to the real server
 * by the proxy. What passes is not looked at. The path begins with a secret, so that no other program uses it.
 */
export async function openRelay(way: Way): Promise<Relay> {
  const secret = randomBytes(16).toString('hex');
  const open = new Set<Duplex>();
  const server = createServer((_request, response) => response.writeHead(404).end());
  server.on('upgrade', (request: IncomingMessage, client: Duplex) => {
    const target = targetOf(request.url ?? '', secret);
    if (target === undefined) return client.destroy();
    hold(open, client);
    forward(way, target, request, client, open);
    return undefined;
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  server.unref();
  const { port } = server.address() as AddressInfo;
  return {
    address: (target) => `ws://127.0.0.1:${port}/${secret}/${encodeURIComponent(target)}`,
    close: () => {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}

/** Where a connection wants to go: what stands behind the secret, with the query of the connection itself. */
function targetOf(path: string, secret: string): URL | undefined {
  const [, given, encoded = ''] = /^\/([^/]+)\/([^?]+)/.exec(path) ?? [];
  if (given !== secret) return undefined;
  const target = new URL(decodeURIComponent(encoded.replace(/%2F$|\/$/i, '')));
  target.search = path.includes('?') ? path.slice(path.indexOf('?')) : '';
  return target;
}

function forward(way: Way, target: URL, request: IncomingMessage, client: Duplex, open: Set<Duplex>): void {
  const secure = target.protocol === 'wss:';
  const agent = way.agent(target.href);
  const upstream = (secure ? httpsRequest : httpRequest)({
    host: target.hostname,
    port: target.port || (secure ? 443 : 80),
    path: `${target.pathname}${target.search}`,
    headers: { ...request.headers, host: target.host },
    ...(agent === undefined ? {} : { agent }),
  });
  upstream.on('upgrade', (answer, server: Duplex, head) => {
    hold(open, server);
    const lines = [`HTTP/1.1 ${answer.statusCode} ${answer.statusMessage}`];
    for (let i = 0; i < answer.rawHeaders.length; i += 2)
      lines.push(`${answer.rawHeaders[i]}: ${answer.rawHeaders[i + 1]}`);
    client.write(`${lines.join('\r\n')}\r\n\r\n`);
    if (head.length > 0) client.write(head);
    server.pipe(client);
    client.pipe(server);
    server.on('close', () => client.destroy());
    client.on('close', () => server.destroy());
  });
  upstream.on('response', (answer) => {
    client.end(`HTTP/1.1 ${answer.statusCode} ${answer.statusMessage}\r\nConnection: close\r\n\r\n`);
    answer.resume();
  });
  upstream.on('error', () => client.destroy());
  client.on('close', () => upstream.destroy());
  upstream.end();
}

function hold(open: Set<Duplex>, socket: Duplex): void {
  open.add(socket);
  // Its end is told to the other side.
  socket.on('error', () => {}).on('close', () => open.delete(socket));
}
