import { type TSchema, Type } from 'typebox';
import { defined } from '../base/defined.ts';
import type { ResetSettings } from '../gateway/config/settings.ts';
import { type AgentView, isPlatform, type PairingView, type Platform } from '../gateway/model.ts';
import { bodyOf, type Operation } from '../gateway/operator/operations/operation.ts';
import { OPERATIONS } from '../gateway/operator/operations/table.ts';
import type { Operator, SessionView } from '../gateway/operator/operator.ts';
import type { Access, AccessLevel } from './access.ts';
import { parseCommand, parseJson } from './parse.ts';
import type { ServerDeps } from './peers.ts';
import { RequestRefused } from './peers.ts';

/** Rows of one answer; who wants more follows the cursor. */
const LARGEST = 1_000;

/** What puts a row into its place: newest first, and an id that no other row has. */
interface RowKey {
  readonly at: number;
  readonly id: string;
}

interface Page<T> {
  readonly rows: readonly T[];
  /** Absent on the last page. */
  readonly next: string | undefined;
}

/**
 * One page of a list. The cursor names the last row that was seen, not a number of rows: rows that come and go between
 * two requests make none appear twice and none be skipped.
 */
function pageOf<T>(
  all: readonly T[],
  keyOf: (row: T) => RowKey,
  size: number,
  after: RowKey | undefined,
): Page<T> {
  const keyed = all.map((row) => ({ row, key: keyOf(row) })).sort((a, b) => order(a.key, b.key));
  const rest = after === undefined ? keyed : keyed.filter(({ key }) => order(key, after) > 0);
  const page = rest.slice(0, size);
  const last = page.at(-1);
  return {
    rows: page.map(({ row }) => row),
    next: last !== undefined && rest.length > page.length ? cursorOf(last.key) : undefined,
  };
}

function order(a: RowKey, b: RowKey): number {
  if (a.at !== b.at) return b.at - a.at;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

/** @throws RequestRefused 400 */
function sizeOf(limit: string | undefined): number {
  if (limit === undefined) return LARGEST;
  const size = Number(limit);
  if (/^\d{1,6}$/.test(limit) && size > 0) return Math.min(size, LARGEST);
  throw new RequestRefused('bad_request', `limit "${limit.slice(0, 40)}" is not a number of rows`, {
    status: 400,
    hint: `Give a whole number from 1 to ${LARGEST}.`,
  });
}

function cursorOf({ at, id }: RowKey): string {
  return Buffer.from(JSON.stringify([at, id])).toString('base64url');
}

/** @throws RequestRefused 400 */
function keyFrom(cursor: string): RowKey {
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    if (Array.isArray(value) && value.length === 2) {
      const [at, id]: unknown[] = value;
      if (typeof at === 'number' && typeof id === 'string') return { at, id };
    }
  } catch {
    // not one of ours: refused below
  }
  throw new RequestRefused('bad_request', 'the cursor is not one that this gateway gave', {
    status: 400,
    hint: 'Use the value of the header X-Next-Cursor of the page before, or leave it out.',
  });
}

/** Rows under the names that clients of the older package read, next to our own. */

function sessionRow(session: SessionView, reset: ResetSettings | undefined): object {
  return {
    ...session,
    platform: session.chat.platform,
    channelId: session.chat.chatId,
    userId: session.senderId,
    lastActivity: session.lastUserAt,
    isBackground: false, // a task is a row of /api/background, never of this list
    ...(reset === undefined
      ? {}
      : { resetPolicy: reset.policy, dailyHour: reset.dailyHour, idleMinutes: reset.idleMinutes }),
  };
}

/** `expiresIn` in seconds. */
function pairingRow(request: PairingView, now: number): object {
  return { ...request, expiresIn: Math.max(0, Math.round((request.expiresAt - now) / 1000)) };
}

interface Status {
  readonly running?: unknown;
  readonly version?: unknown;
  readonly adapters?: unknown;
  readonly clients?: unknown;
  readonly sessions?: unknown;
  readonly agent?: unknown;
}

function isAgent(value: unknown): value is AgentView {
  return typeof value === 'object' && value !== null && 'ok' in value;
}

function namesOf(adapters: unknown): readonly string[] {
  if (!Array.isArray(adapters)) return [];
  return adapters.flatMap((row: unknown) => {
    const { platform, state }: { platform?: unknown; state?: unknown } = { ...Object(row) };
    return typeof platform === 'string' && state !== 'disabled' && state !== 'stopped' ? [platform] : [];
  });
}

/**
 * `/api/status` for its reader. The shape of the older package (`adapters` are names, `agent` is a boolean) is what
 * everyone gets; with a token the details are next to it. Only the operator token, which the older package did not know,
 * gets the rows under the short names as well.
 */
function statusFor(access: Access, status: Status): object {
  const { running, version, clients, sessions, adapters, agent } = status;
  const names = namesOf(adapters);
  const answering = isAgent(agent) && agent.ok;
  if (access.countsOnly) return { running, version, adapters: names, clients, sessions, agent: answering };
  const details = { adapterNames: names, adapterDetails: adapters, agentDetails: agent };
  if (access.privileged) return { ...status, ...details };
  return { ...status, ...details, adapters: names, agent: answering };
}

