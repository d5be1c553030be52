import { readFileSync, statSync } from 'node:fs';
import { Settings } from 'typebox/system';
import { Value } from 'typebox/value';
import { ConfigError, messageOf } from '../../base/errors.ts';
import { closest } from '../../base/text.ts';
import { idFault } from '../chat.ts';
import { PLATFORMS } from '../model.ts';
import { tokenSpans } from '../send/egress.ts';
import { isMeaning, misses, nearlyTool } from './meaning.ts';
import { type Config, ConfigSchema } from './schema.ts';

/** A choice is named after all of its members: more than the eight errors that typebox stops at. */
Settings.Set({ maxErrors: 64 });

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
      unreadable(path, ownerOf(path), process.getuid?.()),
    );
  }
  if (text.trim() === '') return { path, config: {}, warnings: [] };
  let value: unknown;
  try {
    text = text.replace(/^\uFEFF/, '');
    value = JSON.parse(text);
  } catch (error) {
    throw new ConfigError(
      `${path}: is not valid JSON${placeOf(error, text)}`,
      'Fix the syntax at that position (often a missing comma, quote or bracket). The file was not changed.',
    );
  }
  return { path, ...checkConfig(value, path) };
}

/** The file may hold secrets: what is someone else's must not be opened to this user. */
export function unreadable(path: string, owner: number | undefined, self: number | undefined): string {
  if (self === undefined || owner === self) return 'Make the file readable for this user.';
  return owner === undefined
    ? 'Run as the user that owns it.'
    : `It belongs to the user with the id ${owner}: run as that user, or give it to this one (chown ${self} ${path}).`;
}

/** Undefined where not even the directory may be looked into. */
function ownerOf(path: string): number | undefined {
  try {
    return statSync(path).uid;
  } catch {
    return undefined;
  }
}

/** Where the syntax breaks. The engine's own message quotes the text around it, and that may be a token. */
function placeOf(error: unknown, text: string): string {
  const position = /at position (\d+)/.exec(messageOf(error))?.[1];
  const at = position === undefined ? firstBadCharacter(text) : Number(position);
  if (at === undefined) return '';
  const before = text.slice(0, at).split('\n');
  return `: the error is at line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
}

/** The shortest beginning with a character that cannot stand there; V8 does not say where that is. */
function firstBadCharacter(text: string): number | undefined {
  const bad = (length: number): boolean => {
    try {
      JSON.parse(text.slice(0, length));
      return false;
    } catch (error) {
      return messageOf(error).startsWith('Unexpected token');
    }
  };
  if (!bad(text.length)) return undefined;
  let [good, first] = [0, text.length];
  while (first - good > 1) {
    const middle = (good + first) >> 1;
    if (bad(middle)) first = middle;
    else good = middle;
  }
  return good;
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
    const key = path.join('.') || 'configuration';
    if (error.keyword === 'required')
      throw new ConfigError(
        `${origin}: ${key}: ${error.params.requiredProperties.join(', ')} is missing`,
        'Add it: docs/configuration.md names what is needed.',
      );
    throw invalid(origin, path, cleaned, expectation(schemaAt(path)));
  }
  if (!Value.Check(ConfigSchema, cleaned))
    throw new ConfigError(
      `${origin}: does not match the configuration schema`,
      'Compare it with docs/configuration.md.',
    );
  checkMeanings(cleaned, ConfigSchema, [], (path, expected, advice) => {
    throw invalid(origin, path, cleaned, expected, advice);
  });
  checkChats(cleaned, origin);
  checkTheme(cleaned, origin);
  checkContexts(cleaned, origin);
  warnings.push(...doubtfulTools(cleaned, origin));
  return { config: cleaned, warnings };
}

/** The keys of `chats` are ids: a schema has no word for that. */
function checkChats({ platforms }: Config, origin: string): void {
  for (const platform of PLATFORMS)
    for (const id of Object.keys(platforms?.[platform]?.chats ?? {})) {
      const fault = idFault(platform, 'chat', id);
      if (fault !== undefined)
        throw new ConfigError(
          `${origin}: platforms.${platform}.chats: ${show(id)} is invalid: expected ${fault.expected}`,
          fault.advice,
        );
    }
}

const THEMES = ['auto', 'dark', 'light', 'mono'];

/** A theme is built in or one of the operator's own: no schema can say that. */
function checkTheme({ console: look }: Config, origin: string): void {
  const names = [...THEMES, ...Object.keys(look?.themes ?? {})];
  if (look?.theme === undefined || names.includes(look.theme)) return;
  const near = closest(look.theme, names);
  throw new ConfigError(
    `${origin}: console.theme: ${show(look.theme)} is invalid: expected one of ${names.join(', ')}`,
    `${near === undefined ? '' : `Did you mean "${near}"? `}Set console.theme to one of them, or add it to console.themes.`,
  );
}

/** Each gateway is named once, and every address of one can be one. */
function checkContexts({ contexts = [] }: Config, origin: string): void {
  for (const [i, { name, url }] of contexts.entries()) {
    if (contexts.findIndex((each) => each.name === name) < i)
      throw new ConfigError(
        `${origin}: contexts.${i}.name: "${name}" is defined twice`,
        'Give each gateway its own name.',
      );
    for (const address of [url].flat()) {
      const parsed = URL.parse(/^[a-z]+:\/\//i.test(address) ? address : `ws://${address}`);
      if (parsed === null || !/^(ws|http)s?:$/.test(parsed.protocol) || parsed.hostname === '')
        throw new ConfigError(
          `${origin}: contexts.${i}.url: ${show(address)} is invalid: expected host:port or a URL such as https://host`,
          'Write the address that "attach" would get.',
        );
    }
  }
}

