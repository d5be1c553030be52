import type { Static, TSchema } from 'typebox';
import { Value } from 'typebox/value';
import { RequestRefused } from './refusal.ts';

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

/** The value as the schema's type, or a 400 that names the key. */
export function parseValue<T extends TSchema>(schema: T, value: unknown, what: string): Static<T> {
  if (Value.Check(schema, value)) return value;
  // An unknown key is reported twice, first without its name.
  const issue = Value.Errors(schema, value).find((entry) => entry.keyword !== 'boolean');
  throw new RequestRefused(
    'bad_request',
    issue === undefined ? 'the body is not valid' : describeIssue(issue),
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
