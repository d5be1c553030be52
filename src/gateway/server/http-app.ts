import type { HttpBindings } from '@hono/node-server';
import { type Context, Hono } from 'hono';
import type { Access, AccessGuard, RequestFacts } from './access.ts';
import { corsHeaders, preflight } from './cors.ts';
import type { ExtraRoute, ServerDeps } from './deps.ts';
import type { ServerLimits } from './limits.ts';
import { isOperatorSocket } from './peers.ts';
import { readBody } from './read-body.ts';
import { errorBody, RequestRefused } from './refusal.ts';
import { apiRoutes, healthRoutes, type Route } from './routes.ts';

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
export function createHttpApp(deps: ServerDeps, guard: AccessGuard, limits: ServerLimits): Hono<Bindings> {
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
