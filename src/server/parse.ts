/** What arrives from outside, checked against its schema: bodies, and commands and questions by the operations table. */
import type { Static, TSchema } from 'typebox';
import { Value } from 'typebox/value';
import { isQueryName, OPERATIONS, operationNamed, QUERIES } from '../gateway/operator/operations/table.ts';
import type { OperatorCommand, OperatorQueries } from '../gateway/operator/operator.ts';
import { RequestRefused } from './peers.ts';

type Issue = ReturnType<typeof Value.Errors>[number];

function keyOf(path: string): string {
  return path
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
    .join('.');
}

/** One sentence that names the key at fault and what was expected there. */
function describeIssue(issue: Issue): string {
  const key = keyOf(issue.instancePath);
  const params: Readonly<Record<string, unknown>> = { ...issue.params };
  const list = (value: unknown): string => (Array.isArray(value) ? value.map(String).join(', ') : '');
  if (issue.keyword === 'required') return `missing: ${list(params['requiredProperties'])}`;
  if (issue.keyword === 'additionalProperties') return `unknown key: ${list(params['additionalProperties'])}`;
  if (issue.keyword === 'enum') return `"${key}" must be one of ${list(params['allowedValues'])}`;
  return key === '' ? `the body ${issue.message}` : `"${key}" ${issue.message}`;
}

/** Of a union of words, each is an issue of its own: they are named together. */
function oneOf([first, ...others]: readonly Issue[]): string | undefined {
  if (first?.keyword !== 'const') return undefined;
  const words = [first, ...others].flatMap(({ instancePath, keyword, params }) =>
    keyword === 'const' && instancePath === first.instancePath ? [String(Object(params).allowedValue)] : [],
  );
  return `"${keyOf(first.instancePath)}" must be ${words.length > 1 ? `one of ${words.join(', ')}` : words[0]}`;
}

/** The value as the schema's type, or a 400 that names the key. */
function parseValue<T extends TSchema>(schema: T, value: unknown, what: string): Static<T> {
  if (Value.Check(schema, value)) return value;
  // An unknown key is reported twice, first without its name.
  const issues = Value.Errors(schema, value).filter((entry) => entry.keyword !== 'boolean');
  const [issue] = issues;
  throw new RequestRefused(
    'bad_request',
    issue === undefined ? 'the body is not valid' : (oneOf(issues) ?? describeIssue(issue)),
    {
      status: 400,
      hint: `Expected ${what}.`,
    },
  );
}

/** Parses JSON text and checks it. `what` describes the expected shape for the hint. */
export function parseJson<T extends TSchema>(schema: T, text: string, what: string): Static<T> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new RequestRefused('bad_json', 'the body is not valid JSON', {
      status: 400,
      hint: `Expected ${what}.`,
      cause,
    });
  }
  return parseValue(schema, value, what);
}

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

interface ParsedQuery {
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