/** Calls `complain` for the first text that does not mean what its key asks for. */
function checkMeanings(
  value: unknown,
  schema: SchemaNode | undefined,
  path: readonly string[],
  complain: (path: readonly string[], expected: string, advice: string | undefined) => never,
): void {
  const meaning = schema?.['x-is'];
  if (typeof value === 'string' && isMeaning(meaning)) {
    const missed = misses(meaning, value, path);
    if (missed !== undefined) complain(path, missed.expected, missed.advice);
  }
  if (typeof value !== 'object' || value === null) return;
  for (const [key, child] of Object.entries(value))
    checkMeanings(
      child,
      Array.isArray(value) ? schema?.items : childOf(schema, key),
      [...path, key],
      complain,
    );
}

/** An extension may bring tools of any name, so a name that is nearly one of pi's own is only doubtful. */
function doubtfulTools({ agent, platforms }: Config, origin: string): string[] {
  const lists: (readonly [string, readonly string[] | undefined])[] = [['agent.tools', agent?.tools]];
  for (const [platform, own] of Object.entries(platforms ?? {})) {
    lists.push([`platforms.${platform}.agent.tools`, own.agent?.tools]);
    for (const [chat, settings] of Object.entries(own.chats ?? {}))
      lists.push([`platforms.${platform}.chats.${chat}.agent.tools`, settings.agent?.tools]);
  }
  return lists.flatMap(([key, tools]) =>
    (tools ?? []).flatMap((tool, i) => {
      const near = nearlyTool(tool);
      return near === undefined
        ? []
        : [`${origin}: ${key}.${i}: pi has no tool "${tool}". Did you mean "${near}"?`];
    }),
  );
}

/** An empty string or null means "not set": files written by @0xkobold/pi-gateway contain them. */
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
  readonly anyOf?: readonly { readonly const?: unknown; readonly type?: string }[];
  readonly default?: unknown;
  readonly description?: string;
  /** What a pattern asks for, in words. */
  readonly 'x-pattern'?: string;
  /** What a text has to mean, see meaning.ts. */
  readonly 'x-is'?: unknown;
  readonly 'x-secret'?: boolean;
  readonly type?: string;
  readonly minItems?: number;
  readonly minLength?: number;
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
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

