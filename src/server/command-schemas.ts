/** Commands and questions as they arrive from outside, checked against the rows of the operations table. */
import { isQueryName, QUERIES } from '../gateway/operator/operations/queries.ts';
import { OPERATIONS, operationNamed } from '../gateway/operator/operations/table.ts';
import type { OperatorCommand, OperatorQueries } from '../gateway/operator/operator.ts';
import { parseValue } from './parse.ts';
import { RequestRefused } from './refusal.ts';

/** A name from outside may be anything, also something that no text can be made of. */
function shown(name: unknown): string {
  return typeof name === 'string' ? name.slice(0, 40) : typeof name;
}

function unknownName(kind: string, name: unknown): RequestRefused {
  return new RequestRefused(`unknown_${kind}`, `there is no ${kind} "${shown(name)}"`, {
    status: 400,
    hint: 'The console may be newer than the gateway: update both to the same version.',
  });
}

/** A command from outside, or a 400 that names the key at fault. `say`: how a person types it. */
export function parseCommand(value: unknown, table = OPERATIONS, say?: string): OperatorCommand {
  const type = typeof value === 'object' && value !== null && 'type' in value ? value.type : undefined;
  const row = operationNamed(type, table);
  if (row === undefined) throw unknownName('command', type);
  // The type of commands is made of the same rows as the schema.
  return parseValue(row.schema, value, say ?? `a command "${row.name}"`) as OperatorCommand;
}

export interface ParsedQuery {
  readonly name: keyof OperatorQueries;
  readonly params: OperatorQueries[keyof OperatorQueries]['params'];
}

/** A question from outside, or a 400 that names the key at fault. */
export function parseQuery(name: unknown, params: unknown): ParsedQuery {
  if (!isQueryName(name)) throw unknownName('query', name);
  const parsed = parseValue(QUERIES[name].schema, params, `parameters of the query "${name}"`);
  // The rows of the queries prove that this is what their schemas let through.
  return { name, params: parsed as ParsedQuery['params'] };
}
