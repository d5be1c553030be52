import { isPlatform, type Platform } from '../model.ts';
import type { CommandResult } from '../operator.ts';
import type { Access, AccessLevel } from './access.ts';
import { AllowBody, BackgroundBody, DialogBody, PairingBody, ScheduleBody, SendBody } from './bodies.ts';
import type { ServerDeps } from './deps.ts';
import { pairingRow, sessionRow, statusFor } from './older-names.ts';
import { pageOf, type RowKey } from './pages.ts';
import { parseJson } from './parse.ts';
import { RequestRefused } from './refusal.ts';

/** What a route's handler gets: parts of the path, and the body on demand. */
export interface RouteCall {
  readonly access: Access;
  param(name: string): string;
  query(name: string): string | undefined;
  /** The body as text, within the size limit. */
  body(): Promise<string>;
}

export interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  /** `open`: no check at all (health). */
  readonly access: AccessLevel | 'open';
  /** Returns the JSON answer, or a finished `Response`. */
  handle(call: RouteCall): unknown;
}

/** Lets another program find out that a gateway answers here. */
export const SERVICE_NAME = 'pi-gateway-tui';
export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

function platformOf(call: RouteCall): Platform {
  const name = call.param('platform');
  if (isPlatform(name)) return name;
  throw new RequestRefused('unknown_platform', `there is no platform "${name}"`, {
    status: 404,
    hint: 'GET /api/status lists the platforms.',
  });
}

async function pairingTarget(call: RouteCall): Promise<{ code: string } | { requestId: string }> {
  const { code, requestId } = parseJson(PairingBody.schema, await call.body(), PairingBody.what);
  if (requestId !== undefined && code === undefined) return { requestId };
  if (code !== undefined && requestId === undefined) return { code };
  throw new RequestRefused('bad_request', 'give either "code" or "requestId"', {
    status: 400,
    hint: `Expected ${PairingBody.what}.`,
  });
}

export function healthRoutes(deps: ServerDeps): readonly Route[] {
  return [
    { method: 'GET', path: '/healthz', access: 'open', handle: () => ({ ok: true, service: SERVICE_NAME }) },
    {
      method: 'GET',
      path: '/readyz',
      access: 'open',
      handle: () => {
        const reason = deps.problem?.();
        const ready = deps.ready() && reason === undefined;
        const body = { ready, service: SERVICE_NAME, ...(reason === undefined ? {} : { reason }) };
        return Response.json(body, { status: ready ? 200 : 503 });
      },
    },
  ];
}

/** A list that is read in pages; the next one is named by headers, so that the body stays an array. */
function list<T extends object>(
  path: string,
  access: AccessLevel,
  rows: () => readonly T[],
  keyOf: (row: T) => RowKey,
  shown: (row: T) => object = (row) => row,
): Route {
  return {
    method: 'GET',
    path,
    access,
    handle: ({ query }) => {
      const page = pageOf(rows(), keyOf, query('limit'), query('cursor'));
      const size = query('limit') === undefined ? '' : `limit=${page.rows.length}&`;
      return Response.json(page.rows.map(shown), {
        headers:
          page.next === undefined
            ? {}
            : { 'X-Next-Cursor': page.next, Link: `<${path}?${size}cursor=${page.next}>; rel="next"` },
      });
    },
  };
}

