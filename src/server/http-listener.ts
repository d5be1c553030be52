import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { getRequestListener, type HttpBindings } from '@hono/node-server';
import { type Context, Hono } from 'hono';
import type { Access, AccessGuard, RequestFacts } from './access.ts';
import type { ExtraRoute, ServerDeps, ServerLimits } from './peers.ts';
import { errorBody, isOperatorSocket, judgeOrigin, RequestRefused } from './peers.ts';
import { apiRoutes, healthRoutes, type Route } from './routes.ts';

/** What the browser of an allowed page needs to hand the answer over; nothing for anybody else. */
function corsHeaders(
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
function preflight(
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
        hint: 'Add the origin to corsOrigins; the entry "*" only allows pages that send a token.',
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

function tooLarge(limit: number): RequestRefused {
  return new RequestRefused('body_too_large', `the body is larger than ${limit} bytes`, {
    status: 413,
    hint: 'Send less at once.',
    // What is left of the body is not read, so the connection cannot be used again.
    headers: { Connection: 'close' },
  });
}

/** Anyone who hangs up in the middle has made the mistake, not the gateway. */
async function* piecesOf(incoming: IncomingMessage): AsyncGenerator<unknown> {
  try {
    yield* incoming.iterator({ destroyOnReturn: false });
  } catch (cause) {
    throw new RequestRefused('body_cut_off', 'the connection ended before the body did', {
      status: 400,
      hint: 'Send as many bytes as Content-Length says.',
      cause,
    });
  }
}

/**
 * The whole body of a request, at most `limit` bytes (a larger one is refused with 413 without reading it to its
 * end). Ends with the connection or the server's request timeout.
 */
async function readBody(incoming: IncomingMessage, limit: number): Promise<Buffer> {
  if (Number(incoming.headers['content-length'] ?? 0) > limit) throw tooLarge(limit);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of piecesOf(incoming)) {
    const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
    size += bytes.length;
    if (size > limit) throw tooLarge(limit);
    chunks.push(bytes);
  }
  return Buffer.concat(chunks, size);
}

type Bindings = { readonly Bindings: HttpBindings };
type Call = Context<Bindings>;

/** On every answer: nothing here may be cached, sniffed or embedded by a page. */
const BASE_HEADERS = {
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
  'Cross-Origin-Resource-Policy': 'same-origin',
};

function factsOf(c: Call): RequestFacts {
  const { incoming } = c.env;
  return {
    peer: incoming.socket.remoteAddress ?? '',
    onOperatorSocket: isOperatorSocket(incoming.socket),
    authorization: incoming.headers.authorization,
    origin: incoming.headers.origin,
    host: incoming.headers.host,
    subProtocols: [],
  };
}

/** The HTTP side: one table of routes, one place for access, CORS, errors and methods. */
function createHttpApp(deps: ServerDeps, guard: AccessGuard, limits: ServerLimits): Hono<Bindings> {
  const app = new Hono<Bindings>();

  app.use(async (c, next) => {
    const early = preflight(c.req.raw, c.env.incoming.headers, deps.corsOrigins);
    if (early !== undefined) return early;
    await next();
    const { origin, host } = c.env.incoming.headers;
    for (const [name, value] of Object.entries({
      ...BASE_HEADERS,
      ...corsHeaders(origin, host, deps.corsOrigins),
    }))
      c.res.headers.set(name, value);
    return undefined;
  });

  app.onError((error, c) => {
    const { status, body } = errorBody(error);
    if (status >= 500) deps.log.error('request failed', { method: c.req.method, path: c.req.path, error });
    return Response.json(body, {
      status,
      headers: error instanceof RequestRefused ? error.headers : {},
    });
  });

  app.notFound((c) => {
    const off = !deps.enableHttp && /^\/(api\/|metrics$)/.test(c.req.path);
    throw new RequestRefused(off ? 'http_disabled' : 'not_found', `there is nothing at ${c.req.path}`, {
      status: 404,
      hint: off ? 'The HTTP API is switched off (enableHttp).' : 'GET /api/status is a good place to start.',
    });
  });

  const routes = [...healthRoutes(deps), ...(deps.enableHttp ? apiRoutes(deps) : [])];
  for (const route of routes) app.on(route.method, route.path, (c) => answer(c, route, guard, limits));
  for (const [path, allow] of methodsOf(routes)) app.all(path, (c) => refuseMethod(c, allow));
  app.all('*', (c, next) => {
    const route = deps.routes?.().find(({ path }) => path === c.req.path);
    if (route === undefined) return next();
    const method = route.method ?? 'POST';
    return c.req.method === method ? answerExtra(c, route, limits) : refuseMethod(c, method);
  });
  return app;
}

const ANYONE: Access = { privileged: false, countsOnly: true };

async function answer(c: Call, route: Route, guard: AccessGuard, limits: ServerLimits): Promise<Response> {
  const access = route.access === 'open' ? ANYONE : guard.check(factsOf(c), route.access);
  const { incoming } = c.env;
  const result = await route.handle({
    access,
    query: (name) => c.req.query(name),
    param: (name) => c.req.param(name) ?? '',
    body: async () => (await readBody(incoming, limits.bodyBytes)).toString('utf8'),
  });
  return result instanceof Response ? result : Response.json(result);
}

async function answerExtra(c: Call, route: ExtraRoute, limits: ServerLimits): Promise<Response> {
  const { incoming } = c.env;
  const headers = new Headers();
  for (const [name, value] of Object.entries(incoming.headers))
    for (const entry of [value ?? []].flat()) headers.append(name, entry);
  const hasBody = incoming.method !== 'GET' && incoming.method !== 'HEAD';
  const body = hasBody ? new Uint8Array(await readBody(incoming, limits.bodyBytes)) : null;
  return route.handle(new Request(c.req.url, { method: hasBody ? c.req.method : 'GET', headers, body }));
}

/** Path -> the methods that work there, as an `Allow` header says it. */
function methodsOf(routes: readonly Route[]): ReadonlyMap<string, string> {
  const methods = new Map<string, string>();
  for (const { path, method } of routes) {
    const own = method === 'GET' ? 'GET, HEAD' : method;
    const known = methods.get(path);
    methods.set(path, known === undefined ? own : `${known}, ${own}`);
  }
  return methods;
}

function refuseMethod(c: Call, allow: string): never {
  throw new RequestRefused('method_not_allowed', `${c.req.method} is not possible at ${c.req.path}`, {
    status: 405,
    hint: `Use ${allow}.`,
    headers: { Allow: allow },
  });
}

export type HttpListener = (request: IncomingMessage, response: ServerResponse) => Promise<unknown>;

/** The HTTP app as a listener of node:http. Loaded for the first request: at start no one needs it yet. */
export function createHttpListener(deps: ServerDeps, guard: AccessGuard, limits: ServerLimits): HttpListener {
  const app = createHttpApp(deps, guard, limits);
  return getRequestListener((request, env) => app.fetch(request, env), {
    // The gateway may live inside another program (pi): its globals stay as they are.
    overrideGlobalObjects: false,
    errorHandler: () =>
      Response.json(
        {
          error: 'the request is malformed',
          code: 'bad_request',
          hint: 'Check the address and the Host header.',
        },
        { status: 400 },
      ),
  });
}
