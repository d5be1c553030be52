import { expect, it } from 'vitest';
import { ConfigError } from '../../../src/base/errors.ts';
import { checkWholeConfig } from '../../../src/config-check.ts';
import { checkConfig } from '../../../src/gateway/config/load.ts';
import { ConfigSchema } from '../../../src/gateway/config/schema.ts';

interface Schema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly patternProperties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
}

type Path = readonly (string | number)[];

/** Every key that the schema knows, and one entry of every list and every map. */
function pathsOf(schema: Schema, at: Path = []): Path[] {
  const { properties = {}, patternProperties = {}, additionalProperties, items, anyOf = [] } = schema;
  const inside = [
    ...Object.entries(properties).flatMap(([key, each]) => pathsOf(each, [...at, key])),
    ...Object.values(patternProperties).flatMap((each) => pathsOf(each, [...at, '-1001234567890'])),
    ...(typeof additionalProperties === 'object'
      ? pathsOf(additionalProperties, [...at, '-1001234567890'])
      : []),
    ...(items === undefined ? [] : pathsOf(items, [...at, 0])),
    ...anyOf.flatMap((each) => pathsOf(each, at)),
  ];
  return at.length === 0 ? inside : [at, ...inside];
}

const SECRET = 'Zx9-marker-Qw7';
const NUL = String.fromCharCode(0);
/** As JSON text: `__proto__` is a key of its own only there. */
const NONSENSE: readonly string[] = [
  'null',
  'true',
  '0',
  '-1',
  '1.5',
  '1e308',
  '""',
  '" "',
  JSON.stringify(SECRET),
  JSON.stringify(`${SECRET}${NUL}x`),
  JSON.stringify(`\u001b]0;${SECRET}\u0007`),
  JSON.stringify(SECRET.repeat(1_000)),
  '"__proto__"',
  '"constructor"',
  '"$"',
  '[]',
  `[[${JSON.stringify(SECRET)}]]`,
  `[${JSON.stringify(SECRET)},${JSON.stringify(SECRET)}]`,
  '{}',
  `{"__proto__":{"x":${JSON.stringify(SECRET)}}}`,
  `{"constructor":${JSON.stringify(SECRET)},"toString":1,"hasOwnProperty":null}`,
  `${'['.repeat(2_000)}1${']'.repeat(2_000)}`,
];

function documentOf(path: Path, value: string): string {
  return path.reduceRight<string>(
    (inner, step) => (typeof step === 'number' ? `[${inner}]` : `{${JSON.stringify(step)}:${inner}}`),
    value,
  );
}

const all = [
  ...new Map(pathsOf(ConfigSchema as unknown as Schema).map((path) => [path.join('.'), path])).values(),
];

async function failureOf(text: string): Promise<unknown> {
  try {
    const { config } = checkConfig(JSON.parse(text), 'config.json');
    await checkWholeConfig(config, 'config.json');
    return undefined;
  } catch (error) {
    return error;
  }
}

it('nonsense in any key of the configuration is taken or is an error that names the key and the fix', async () => {
  expect(all.length).toBeGreaterThan(300);
  const faults: string[] = [];
  for (const path of all)
    for (const value of NONSENSE) {
      const error = await failureOf(documentOf(path, value));
      if (error === undefined) continue;
      const where = `${path.join('.')} = ${value.slice(0, 60)}`;
      if (!(error instanceof ConfigError)) {
        faults.push(`${where}: ${String(error).slice(0, 200)}`);
        continue;
      }
      const { message, hint = '' } = error;
      // A whole path, or that of the map whose entry is at fault.
      const named = path.some((_, at) =>
        at > 0 || path.length === 1 ? `${message} ${hint}`.includes(String(path[at])) : false,
      );
      // What else an entry needs may be named first.
      if (!named && !/(?:is|are) missing/.test(message))
        faults.push(`${where}: does not name it: ${message.slice(0, 200)}`);
      if (hint.trim() === '') faults.push(`${where}: says nothing to do: ${message.slice(0, 200)}`);
      if (message.length + hint.length > 4_000)
        faults.push(`${where}: ${message.length + hint.length} characters`);
      if (/[\u0000-\u0009\u000b-\u001f]/.test(message + hint))
        faults.push(`${where}: shows control characters`);
      const secret = path.some((step) => /token|secret|password/i.test(String(step)));
      if (secret && (message + hint).includes(SECRET)) faults.push(`${where}: shows the value`);
    }
  expect(({} as Record<string, unknown>)['x']).toBeUndefined();
  expect([...new Set(faults)].slice(0, 40)).toEqual([]);
}, 120_000);
