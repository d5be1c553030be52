import { isLoopbackHost } from './peers.ts';

/**
 * - `none`: no `Origin`, so no web page (or a page's plain GET, whose answer it cannot read)
 * - `allowed`: listed in `corsOrigins`, or the gateway's own loopback address
 * - `with-token`: only a request that carries a valid token may pass (`corsOrigins` has `*`, or a page of the same host)
 * - `foreign`: refused
 */
export type OriginVerdict = 'none' | 'allowed' | 'with-token' | 'foreign';

function normal(origin: string): string {
  return origin.trim().toLowerCase().replace(/\/$/, '');
}

/**
 * Judges the `Origin` of a request. `*` never opens a gateway without tokens to every web page: it only says that
 * any page may come with a token. Some programs send their target as `Origin`; that is the gateway itself and passes
 * when it is a loopback name. Any other name of the same host needs a token, since a rebound name looks the same.
 */
export function judgeOrigin(
  origin: string | undefined,
  host: string | undefined,
  corsOrigins: readonly string[],
): OriginVerdict {
  if (origin === undefined || origin === '') return 'none';
  const wanted = normal(origin);
  if (corsOrigins.some((entry) => entry !== '*' && normal(entry) === wanted)) return 'allowed';
  if (host !== undefined && (wanted === `http://${normal(host)}` || wanted === `https://${normal(host)}`))
    return isLoopbackHost(host) ? 'allowed' : 'with-token';
  return corsOrigins.includes('*') ? 'with-token' : 'foreign';
}
