import type { ClientRequest, Agent as HttpAgent } from 'node:http';
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
import { socksConnect } from './socks.ts';
import { type ProxySettings, proxyFor, type Way } from './way.ts';

/** An idle connection is kept for the next call; shorter than servers keep theirs. */
const KEPT = { keepAlive: true, timeout: 4000 } as const;

/** The way out where a proxy is named for some targets. */
export function proxiedWay(settings: ProxySettings): Way {
  // What is no address of a proxy is told at once, and not by every connection.
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
      // A proxy needs undici's own fetch: that of Node is another copy, which shares neither forms nor dispatchers.
      const body = init?.body instanceof FormData ? copied(init.body) : init?.body;
      const options = { ...init, body, dispatcher: way };
      return (await Reflect.apply(undiciFetch, undefined, [target, options])) as unknown as Response;
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
