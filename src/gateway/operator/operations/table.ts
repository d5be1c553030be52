/** Everything an operator can do and ask, and the operator port that does it. A new act is one row in the file of its area. */

import { type Static, type TObject, type TProperties, Type } from 'typebox';
import { GatewayError, messageOf } from '../../../base/errors.ts';
import type { Actor } from '../../access/audit.ts';
import type { EventStream } from '../../events.ts';
import type { Gateway } from '../../gateway.ts';
import { snippet } from '../../sessions/archive.ts';
import type { OperatorCommand } from '../commands.ts';
import type {
  CommandResult,
  GatewayEventListener,
  Operator,
  OperatorQueries,
  OperatorSnapshot,
  SearchHit,
} from '../operator.ts';
import { HOSTS, LIMITS, QUESTIONS } from './agents.ts';
import { BINDINGS } from './bindings.ts';
import { ADAPTERS, GATEWAY } from './gateway.ts';
import { type Frozen, Id, type Operation, type OperatorCore, strict } from './operation.ts';
import { PEOPLE } from './people.ts';
import { SESSIONS } from './sessions.ts';
import { SCHEDULES, TASKS } from './tasks.ts';

const rows = [
  ...ADAPTERS,
  ...PEOPLE,
  ...SESSIONS,
  ...BINDINGS,
  ...QUESTIONS,
  ...TASKS,
  ...SCHEDULES,
  ...LIMITS,
  ...HOSTS,
  ...GATEWAY,
] as const;

export const OPERATIONS: readonly Operation[] = rows;

type CommandOf<O> = O extends Operation<infer N, infer P> ? Frozen<{ type: N } & Static<TObject<P>>> : never;
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;

/** `npm run docs` writes `commands.ts` from the rows; this fails to compile where the two differ. */
const same: Same<CommandOf<(typeof rows)[number]>, OperatorCommand> = true;
void same;

export function operationNamed(name: unknown, table = OPERATIONS): Operation | undefined {
  return table.find((each) => each.name === name);
}

/** What the audit says of a command that no other part notes on its own. */
export function auditNote({
  type,
  ...params
}: OperatorCommand): { action: string; subject: string } | undefined {
  const subject = operationNamed(type)?.audit?.(params);
  return subject === undefined ? undefined : { action: type, subject };
}

/** Carries a command out. */
function runOperation(
  { type, ...params }: OperatorCommand,
  core: OperatorCore,
  actor: Actor,
): CommandResult | Promise<CommandResult> {
  const row = operationNamed(type);
  if (row === undefined)
    throw new GatewayError('unknown_command', `there is no command "${type}"`, { status: 400 });
  return row.run(core, params, actor);
}

async function searchAll(gateway: Gateway, words: string, limit: number): Promise<readonly SearchHit[]> {
  const said = await gateway.archive.search(words, limit);
  const wanted = words
    .toLowerCase()
    .split(/\s+/u)
    .filter((word) => word !== '');
  const holds = (...texts: readonly (string | undefined)[]): boolean => {
    const text = texts.join('\n').toLowerCase();
    return wanted.length > 0 && wanted.every((word) => text.includes(word));
  };
  const hits: SearchHit[] = [
    ...said.map(({ sessionId, entry }) => ({
      kind: 'message' as const,
      id: sessionId,
      at: entry.at,
      who: entry.name ?? entry.role,
      text: entry.text,
    })),
    ...gateway.tasks
      .views()
      .filter(({ id, command, result, error }) => holds(id, command, result, error))
      .map(({ id, createdAt, command, result, error, status }) => ({
        kind: 'task' as const,
        id,
        at: createdAt,
        who: status,
        text: snippet([command, result, error].filter((text) => text !== undefined).join('\n'), words),
      })),
    ...gateway.refusals
      .filter((row) => holds(row.senderName, row.senderId, row.code, row.reason))
      .map(({ id, at, senderName, reason }) => ({
        kind: 'refusal' as const,
        id,
        at,
        who: senderName,
        text: reason,
      })),
  ];
  return hits.sort((a, b) => b.at - a.at).slice(0, limit);
}

/** What an operator can ask next to the snapshot; `OperatorQueries` says what each answer is. */
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

interface LocalOperatorDeps extends OperatorCore {
  readonly events: EventStream;
  readonly actor: Actor;
}

/** The operator port over a gateway in the same process. One instance per surface: the audit names it. */
export class LocalOperator implements Operator {
  readonly #deps: LocalOperatorDeps;

  constructor(deps: LocalOperatorDeps) {
    this.#deps = deps;
  }

  snapshot(): OperatorSnapshot {
    const { gateway } = this.#deps;
    return {
      gateway: gateway.view(),
      adapters: gateway.adapters.views(),
      sessions: gateway.conversations.views(),
      tasks: gateway.tasks.views(),
      schedules: gateway.schedules.views(),
      pairing: gateway.access.pairing(),
      allowlist: gateway.access.people.list(),
      refusals: [...gateway.refusals],
      outbox: gateway.outbox.list(),
      dialogs: gateway.dialogs.views(),
      log: gateway.deps.logs.lines(),
    };
  }

  subscribe(listener: GatewayEventListener): () => void {
    return this.#deps.events.subscribe(listener);
  }

  link(): { readonly kind: 'local' } {
    return { kind: 'local' };
  }

  async close(): Promise<void> {}

  async run(command: OperatorCommand): Promise<CommandResult> {
    const note = auditNote(command);
    const operation = operationNamed(command.type);
    const first = operation?.ends === true;
    await operation?.check?.(this.#deps);
    if (note !== undefined && first) await this.#note(note);
    const result = await runOperation(command, this.#deps, this.#deps.actor);
    if (note !== undefined && !first) await this.#note(note);
    return result;
  }

  /** What was done is done: a line that cannot be written is told in the log. */
  async #note({ action, subject }: { readonly action: string; readonly subject: string }): Promise<void> {
    const { gateway, actor } = this.#deps;
    await gateway.access.audit
      .note(actor, action, gateway.deps.redactor.redact(subject))
      .catch((error: unknown) =>
        gateway.deps.logs
          .logger('gateway')
          .warn('an act of the operator is missing in the audit', { action, error: messageOf(error) }),
      );
  }

  async query<K extends keyof OperatorQueries>(
    name: K,
    params: OperatorQueries[K]['params'],
  ): Promise<OperatorQueries[K]['result']> {
    return QUERIES[name].answer(this.#deps, params);
  }
}
