/** Everything an operator can do and ask. A new act is one row in the file of its area. */
import { GatewayError } from '../../../base/errors.ts';
import type { Actor } from '../../access/audit.ts';
import { ADAPTERS } from './adapters.ts';
import { BINDINGS } from './bindings.ts';
import { GATEWAY } from './gateway.ts';
import type { CommandResult, Operation, OperatorCore, Params, Query } from './operation.ts';
import { PEOPLE } from './people.ts';
import { QUERIES } from './queries.ts';
import { QUESTIONS } from './questions.ts';
import { SCHEDULES } from './schedules.ts';
import { SESSIONS } from './sessions.ts';
import { TASKS } from './tasks.ts';

const rows = [
  ...ADAPTERS,
  ...PEOPLE,
  ...SESSIONS,
  ...BINDINGS,
  ...QUESTIONS,
  ...TASKS,
  ...SCHEDULES,
  ...GATEWAY,
] as const;

export const OPERATIONS: readonly Operation[] = rows;

type CommandOf<O> =
  O extends Operation<infer N, infer P>
    ? { readonly type: N } & { [K in keyof Params<P>]: Params<P>[K] }
    : never;

/** Each is audited with actor and surface. */
export type OperatorCommand = CommandOf<(typeof rows)[number]>;

type QueryRow = (typeof QUERIES)[number];

export type OperatorQueries = {
  [N in QueryRow['name']]: Extract<QueryRow, { readonly name: N }> extends Query<N, infer P, infer R>
    ? { params: Params<P>; result: R }
    : never;
};

export function operationNamed(name: unknown, table = OPERATIONS): Operation | undefined {
  return table.find((each) => each.name === name);
}

export function queryNamed(name: unknown): (typeof QUERIES)[number] | undefined {
  return QUERIES.find((each) => each.name === name);
}

/** What the audit says of a command that no other part notes by itself. */
export function auditNote({
  type,
  ...params
}: OperatorCommand): { action: string; subject: string } | undefined {
  const subject = operationNamed(type)?.audit?.(params);
  return subject === undefined ? undefined : { action: type, subject };
}

/** Carries a command out. */
export function runOperation(
  { type, ...params }: OperatorCommand,
  core: OperatorCore,
  actor: Actor,
): CommandResult | Promise<CommandResult> {
  const row = operationNamed(type);
  if (row === undefined)
    throw new GatewayError('unknown_command', `there is no command "${type}"`, { status: 400 });
  return row.run(core, params, actor);
}

/** Answers a question. */
export async function answerQuery<N extends keyof OperatorQueries>(
  name: N,
  params: OperatorQueries[N]['params'],
  core: OperatorCore,
): Promise<OperatorQueries[N]['result']> {
  const row: Query | undefined = queryNamed(name);
  // The row with this name: its answer has the type that `OperatorQueries` took from it.
  return (await row?.answer(core, params)) as OperatorQueries[N]['result'];
}
