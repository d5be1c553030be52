import type { IncomingMessage, ServerResponse } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import type { AccessGuard } from './access.ts';
import type { ServerDeps } from './deps.ts';
import { createHttpApp } from './http-app.ts';
import type { ServerLimits } from './limits.ts';

export type HttpListener = (request: IncomingMessage, response: ServerResponse) => Promise<unknown>;

/** The HTTP app as a listener of node:http. Loaded for the first request: at start nobody needs it yet. */
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