export function apiRoutes(deps: ServerDeps): readonly Route[] {
  const { operator } = deps;
  const read = (path: string, handle: () => unknown): Route => ({
    method: 'GET',
    path,
    access: 'read',
    handle,
  });
  const write = (
    path: string,
    handle: (call: RouteCall) => Promise<CommandResult>,
    method: 'POST' | 'DELETE' = 'POST',
  ): Route => ({ method, path, access: 'operator', handle });

  return [
    {
      method: 'GET',
      path: '/api/status',
      access: 'counts',
      handle: ({ access }) => statusFor(access, deps.status()),
    },
    list(
      '/api/sessions',
      'read',
      () => operator.snapshot().sessions,
      (row) => ({ at: row.createdAt, id: row.id }),
      (row) => sessionRow(row, deps.resetOf?.(row.chat.platform, row.chatKind)),
    ),
    list(
      '/api/background',
      'read',
      () => operator.snapshot().tasks,
      (row) => ({ at: row.createdAt, id: row.id }),
    ),
    list(
      '/api/schedules',
      'read',
      () => operator.snapshot().schedules ?? [],
      (row) => ({ at: 0, id: row.id }),
    ),
    read('/api/usage', () => operator.query('usage', {})),
    list(
      '/api/allowlist',
      'read',
      () => operator.snapshot().allowlist,
      (row) => ({ at: row.addedAt, id: `${row.platform}/${row.userId}` }),
    ),
    {
      method: 'GET',
      path: '/metrics',
      access: 'counts',
      handle: async () => new Response(await deps.metrics(), { headers: { 'Content-Type': METRICS_TYPE } }),
    },
    // A code gives access: only for the person who may approve it.
    list(
      '/api/pairing',
      'operator',
      () => operator.snapshot().pairing,
      (row) => ({ at: row.createdAt, id: row.id }),
      (row) => pairingRow(row, deps.clock()),
    ),
    // What an agent wants to run may hold anything: only for who may decide about it.
    list(
      '/api/dialogs',
      'operator',
      () => operator.snapshot().dialogs ?? [],
      (row) => ({ at: row.createdAt, id: row.id }),
    ),
    // The whole text of what could not be delivered, to be copied.
    list(
      '/api/outbox',
      'operator',
      () => operator.snapshot().outbox,
      (row) => ({ at: row.createdAt, id: row.id }),
    ),
    write('/api/dialogs/:id/answer', async (call) =>
      operator.run({
        type: 'dialog.answer',
        id: call.param('id'),
        ...parseJson(DialogBody.schema, await call.body(), DialogBody.what),
      }),
    ),

    write('/api/pairing/approve', async (call) =>
      operator.run({ type: 'pairing.approve', ...(await pairingTarget(call)) }),
    ),
    write('/api/pairing/deny', async (call) =>
      operator.run({ type: 'pairing.deny', ...(await pairingTarget(call)) }),
    ),
    write('/api/pairing/block', async (call) =>
      operator.run({ type: 'pairing.block', ...(await pairingTarget(call)) }),
    ),
    write('/api/allowlist', async (call) =>
      operator.run({ type: 'allow', ...parseJson(AllowBody.schema, await call.body(), AllowBody.what) }),
    ),
    write(
      '/api/allowlist/:platform/:userId',
      async (call) =>
        operator.run({ type: 'revoke', platform: platformOf(call), userId: call.param('userId') }),
      'DELETE',
    ),
    write('/api/send', async (call) =>
      operator.run({ type: 'send', ...parseJson(SendBody.schema, await call.body(), SendBody.what) }),
    ),
    write('/api/background', async (call) =>
      operator.run({
        type: 'task.start',
        ...parseJson(BackgroundBody.schema, await call.body(), BackgroundBody.what),
      }),
    ),
    write('/api/tasks/:id/cancel', async (call) =>
      operator.run({ type: 'task.cancel', id: call.param('id') }),
    ),
    write('/api/tasks/:id/retry', async (call) => operator.run({ type: 'task.retry', id: call.param('id') })),
    write('/api/tasks/:id/deliver', async (call) =>
      operator.run({ type: 'task.deliver', id: call.param('id') }),
    ),
    {
      method: 'GET',
      path: '/api/tasks/:id/steps',
      access: 'read',
      handle: (call) => operator.query('steps', { taskId: call.param('id') }),
    },
    write('/api/schedules', async (call) =>
      operator.run({
        type: 'schedule.add',
        ...parseJson(ScheduleBody.schema, await call.body(), ScheduleBody.what),
      }),
    ),
    ...(['pause', 'resume', 'run'] as const).map((act) =>
      write(`/api/schedules/:id/${act}`, async (call) =>
        operator.run({ type: `schedule.${act}`, id: call.param('id') }),
      ),
    ),
    write(
      '/api/schedules/:id',
      async (call) => operator.run({ type: 'schedule.remove', id: call.param('id') }),
      'DELETE',
    ),
    write('/api/sessions/:id/reset', async (call) =>
      operator.run({ type: 'session.reset', id: call.param('id') }),
    ),
    write('/api/adapters/:platform/start', async (call) =>
      operator.run({ type: 'adapter.start', platform: platformOf(call) }),
    ),
    write('/api/adapters/:platform/stop', async (call) =>
      operator.run({ type: 'adapter.stop', platform: platformOf(call) }),
    ),
    write('/api/adapters/:platform/restart', async (call) =>
      operator.run({ type: 'adapter.restart', platform: platformOf(call) }),
    ),
  ];
}
