import { mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { defined } from '../../base/defined.ts';
import { GatewayError } from '../../base/errors.ts';
import { closest } from '../../base/text.ts';
import { storageFailure } from '../../store/disk.ts';
import { PLATFORMS, type Platform } from '../model.ts';
import type { ConfigKind, ConfigValue } from '../operator/operator.ts';
import { machineZone } from '../time-zone.ts';
import { isLive, keyLines } from './edits.ts';
import { checkConfig, loadConfig } from './load.ts';
import { type Config, ConfigSchema, type PlatformsConfig } from './schema.ts';
import { environmentName } from './secrets.ts';
import { resolveSettings } from './settings.ts';

/** The part of a schema that says what may be typed. */
interface KindNode {
  readonly type?: string;
  readonly anyOf?: readonly { readonly const?: unknown }[];
  readonly items?: { readonly type?: string; readonly properties?: Readonly<Record<string, object>> };
}

/** How a value of this schema is typed and shown; a form is made from it. */
function kindOf(node: KindNode): { readonly kind: ConfigKind; readonly choices?: readonly string[] } {
  const choices = node.anyOf?.map((option) => option.const).filter((value) => typeof value === 'string');
  if (choices !== undefined && choices.length > 0 && choices.length === node.anyOf?.length)
    return { kind: 'choice', choices };
  if (node.type === 'boolean') return { kind: 'boolean' };
  if (node.type === 'integer' || node.type === 'number') return { kind: 'number' };
  if (node.type === 'array' && node.items?.type === 'string') return { kind: 'list' };
  return { kind: node.type === 'string' ? 'text' : 'other' };
}

function rangeOf({ minimum, maximum }: SchemaNode): Pick<ConfigKey, 'range'> {
  return minimum === undefined && maximum === undefined ? {} : { range: { minimum, maximum } };
}

/** Is the value, or the one to come, another than the default? */
export function differs({ value, later, source, fallback }: ConfigValue): boolean {
  return (source !== 'default' && !isDeepStrictEqual(value, fallback)) || later !== undefined;
}

type PlatformSettings<P extends Platform> = NonNullable<PlatformsConfig[P]>;

interface SchemaNode extends KindNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly default?: unknown;
  readonly description?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly 'x-secret'?: boolean;
}

/** Stands for a stored secret wherever values are shown. */
const MASK = '••••••';

// A schema is plain JSON: this view of it has only what the table needs.
const ROOT: SchemaNode = JSON.parse(JSON.stringify(ConfigSchema));

/** One line of the configuration's documentation. */
export interface ConfigKey {
  readonly key: string;
  readonly description: string;
  readonly fallback: unknown;
  readonly secret: boolean;
  /** In a list of objects: the keys of one that hold a secret. */
  readonly secretsInside: readonly string[];
  readonly kind: ConfigKind;
  /** What a choice is made from. */
  readonly choices?: readonly string[];
  /** What a number may be, ends included. */
  readonly range?: { readonly minimum?: number; readonly maximum?: number };
}

/** Every key of the schema, depth first: the configuration view and the documentation table come from it. */
export function configKeys(schema: SchemaNode = ROOT, prefix = ''): ConfigKey[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, node]) =>
    node.properties === undefined
      ? [
          {
            key: `${prefix}${name}`,
            description: node.description ?? '',
            fallback: node.default,
            secret: node['x-secret'] === true,
            secretsInside: Object.entries(node.items?.properties ?? {})
              .filter(([, child]) => 'x-secret' in child && child['x-secret'] === true)
              .map(([child]) => child),
            ...kindOf(node),
            ...rangeOf(node),
          },
        ]
      : configKeys(node, `${prefix}${name}.`),
  );
}

/** Throws ConfigError for what the schema cannot judge; `origin` names the file. */
export type ConfigCheck = (config: Config, origin: string) => Promise<void> | void;

/** What counts besides the file. */
export interface ConfigSurroundings {
  /** Values of the command line, by key. */
  readonly flags?: Readonly<Record<string, unknown>>;
  readonly env?: NodeJS.ProcessEnv;
  /** Where the gateway was started. */
  readonly cwd?: string;
  /** The configuration that the running gateway was started with. */
  readonly started?: Config;
}

