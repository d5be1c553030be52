/** Everything an operator can do and ask. A new act is one row in the file of its area. */
import type { Static, TObject } from 'typebox';
import { GatewayError } from '../../../base/errors.ts';
import type { Actor } from '../../access/audit.ts';
import type { OperatorCommand } from '../commands.ts';
import type { CommandResult } from '../operator.ts';
import { ADAPTERS } from './adapters.ts';
import { BINDINGS } from './bindings.ts';
import { GATEWAY } from './gateway.ts';
import { HOSTS } from './hosts.ts';
import { LIMITS } from './limits.ts';
import type { Frozen, Operation, OperatorCore } from './operation.ts';
import { PEOPLE } from './people.ts';
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
