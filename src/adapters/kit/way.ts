import type { Agent } from 'node:http';
import type { Dispatcher } from 'undici';
import { GatewayError } from '../../base/errors.ts';

/** How a platform's clients reach the network: directly, or by a proxy where one is named for the target. */
export interface Way {
  /** For clients over node:http (sockets included); undefined: the target is reached directly. */
  agent(target: string): Agent | undefined;
  /** For sockets of undici; undefined: the target is reached directly. */
  dispatcher(target: string): Dispatcher | undefined;
  readonly fetch: typeof globalThis.fetch;
}

/** No proxy at all. */
export const DIRECT: Way = {
  agent: () => undefined,
  dispatcher: () => undefined,
  fetch: (input, init) => globalThis.fetch(input, init),
};

export interface ProxySettings {
  /** Of the configuration: a URL, or `direct` for none whatever the environment says. */
  readonly proxy?: string | undefined;
  readonly env: NodeJS.ProcessEnv;
}

const SCHEMES = new Set(['http:', 'https:', 'socks:', 'socks5:', 'socks5h:']);
/** Which variable names the proxy for a target of this scheme, the first that is set. */
const VARIABLES: Readonly<Record<string, readonly string[]>> = {
  'https:': ['https_proxy', 'all_proxy'],
  'wss:': ['https_proxy', 'all_proxy'],
  'http:': ['http_proxy', 'all_proxy'],
  'ws:': ['http_proxy', 'all_proxy'],
};

/** Is there any proxy to think of? Then the libraries for it are loaded. */
export function namesProxy({ proxy, env }: ProxySettings): boolean {
  if (proxy !== undefined && proxy !== '') return proxy !== 'direct';
  return ['https_proxy', 'http_proxy', 'all_proxy'].some((name) => variable(env, name) !== undefined);
}

/**
 * The proxy for a target; undefined: none. Pure. The configuration comes before the environment, and NO_PROXY counts for
 * both. Throws GatewayError `proxy_invalid` for what is not a proxy address.
 */
export function proxyFor(target: string, { proxy, env }: ProxySettings): URL | undefined {
  const url = new URL(target);
  if (proxy === 'direct' || excluded(url, variable(env, 'no_proxy') ?? '')) return undefined;
  if (proxy !== undefined && proxy !== '') return parsed(proxy, 'the configured proxy');
  for (const name of VARIABLES[url.protocol] ?? []) {
    const value = variable(env, name);
    if (value !== undefined) return parsed(value, name.toUpperCase());
  }
  return undefined;
}

/** Both spellings are in use; the lower one counts first, as it does for curl. */
function variable(env: NodeJS.ProcessEnv, name: string): string | undefined {
  const value = env[name] || env[name.toUpperCase()];
  return value === undefined || value.trim() === '' ? undefined : value.trim();
}

function parsed(text: string, whose: string): URL {
  // "proxy:3128" would parse as the scheme "proxy:".
  const address = text.includes('://') ? text : `http://${text}`;
  const full = URL.canParse(address) ? new URL(address) : undefined;
  // The text may hold a password: it is not repeated.
  if (full === undefined || !SCHEMES.has(full.protocol) || full.hostname === '')
    throw new GatewayError('proxy_invalid', `${whose} is not a proxy address`, {
      status: 400,
      hint: 'Write http://host:port or socks5://host:port, with user:password@ before the host where it needs them.',
    });
  return full;
}

/** `NO_PROXY`: names with everything below them, addresses, each with or without a port, or `*`. */
function excluded(target: URL, list: string): boolean {
  const host = target.hostname.toLowerCase().replace(/^\[|\]$/g, '');
  const port = target.port || (/^(https|wss):$/.test(target.protocol) ? '443' : '80');
  return list
    .toLowerCase()
    .split(/[\s,]+/)
    .filter((entry) => entry !== '')
    .some((entry) => {
      if (entry === '*') return true;
      const [, name = '', wanted] =
        /^\[?([^\]]*?)\]?(?::(\d+))?$/.exec(/^[^[\]]*:[^[\]]*:/.test(entry) ? `[${entry}]` : entry) ?? [];
      if (wanted !== undefined && wanted !== port) return false;
      const bare = name.replace(/^\*?\./, '');
      return bare !== '' && (host === bare || host.endsWith(`.${bare}`));
    });
}

export const attachmentTooLarge = (name: string, maxBytes: number): GatewayError =>
  new GatewayError('attachment_too_large', `${name} is larger than ${maxBytes} bytes`, { status: 413 });

export const attachmentUnavailable = (name: string, why: string): GatewayError =>
  new GatewayError('attachment_unavailable', `${name} could not be fetched: ${why}`, { status: 502 });

/**
 * Reads a response's body, at most `maxBytes` of it; a longer one, or one of a failed request, is cancelled and rejects.
 * The declared length is only a hint: what counts is what arrives.
 */
export async function readLimited(response: Response, name: string, maxBytes: number): Promise<Uint8Array> {
  if (!response.ok) {
    await response.body?.cancel();
    throw attachmentUnavailable(name, `the server answered ${response.status}`);
  }
  if (Number(response.headers.get('content-length') ?? 0) > maxBytes) {
    await response.body?.cancel();
    throw attachmentTooLarge(name, maxBytes);
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    // Leaving the loop cancels the body.
    if (size > maxBytes) throw attachmentTooLarge(name, maxBytes);
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  return bytes;
}
