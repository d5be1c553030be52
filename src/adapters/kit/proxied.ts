import type { ClientRequest, Agent as HttpAgent } from 'node:http';
import { connect, isIPv4, isIPv6, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as tlsConnect } from 'node:tls';
import { type AgentConnectOpts, Agent as BaseAgent } from 'agent-base';
import { HttpProxyAgent } from 'http-proxy-agent';
import { HttpsProxyAgent } from 'https-proxy-agent';
import {
  buildConnector,
  type Dispatcher,
  ProxyAgent,
  Agent as UndiciAgent,
  FormData as UndiciForm,
  fetch as undiciFetch,
} from 'undici';
import { type ProxySettings, proxyFor, type Way } from './way.ts';

const CONNECT_MS = 20_000;
const NO_LOGIN = 0;
const PASSWORD = 2;

const REFUSALS: Readonly<Record<number, string>> = {
  1: 'general failure',
  2: 'its rules do not allow this connection',
  3: 'the network cannot be reached',
  4: 'the host cannot be reached',
  5: 'the connection was refused',
  6: 'it took too long',
  7: 'it cannot do this',
  8: 'it does not know this kind of address',
};

/**
 * A connection to `host` through a SOCKS 5 proxy (RFC 1928, 1929). The proxy looks the name up, so that no query for it
 * leaves this machine.
 */
async function socksConnect(proxy: URL, host: string, port: number): Promise<Socket> {
  const socket = connect({ host: proxy.hostname.replace(/^\[|\]$/g, ''), port: Number(proxy.port || 1080) });
  const timer = setTimeout(
    () => socket.destroy(new Error('the SOCKS proxy did not answer in time')),
    CONNECT_MS,
  );
  try {
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    const user = decodeURIComponent(proxy.username);
    const password = decodeURIComponent(proxy.password);
    const methods = user === '' ? [NO_LOGIN] : [NO_LOGIN, PASSWORD];
    socket.write(Buffer.from([5, methods.length, ...methods]));
    const [version, method] = await read(socket, 2);
    if (version !== 5) throw new Error('the proxy does not speak SOCKS 5');
    if (method === PASSWORD && user !== '') await logIn(socket, user, password);
    else if (method !== NO_LOGIN) throw new Error('the SOCKS proxy requires a login');
    socket.write(
      Buffer.concat([Buffer.from([5, 1, 0]), addressOf(host), Buffer.from([port >> 8, port & 255])]),
    );
    const [, reply = 1, , kind] = await read(socket, 4);
    if (reply !== 0) throw new Error(`the SOCKS proxy refused: ${REFUSALS[reply] ?? `code ${reply}`}`);
    // The address it is bound to is of no interest.
    const length = kind === 1 ? 4 : kind === 4 ? 16 : ((await read(socket, 1))[0] ?? 0);
    await read(socket, length + 2);
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

async function logIn(socket: Socket, user: string, password: string): Promise<void> {
  const [name, word] = [Buffer.from(user), Buffer.from(password)];
  socket.write(Buffer.concat([Buffer.from([1, name.length]), name, Buffer.from([word.length]), word]));
  const [, status] = await read(socket, 2);
  if (status !== 0) throw new Error('the SOCKS proxy refused the login');
}

function addressOf(host: string): Buffer {
  const bare = host.replace(/^\[|\]$/g, '');
  if (isIPv4(bare)) return Buffer.from([1, ...bare.split('.').map(Number)]);
  if (isIPv6(bare)) return Buffer.concat([Buffer.from([4]), ipv6Bytes(bare)]);
  const name = Buffer.from(bare);
  return Buffer.concat([Buffer.from([3, name.length]), name]);
}

function ipv6Bytes(address: string): Buffer {
  const [head = '', tail] = address.split('::');
  const groups = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((part) => Number.parseInt(part, 16));
  const [left, right] = [groups(head), tail === undefined ? [] : groups(tail)];
  const all = [...left, ...new Array<number>(8 - left.length - right.length).fill(0), ...right];
  return Buffer.from(all.flatMap((group) => [group >> 8, group & 255]));
}

/** Exactly so many bytes; whatever follows stays in the socket for who comes next. */
function read(socket: Socket, count: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const done = (): void => {
      socket.off('readable', look);
      socket.off('error', fail);
      socket.off('close', closed);
    };
    const fail = (error: Error): void => {
      done();
      reject(error);
    };
    const closed = (): void => fail(new Error('the SOCKS proxy closed the connection'));
    const look = (): void => {
      const chunk: unknown = socket.read(count);
      if (!Buffer.isBuffer(chunk)) return;
      done();
      resolve(chunk);
    };
    socket.on('readable', look).on('error', fail).on('close', closed);
    look();
  });
}

