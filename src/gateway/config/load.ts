import { readFileSync } from 'node:fs';
import { Value } from 'typebox/value';
import { ConfigError, messageOf } from '../errors.ts';
import { type Config, ConfigSchema } from './schema.ts';
import { closest } from './suggest.ts';

export interface LoadedConfig {
  readonly path: string;
  readonly config: Config;
  /** One sentence each: unknown keys with a suggestion. */
  readonly warnings: readonly string[];
}

/** Reads and validates `config.json`. A missing or empty file is an empty configuration. The file is never touched. */
export function loadConfig(path: string): LoadedConfig {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { path, config: {}, warnings: [] };
    throw new ConfigError(
      `${path}: cannot be read: ${messageOf(error)}`,
      'Make the file readable for this user.',
    );
  }
  if (text.trim() === '') return { path, config: {}, warnings: [] };
  let value: unknown;
  try {
    value = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    throw new ConfigError(
      `${path}: is not valid JSON: ${messageOf(error)}`,
      'Mend the syntax at that place (a missing comma, quote or bracket); the file was left as it is.',
    );
  }
  return { path, ...checkConfig(value, path) };
}

/** Validates a configuration value; `origin` names the file or surface in errors. */
export function checkConfig(value: unknown, origin: string): Omit<LoadedConfig, 'path'> {
  const cleaned = withoutEmpty(value);
  if (typeof cleaned !== 'object' || cleaned === null || Array.isArray(cleaned))
    throw new ConfigError(
      `${origin}: must be a JSON object`,
      'Write { … } with the keys of docs/configuration.md.',
    );
  const warnings: string[] = [];
  findUnknown(cleaned, ConfigSchema, '', origin, warnings);
  for (const error of Value.Errors(ConfigSchema, cleaned)) {
    if (error.keyword === 'const') continue; // the enclosing anyOf names the whole choice
    const path = stepsOf(error.instancePath);
    const key = path.join('.');
    const schema = schemaAt(path);
    throw new ConfigError(
      `${origin}: ${key || 'configuration'}: ${show(valueAt(cleaned, path))} is wrong: ${explain(error.message, schema)}`,
      fix(key, schema),
    );
  }
  if (!Value.Check(ConfigSchema, cleaned))
    throw new ConfigError(
      `${origin}: does not match the configuration schema`,
      'Compare it with docs/configuration.md.',
    );
  checkTheme(cleaned, origin);
  return { config: cleaned, warnings };
}

const THEMES = ['auto', 'dark', 'light', 'mono'];

/** A theme is built in or one of the operator's own: no schema can say that. */
function checkTheme({ console: look }: Config, origin: string): void {
  const names = [...THEMES, ...Object.keys(look?.themes ?? {})];
  if (look?.theme === undefined || names.includes(look.theme)) return;
  const near = closest(look.theme, names);
  throw new ConfigError(
    `${origin}: console.theme: ${show(look.theme)} is wrong: it must be one of ${names.join(', ')}`,
    `${near === undefined ? '' : `Did you mean "${near}"? `}Set console.theme to one of them, or add it to console.themes.`,
  );
}

/** An empty string or null means "not set": files written by the older gateway contain them. */
function withoutEmpty(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutEmpty);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, child]) => child !== '' && child !== null)
      .map(([key, child]) => [key, withoutEmpty(child)]),
  );
}

interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  /** A record with keys of the operator's choice: one pattern that fits every key. */
  readonly patternProperties?: Readonly<Record<string, SchemaNode>>;
  readonly anyOf?: readonly { readonly const?: unknown }[];
  readonly default?: unknown;
  readonly description?: string;
  /** What a pattern asks for, in words. */
  readonly 'x-pattern'?: string;
  readonly type?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly items?: SchemaNode;
}

/** The keys of a JSON pointer. A chat id may contain dots and slashes. */
function stepsOf(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function schemaAt(path: readonly string[]): SchemaNode | undefined {
  let node: SchemaNode | undefined = ConfigSchema;
  for (const step of path)
    node = /^\d+$/.test(step) && node?.items !== undefined ? node.items : childOf(node, step);
  return node;
}

function childOf(node: SchemaNode | undefined, name: string): SchemaNode | undefined {
  return node?.properties?.[name] ?? Object.values(node?.patternProperties ?? {})[0];
}

function valueAt(value: unknown, path: readonly string[]): unknown {
  let node = value;
  for (const step of path)
    node = typeof node === 'object' && node !== null ? (node as Record<string, unknown>)[step] : undefined;
  return node;
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

function choices(schema: SchemaNode | undefined): string | undefined {
  const values = schema?.anyOf?.map((option) => option.const);
  return values === undefined || values.includes(undefined)
    ? undefined
    : values.map((v) => JSON.stringify(v)).join(', ');
}

function explain(message: string, schema: SchemaNode | undefined): string {
  const options = choices(schema);
  if (message.includes('pattern') && schema?.['x-pattern'] !== undefined)
    return `it must be ${schema['x-pattern']}`;
  if (message.includes('pattern')) return 'it must be words such as "bold red", "#ffaa00 on black" or "none"';
  return options === undefined ? `it ${message}` : `it must be one of ${options}`;
}

function fix(key: string, schema: SchemaNode | undefined): string {
  const range =
    schema?.minimum !== undefined && schema.maximum !== undefined
      ? ` from ${schema.minimum} to ${schema.maximum}`
      : '';
  const kind =
    choices(schema) ??
    (schema?.type === undefined ? 'a fitting value' : `a value of type ${schema.type}${range}`);
  const fallback = schema?.default === undefined ? '' : ` The default is ${JSON.stringify(schema.default)}.`;
  return `Set ${key} to ${kind}, or remove the key.${fallback}`;
}

function findUnknown(
  value: object,
  schema: SchemaNode,
  prefix: string,
  origin: string,
  warnings: string[],
): void {
  for (const [key, child] of Object.entries(value)) {
    const known = childOf(schema, key);
    const name = `${prefix}${key}`;
    if (known === undefined) {
      const near = closest(key, Object.keys(schema.properties ?? {}));
      const suggestion = near === undefined ? '' : ` Did you mean ${prefix}${near}?`;
      if (prefix === 'platforms.')
        throw new ConfigError(
          `${origin}: ${name}: unknown platform "${key}".${suggestion}`,
          `Use one of ${Object.keys(schema.properties ?? {}).join(', ')}, or remove the key.`,
        );
      warnings.push(`${origin}: unknown key ${name} is kept and ignored.${suggestion}`);
    } else if (
      (known.properties ?? known.patternProperties) !== undefined &&
      typeof child === 'object' &&
      child !== null &&
      !Array.isArray(child)
    ) {
      findUnknown(child, known, `${name}.`, origin, warnings);
    }
  }
}