const FLAG_NAMES: Readonly<Record<string, string>> = { 'agent.backend': '--agent' };
const VARIABLES: Readonly<Record<string, string>> = { port: 'PI_GATEWAY_PORT', host: 'PI_GATEWAY_HOST' };

/** Reads and changes `config.json` on the operator's word. */
export class ConfigAccess {
  readonly #path: string;
  readonly #around: ConfigSurroundings;
  readonly #stored: (key: string) => boolean;
  readonly #check: ConfigCheck;

  /**
   * `stored` hears of every key that was written and says whether it is active already. `check` judges what the
   * schema cannot.
   */
  constructor(
    path: string,
    around: ConfigSurroundings = {},
    stored: (key: string) => boolean = () => false,
    check: ConfigCheck = () => {},
  ) {
    this.#path = path;
    this.#around = around;
    this.#stored = stored;
    this.#check = check;
  }

  /** Each key with its value in force and where that comes from; secrets masked. */
  values(): ConfigValue[] {
    const { config } = loadConfig(this.#path);
    const lines = keyLines(this.#text());
    const defaults = this.#defaults(config);
    return configKeys().map((known) => {
      const { key, description, secret, kind, choices } = known;
      const fallback = defaults[key] ?? known.fallback;
      const inFile = lookUp(config, key);
      const inForce = this.#followed(key) ? inFile : lookUp(this.#around.started ?? config, key);
      const given = this.#given(key);
      const changed = given === undefined && !isDeepStrictEqual(inForce, inFile);
      const line = lines.get(key);
      const shown = (value: unknown): unknown =>
        secret && isSet(value) ? shownSecret(value) : withoutSecrets(value, known.secretsInside);
      return {
        key,
        value: shown(given?.value ?? inForce ?? fallback),
        ...(changed ? { later: shown(inFile) ?? null } : {}),
        source: given?.source ?? (inForce === undefined ? 'default' : 'file'),
        ...(given !== undefined
          ? { from: given.from }
          : inForce === undefined || changed || line === undefined
            ? {}
            : { from: `line ${line}` }),
        help: description,
        kind,
        ...defined({ choices }),
        ...(secret ? { secret } : {}),
        ...defined({ fallback: known.fallback }),
      };
    });
  }

  /** What wins over the file. */
  #given(key: string): { value: unknown; source: 'flag' | 'environment'; from: string } | undefined {
    const { flags, env } = this.#around;
    if (flags?.[key] !== undefined)
      return { value: flags[key], source: 'flag', from: FLAG_NAMES[key] ?? `--${key}` };
    const from = VARIABLES[key];
    const text = from === undefined ? undefined : env?.[from];
    if (from === undefined || text === undefined || text === '') return undefined;
    return { value: key === 'port' ? Number(text) : text, source: 'environment', from };
  }

  /** Changes of it are active at once. */
  #followed(key: string): boolean {
    return key.startsWith('platforms.') || key === 'schedules' || isLive(key);
  }

  #text(): string {
    try {
      return readFileSync(this.#path, 'utf8');
    } catch {
      return ''; // there is none yet
    }
  }

