/** What an operator can ask next to the snapshot; `OperatorQueries` says what each answer is. */
import { type Static, type TObject, type TProperties, Type } from 'typebox';
import type { OperatorQueries } from '../operator.ts';
import { searchAll } from '../search-all.ts';
import { Id, type OperatorCore, strict } from './operation.ts';

type Name = keyof OperatorQueries;
interface Query<N extends Name> {
  readonly schema: TObject;
  answer(
    core: OperatorCore,
    params: OperatorQueries[N]['params'],
  ): OperatorQueries[N]['result'] | Promise<OperatorQueries[N]['result']>;
}

function query<N extends Name, P extends TProperties>(
  params: P,
  answer: (core: OperatorCore, params: Static<TObject<P>>) => ReturnType<Query<N>['answer']>,
): Query<N> {
  return { schema: Type.Object(params, strict), answer };
}

const limit = Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000 }));

export const QUERIES: { readonly [N in Name]: Query<N> } = {
  transcript: query(
    { sessionId: Id, limit, before: Type.Optional(Type.Integer({ minimum: 0 })) },
    ({ gateway }, p) => gateway.archive.page(p.sessionId, Math.min(p.limit ?? 200, 2_000), p.before),
  ),
  search: query({ words: Type.String({ minLength: 1, maxLength: 400 }), limit }, ({ gateway }, p) =>
    searchAll(gateway, p.words, Math.min(p.limit ?? 50, 500)),
  ),
  sessions: query(
    {
      limit,
      after: Type.Optional(Type.Object({ at: Type.Number(), id: Id }, strict)),
      id: Type.Optional(Id),
    },
    ({ gateway: { conversations } }, p) =>
      p.id === undefined
        ? conversations.page(Math.min(p.limit ?? 200, 2_000), p.after)
        : conversations.beginning(p.id, Math.min(p.limit ?? 20, 2_000)),
  ),
  queue: query({ sessionId: Id }, ({ gateway }, p) =>
    (gateway.conversations.queue(p.sessionId)?.waiting ?? []).map((item) => ({
      messageId: item.id,
      senderName: item.message.sender.name,
      text: item.message.text,
      at: item.acceptedAt,
    })),
  ),
  timings: query({ sessionId: Id, limit }, ({ gateway }, p) =>
    gateway.timings.list(p.sessionId, Math.min(p.limit ?? 50, 1_000)),
  ),
  steps: query({ taskId: Id }, ({ gateway }, p) => gateway.tasks.steps(p.taskId)),
  config: query({}, ({ config }) => config.values()),
  audit: query({ limit, before: Type.Optional(Type.Number()) }, ({ gateway }, p) =>
    gateway.access.audit.lines(p.limit ?? 100, p.before),
  ),
  usage: query({ limit }, ({ gateway: { usage, spending } }, p) => ({
    today: usage.total(true),
    total: usage.total(false),
    rows: usage.rows(p.limit ?? 200),
    limits: spending.views(),
  })),
  limits: query({}, ({ gateway }) => gateway.spending.views()),
  log: query(
    {
      since: Type.Integer({ minimum: 0 }),
      until: Type.Optional(Type.Integer({ minimum: 0 })),
      limit,
    },
    ({ gateway }, p) =>
      gateway.deps.logs.past(p.since, p.until ?? Number.MAX_SAFE_INTEGER, Math.min(p.limit ?? 1_000, 5_000)),
  ),
  blocked: query({}, ({ gateway }) => gateway.access.people.blockedList()),
};

export function isQueryName(name: unknown): name is Name {
  return typeof name === 'string' && Object.hasOwn(QUERIES, name);
}
