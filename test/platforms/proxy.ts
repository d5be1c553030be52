import { createServer as createHttp, request as httpRequest } from 'node:http';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

export interface TestProxy {
  readonly url: string;
  /** Where connections and requests wanted to go, as host:port. */
  readonly seen: string[];
  stop(): Promise<void>;
}

/** Every name leads to this machine: a target is told by its port alone. */
const HERE = '127.0.0.1';

/** An HTTP proxy: plain requests whole, everything else by CONNECT. With `login` (user:password) it wants one. */
export async function startHttpProxy(login?: string): Promise<TestProxy> {
  const seen: string[] = [];
  const sockets = new Set<Socket>();
  const allowed = (header: string | undefined): boolean =>
    login === undefined || header === `Basic ${Buffer.from(login).toString('base64')}`;
  const server = createHttp((incoming, answer) => {
    const target = new URL(incoming.url ?? '/');
    if (!allowed(incoming.headers['proxy-authorization'])) return void answer.writeHead(407).end();
    seen.push(target.host);
    const { 'proxy-authorization': _login, ...headers } = incoming.headers;
    const on = httpRequest(
      {
        host: HERE,
        port: target.port,
        path: target.pathname + target.search,
        method: incoming.method,
        headers,
      },
      (reply) => {
        answer.writeHead(reply.statusCode ?? 502, reply.headers);
        reply.pipe(answer);
      },
    );
    on.on('error', () => answer.destroy());
    answer.on('close', () => on.destroy());
    incoming.pipe(on);
  });
  server.on('connect', (request, client: Socket) => {
    sockets.add(client);
    if (!allowed(request.headers['proxy-authorization']))
      return client.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
    seen.push(request.url ?? '');
    const port = Number(request.url?.split(':').at(-1));
    join(client, port, sockets, () => client.write('HTTP/1.1 200 Connection established\r\n\r\n'));
    return undefined;
  });
  return running(server, 'http', login, seen, sockets);
}

/** A SOCKS 5 proxy. With `login` it wants one. */
export async function startSocksProxy(login?: string): Promise<TestProxy> {
  const seen: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    sockets.add(client);
    client.on('error', () => {});
    void serveSocks(client, login, seen, sockets).catch(() => client.destroy());
  });
  return running(server, 'socks5', login, seen, sockets);
}

async function serveSocks(
  client: Socket,
  login: string | undefined,
  seen: string[],
  sockets: Set<Socket>,
): Promise<void> {
  const [, count = 0] = await bytes(client, 2);
  const methods = [...(await bytes(client, count))];
  const method = login === undefined ? 0 : 2;
  if (!methods.includes(method)) return void client.end(Buffer.from([5, 255]));
  client.write(Buffer.from([5, method]));
  if (login !== undefined) {
    const user = await bytes(client, (await bytes(client, 2))[1] ?? 0);
    const password = await bytes(client, (await bytes(client, 1))[0] ?? 0);
    const right = `${user}:${password}` === login;
    client.write(Buffer.from([1, right ? 0 : 1]));
    if (!right) return void client.end();
  }
  const [, , , kind] = await bytes(client, 4);
  const host =
    kind === 1
      ? [...(await bytes(client, 4))].join('.')
      : String(await bytes(client, (await bytes(client, 1))[0] ?? 0));
  const port = (await bytes(client, 2)).readUInt16BE();
  seen.push(`${host}:${port}`);
  join(client, port, sockets, () => client.write(Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0])));
}

function join(client: Socket, port: number, sockets: Set<Socket>, joined: () => void): void {
  const on = connect(port, HERE, () => {
    joined();
    on.pipe(client);
    client.pipe(on);
  });
  sockets.add(on);
  client.on('error', () => {}).on('close', () => on.destroy());
  on.on('error', () => client.destroy()).on('close', () => client.destroy());
}

async function bytes(socket: Socket, count: number): Promise<Buffer> {
  if (count === 0) return Buffer.alloc(0);
  for (;;) {
    const chunk: unknown = socket.read(count);
    if (Buffer.isBuffer(chunk)) return chunk;
    if (socket.destroyed) throw new Error('closed');
    await new Promise<void>((resolve) => socket.once('readable', resolve).once('close', resolve));
  }
}

async function running(
  server: Server,
  scheme: string,
  login: string | undefined,
  seen: string[],
  sockets: Set<Socket>,
): Promise<TestProxy> {
  await new Promise<void>((resolve) => server.listen(0, HERE, resolve));
  const { port } = server.address() as AddressInfo;
  const at = login === undefined ? '' : `${login}@`;
  return {
    url: `${scheme}://${at}${HERE}:${port}`,
    seen,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => {
        server.close(resolve);
        if ('closeAllConnections' in server && typeof server.closeAllConnections === 'function')
          server.closeAllConnections();
      });
    },
  };
}