  /** Defaults that depend on other keys, or on the machine. */
  #defaults(config: Config): Readonly<Record<string, unknown>> {
    const { env, cwd } = this.#around;
    if (env === undefined) return {};
    // Its port and address are judged elsewhere.
    const settings = resolveSettings(
      { ...config, host: 'localhost' },
      { host: 'localhost' },
      env,
      cwd ?? process.cwd(),
    );
    return {
      'agent.cwd': settings.agent.cwd,
      'agent.maxConcurrent': settings.agent.maxConcurrent,
      'sessions.timeZone': machineZone(env),
      ...Object.fromEntries(
        PLATFORMS.flatMap((platform) => [
          [`platforms.${platform}.enabled`, settings.enabled(platform)],
          [`platforms.${platform}.dmPolicy`, settings.chats(platform).dmPolicy],
        ]),
      ),
    };
  }

  /**
   * The settings of a platform as they would be with `candidate` laid over those in the file; an empty text or null
   * takes a key away. Writes nothing. Throws a ConfigError that names the key at fault.
   */
  with<P extends Platform>(platform: P, candidate: Readonly<Record<string, unknown>>): PlatformSettings<P> {
    const stored = loadConfig(this.#path).config.platforms?.[platform];
    const { config } = checkConfig(
      { platforms: { [platform]: { ...stored, ...candidate } } },
      'the settings to check',
    );
    return config.platforms?.[platform] ?? {};
  }

  /** Throws ConfigError when a start would refuse the file as it is now. */
  async checkStored(): Promise<void> {
    await this.#check(loadConfig(this.#path).config, this.#path);
  }

  /**
   * Checks the new value with everything around it, then writes the file once and atomically; unknown keys are kept.
   * `key` may name a section such as `platforms.telegram`: then `value` holds the keys to change, and null takes one
   * away. Throws a GatewayError that names key, value and fix; the file is then as it was.
   */
  async set(key: string, value: unknown): Promise<string> {
    const changes = changesOf(key, value);
    this.#storing(() => mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 }));
    const { default: Conf } = await import('conf');
    const file = new Conf({
      cwd: dirname(this.#path),
      configName: 'config',
      fileExtension: 'json',
      accessPropertiesByDotNotation: true,
      configFileMode: 0o600,
    });
    const next = structuredClone(file.store) as Record<string, unknown>;
    for (const [name, changed] of changes) assign(next, name.split('.'), changed);
    const { config } = checkConfig(next, this.#path);
    await this.#check(config, this.#path);
    this.#storing(() => {
      file.store = next;
    });
    return `${key} is stored${this.#stored(key) ? '' : '; it takes effect after a restart'}`;
  }

  /** What the disk refuses is no defect of the program: it is said with its cause and what to do. */
  #storing(write: () => void): void {
    try {
      write();
    } catch (error) {
      throw storageFailure(error, dirname(this.#path));
    }
  }
}

/** The single keys that a change of `key` writes. Throws a GatewayError for a key or a value that cannot be. */
function changesOf(key: string, value: unknown): readonly (readonly [string, unknown])[] {
  const known = configKeys();
  const single = known.find((each) => each.key === key);
  if (single !== undefined) {
    if (single.secret && value === MASK)
      throw new GatewayError('masked_value', `${key}: "${MASK}" only stands for the stored secret`, {
        status: 400,
        hint: `Give the secret itself, "$ENV_NAME" or "!command".`,
      });
    return [[key, value]];
  }
  const section = known.some((each) => each.key.startsWith(`${key}.`));
  if (section && typeof value === 'object' && value !== null && !Array.isArray(value))
    return Object.entries(value).flatMap(([name, child]) => changesOf(`${key}.${name}`, child));
  const near = closest(
    key,
    known.map((each) => each.key),
  );
  throw new GatewayError('unknown_key', `unknown configuration key "${key}"`, {
    status: 400,
    hint: `${near === undefined ? '' : `Did you mean ${near}? `}pi-gateway-tui config lists all keys.`,
  });
}

function lookUp(config: Config, key: string): unknown {
  let node: unknown = config;
  for (const step of key.split('.'))
    node = typeof node === 'object' && node !== null ? (node as Record<string, unknown>)[step] : undefined;
  return node;
}

/** The name of a variable gives nothing away and says where the secret comes from. */
function shownSecret(value: unknown): unknown {
  return typeof value === 'string' && environmentName(value) !== undefined ? value : MASK;
}

/** A list of objects as it is shown. */
function withoutSecrets(value: unknown, secrets: readonly string[]): unknown {
  if (secrets.length === 0 || !Array.isArray(value)) return value;
  return value.map((entry: unknown) =>
    typeof entry !== 'object' || entry === null
      ? entry
      : Object.fromEntries(
          Object.entries(entry).map(([key, child]) => [
            key,
            secrets.includes(key) && isSet(child) ? shownSecret(child) : child,
          ]),
        ),
  );
}

function isSet(value: unknown): boolean {
  return Array.isArray(value) ? value.length > 0 : value !== undefined && value !== '';
}

function assign(target: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [step, ...rest] = path;
  if (step === undefined) return;
  if (rest.length === 0) {
    if (value === undefined || value === null) delete target[step];
    else target[step] = value;
    return;
  }
  const child = target[step];
  const node = typeof child === 'object' && child !== null ? (child as Record<string, unknown>) : {};
  target[step] = node;
  assign(node, rest, value);
}