/** An idle connection is kept for the next call; shorter than servers keep theirs. */
const KEPT = { keepAlive: true, timeout: 4000 } as const;

/** The way out where a proxy is named for some targets. */
export function proxiedWay(settings: ProxySettings): Way {
  // What is not a proxy address is told at once, and not by every connection.
  for (const target of ['https://platform.invalid', 'http://platform.invalid']) proxyFor(target, settings);
  const dispatchers = new Map<string, Dispatcher>();
  const dispatcher = (target: string): Dispatcher | undefined => {
    const proxy = proxyFor(target, settings);
    if (proxy === undefined) return undefined;
    // Only a plain request is handed to the proxy whole; everything else needs a tunnel.
    const tunnel = new URL(target).protocol !== 'http:';
    const key = `${tunnel} ${proxy.href}`;
    const known = dispatchers.get(key) ?? dispatcherOf(proxy, tunnel);
    dispatchers.set(key, known);
    return known;
  };
  return {
    dispatcher,
    agent(target) {
      const proxy = proxyFor(target, settings);
      return proxy === undefined ? undefined : agentOf(proxy, target);
    },
    fetch: async (input, init) => {
      const target = input instanceof Request ? input.url : String(input);
      const way = dispatcher(target);
      if (way === undefined || input instanceof Request) return globalThis.fetch(input, init);
      // A proxy needs undici's own fetch: that of Node is another copy, which shares neither forms nor dispatchers nor
      // types; their responses are alike.
      const body = init?.body instanceof FormData ? copied(init.body) : init?.body;
      const options = { ...init, body, dispatcher: way };
      const response: Response = await Reflect.apply(undiciFetch, undefined, [target, options]);
      return response;
    },
  };
}

function isSocks(proxy: URL): boolean {
  return proxy.protocol.startsWith('socks');
}

function agentOf(proxy: URL, target: string): HttpAgent {
  if (isSocks(proxy)) return new SocksAgent(proxy);
  const { protocol } = new URL(target);
  return protocol === 'http:' ? new HttpProxyAgent(proxy, KEPT) : new HttpsProxyAgent(proxy, KEPT);
}

function dispatcherOf(proxy: URL, tunnel: boolean): Dispatcher {
  if (!isSocks(proxy)) return new ProxyAgent({ uri: proxy.href, proxyTunnel: tunnel });
  const secure = buildConnector({});
  return new UndiciAgent({
    connect: (options, callback) => {
      const { hostname, port, protocol } = options;
      const number = Number(port || (protocol === 'https:' ? 443 : 80));
      socksConnect(proxy, hostname, number).then(
        (socket) =>
          protocol === 'https:'
            ? secure({ ...options, httpSocket: socket }, callback)
            : callback(null, socket),
        (error: Error) => callback(error, null),
      );
    },
  });
}

class SocksAgent extends BaseAgent {
  readonly #proxy: URL;

  constructor(proxy: URL) {
    super(KEPT);
    this.#proxy = proxy;
  }

  override async connect(_request: ClientRequest, options: AgentConnectOpts): Promise<Duplex> {
    const { host = '', port } = options;
    const socket = await socksConnect(this.#proxy, host, Number(port));
    if (!options.secureEndpoint) return socket;
    // The address is the proxy's business; what is left are the options of TLS.
    const { host: _host, port: _port, path: _path, ...tls } = options;
    return tlsConnect({ ...tls, socket, servername: tls.servername || host });
  }
}

function copied(form: FormData): UndiciForm {
  const copy = new UndiciForm();
  for (const [name, value] of form)
    if (typeof value === 'string') copy.append(name, value);
    else copy.append(name, value, value.name);
  return copy;
}