/** What a route's handler gets: parts of the path, and the body on demand. */
interface RouteCall {
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
const SERVICE_NAME = 'pi-gateway-tui';
const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

function platformOf(call: RouteCall): Platform {
  const name = call.param('platform');
  if (isPlatform(name)) return name;
  throw new RequestRefused('unknown_platform', `there is no platform "${name}"`, {
    status: 404,
    hint: 'GET /api/status lists the platforms.',
  });
}

export function healthRoutes(deps: ServerDeps): readonly Route[] {
  const role = defined({ role: deps.role });
  return [
    {
      method: 'GET',
      path: '/healthz',
      access: 'open',
      handle: () => ({ ok: true, service: SERVICE_NAME, ...role }),
    },
    {
      method: 'GET',
      path: '/readyz',
      access: 'open',
      handle: () => {
        const reason = deps.problem?.();
        const ready = deps.ready() && reason === undefined;
        const body = { ready, service: SERVICE_NAME, ...role, ...defined({ reason }) };
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
  return paged(path, access, ({ limit, after }) => pageOf(rows(), keyOf, limit, after), shown);
}

/** The same where the rows are read page by page. */
function paged<T extends object>(
  path: string,
  access: AccessLevel,
  read: (wanted: { limit: number; after: RowKey | undefined }) => Page<T> | Promise<Page<T>>,
  shown: (row: T) => object = (row) => row,
): Route {
  return {
    method: 'GET',
    path,
    access,
    handle: async ({ query }) => {
      const cursor = query('cursor');
      const page = await read({
        limit: sizeOf(query('limit')),
        after: cursor === undefined ? undefined : keyFrom(cursor),
      });
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

  return [
    {
      method: 'GET',
      path: '/api/status',
      access: 'counts',
      handle: ({ access }) => statusFor(access, deps.status()),
    },
    paged(
      '/api/sessions',
      'read',
      async ({ limit, after }) => {
        // One row more shows whether there is another page.
        const found = await operator.query('sessions', {
          limit: limit + 1,
          ...defined({ after }),
        });
        const rows = found.slice(0, limit);
        const last = rows.at(-1);
        return {
          rows,
          next:
            last !== undefined && found.length > limit
              ? cursorOf({ at: last.createdAt, id: last.id })
              : undefined,
        };
      },
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
    read('/api/limits', () => operator.query('limits', {})),
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
    paged('/api/audit', 'operator', async ({ limit, after }) => {
      const found = await operator.query('audit', {
        limit: limit + 1,
        ...(after === undefined ? {} : { before: Number(after.id) || 0 }),
      });
      const rows = found.slice(0, limit);
      const last = rows.at(-1);
      const more = last?.seq !== undefined && found.length > limit;
      return { rows, next: more ? cursorOf({ at: last.at, id: String(last.seq) }) : undefined };
    }),
    {
      method: 'GET',
      path: '/api/audit/verify',
      access: 'operator',
      handle: async () => (await operator.run({ type: 'audit.verify' })).data,
    },
    {
      method: 'GET',
      path: '/api/tasks/:id/steps',
      access: 'read',
      handle: (call) => operator.query('steps', { taskId: call.param('id') }),
    },
    ...operationRoutes(operator),
  ];
}

/** The routes that the operations table names: each carries its row out. */
export function operationRoutes(operator: Operator, table = OPERATIONS): readonly Route[] {
  return table.flatMap((row): Route[] => {
    const [, method, path] = /^(POST|DELETE) (\S+)$/.exec(row.http ?? '') ?? [];
    if ((method !== 'POST' && method !== 'DELETE') || path === undefined) return [];
    const names = [...path.matchAll(/:(\w+)/g)].map(([, name = '']) => name);
    const takesBody = names.length < Object.keys(row.params).length;
    return [
      {
        method,
        path,
        access: 'operator',
        handle: async (call) => {
          const given = names.map((name) => [
            name,
            name === 'platform' ? platformOf(call) : call.param(name),
          ]);
          const body: object = takesBody ? await bodyFor(row, call) : {};
          return operator.run(parseCommand({ type: row.name, ...Object.fromEntries(given), ...body }, table));
        },
      },
    ];
  });
}

/** Then a request without a body says what `{}` says. */
function allOptional(schema: TSchema): boolean {
  return Type.IsObject(schema) && Object.values(schema.properties).every(Type.IsOptional);
}

async function bodyFor(row: Operation, call: RouteCall): Promise<object> {
  const { schema, what } = bodyOf(row);
  const text = await call.body();
  const body: unknown = parseJson(schema, text.trim() === '' && allOptional(schema) ? '{}' : text, what);
  const keys = Object.keys(Object(body));
  if ('requestId' in row.params && 'code' in row.params && keys.length !== 1)
    throw new RequestRefused('bad_request', 'give either "code" or "requestId"', {
      status: 400,
      hint: `Expected ${what}.`,
    });
  return Object(body);
}
