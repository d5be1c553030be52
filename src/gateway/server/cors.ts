import type { IncomingHttpHeaders } from 'node:http';
import { judgeOrigin } from './origins.ts';

/** What the browser of an allowed page needs to hand the answer over; nothing for anybody else. */
export function corsHeaders(
  origin: string | undefined,
  host: string | undefined,
  corsOrigins: readonly string[],
): Readonly<Record<string, string>> {
  if (corsOrigins.length === 0) return {};
  const verdict = judgeOrigin(origin, host, corsOrigins);
  const allowed = origin !== undefined && (verdict === 'allowed' || verdict === 'with-token');
  return {
    Vary: 'Origin',
    ...(allowed
      ? {
          'Access-Control-Allow-Origin': origin,
          'Access-Control-Expose-Headers': 'Retry-After, Link, X-Next-Cursor',
          'Cross-Origin-Resource-Policy': 'cross-origin',
        }
      : {}),
  };
}

/**
 * Answers a CORS preflight; undefined when the request is none. A wildcard only helps a page that announces a token:
 * a preflight carries none itself.
 */
export function preflight(
  request: Request,
  headers: IncomingHttpHeaders,
  corsOrigins: readonly string[],
): Response | undefined {
  const { origin } = headers;
  if (request.method !== 'OPTIONS' || origin === undefined) return undefined;
  if (headers['access-control-request-method'] === undefined) return undefined;
  const verdict = judgeOrigin(origin, headers.host, corsOrigins);
  const announced = (headers['access-control-request-headers'] ?? '').toLowerCase().split(/\s*,\s*/);
  const passes = verdict === 'allowed' || (verdict === 'with-token' && announced.includes('authorization'));
  if (!passes)
    return Response.json(
      {
        error: `web pages of ${origin} may not use this gateway`,
        code: 'origin_refused',
        hint: 'Add the origin to corsOrigins; the entry "*" only lets pages in that send a token.',
      },
      { status: 403, headers: { Vary: 'Origin' } },
    );
  return new Response(null, {
    status: 204,
    headers: {
      'Access-Control-Allow-Origin': origin,
      'Access-Control-Allow-Methods': 'GET, HEAD, POST, DELETE',
      'Access-Control-Allow-Headers': 'Authorization, Content-Type',
      'Access-Control-Max-Age': '600',
      'Access-Control-Allow-Private-Network': 'true',
      Vary: 'Origin',
    },
  });
}