/** The error about one value: key, value, what was expected, next step. A secret is never repeated. */
function invalid(
  origin: string,
  path: readonly string[],
  config: unknown,
  expected: string,
  advice?: string,
): ConfigError {
  const key = path.join('.') || 'configuration';
  const secret = path.some((_step, i) => schemaAt(path.slice(0, i + 1))?.['x-secret'] === true);
  const value = valueAt(config, path);
  const fallback = schemaAt(path)?.default;
  const hint = [
    advice,
    `Set ${key} to ${expected}, or remove it.`,
    fallback === undefined ? undefined : `The default is ${JSON.stringify(fallback)}.`,
  ];
  return new ConfigError(
    `${origin}: ${key}: ${secret ? kindOfValue(value) : show(value)} is invalid: expected ${expected}`,
    hint.filter((each) => each !== undefined).join(' '),
  );
}

/** A value as an error may repeat it: short, and nothing that could be a secret in the wrong place. */
function show(value: unknown): string {
  if (typeof value === 'string' && couldBeSecret(value)) return kindOfValue(value);
  if (typeof value === 'object' && value !== null && Object.keys(value).length > 0) return kindOfValue(value);
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 60 ? `${text.slice(0, 57).toWellFormed()}…"` : text;
}

/** Has the shape of a known token, or is one long word of letters and digits that is neither a path nor an address. */
function couldBeSecret(text: string): boolean {
  return (
    tokenSpans(text).length > 0 ||
    (/^[\w+/=.~:-]{20,}$/.test(text) &&
      /\d/.test(text) &&
      /[A-Za-z]/.test(text) &&
      !/^[/~.]|:\/\//.test(text))
  );
}

function kindOfValue(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'string') return value.trim() === '' ? 'an empty text' : 'the text (not shown)';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

function choices(schema: SchemaNode | undefined): string | undefined {
  const values = schema?.anyOf?.map((option) => option.const);
  return values === undefined || values.includes(undefined)
    ? undefined
    : values.map((v) => JSON.stringify(v)).join(', ');
}

/** Completes "expected …", without words of the schema. */
function expectation(schema: SchemaNode | undefined): string {
  const options = choices(schema);
  if (options !== undefined) return `one of ${options}`;
  if (schema?.['x-pattern'] !== undefined) return schema['x-pattern'];
  switch (schema?.type) {
    case 'integer':
    case 'number': {
      const { type, minimum, exclusiveMinimum, maximum } = schema;
      const what = type === 'integer' ? 'a whole number' : 'a number';
      const most = maximum === undefined ? '' : ` and at most ${maximum}`;
      if (exclusiveMinimum !== undefined) return `${what} above ${exclusiveMinimum}${most}`;
      const range = maximum === undefined ? ` of at least ${minimum}` : ` from ${minimum} to ${maximum}`;
      return `${what}${minimum === undefined ? '' : range}`;
    }
    case 'boolean':
      return 'true or false';
    case 'array':
      return `a list […] of ${schema.items?.type === 'string' ? 'texts' : 'objects'}${schema.minItems === undefined ? '' : ', not empty'}`;
    case 'object':
      return 'an object {…}';
    case 'string':
      return schema.minLength === undefined ? 'text' : 'text that is not empty';
    default:
      return 'a key that exists there';
  }
}

/** Keys of @0xkobold/pi-gateway that have no effect here, and what to use. */
const OLDER_KEYS: Readonly<Record<string, string>> = {
  liveBridge:
    'In pi: /gateway bind-current <platform> <channelId> ties a chat to the session that is open there.',
  'platforms.whatsapp.printQr': 'The console and "pi-gateway-tui doctor whatsapp" show the QR code.',
};

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
    const instead = OLDER_KEYS[name];
    if (known === undefined && instead !== undefined)
      warnings.push(`${origin}: ${name} of the older package is kept and ignored. ${instead}`);
    else if (known === undefined) {
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
    } else if (known.items?.properties !== undefined && Array.isArray(child)) {
      for (const [i, entry] of child.entries())
        if (typeof entry === 'object' && entry !== null && !Array.isArray(entry))
          findUnknown(entry, known.items, `${name}.${i}.`, origin, warnings);
    }
  }
}
