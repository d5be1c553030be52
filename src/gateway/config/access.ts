import { dirname } from 'node:path';
import { GatewayError } from '../errors.ts';
import type { Platform } from '../model.ts';
import type { ConfigValue } from '../operator.ts';
import { checkConfig, loadConfig } from './load.ts';
import { type Config, ConfigSchema, type PlatformsConfig } from './schema.ts';

type PlatformSettings<P extends Platform> = NonNullable<PlatformsConfig[P]>;

interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly type?: string;
  readonly default?: unknown;
  readonly description?: string;
  readonly 'x-secret'?: boolean;
}

// A schema is plain JSON: this view of it has only what the table needs.
const ROOT: SchemaNode = JSON.parse(JSON.stringify(ConfigSchema));

/** One line of the configuration's documentation. */
export interface ConfigKey {
  readonly key: string;
  readonly description: string;
  readonly fallback: unknown;
  readonly secret: boolean;
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
          },
        ]
      : configKeys(node, `${prefix}${name}.`),
  );
}

/** Reads and changes `config.json` on the operator's word. */
export class ConfigAccess {
  readonly #path: string;
  readonly #flags: Readonly<Record<string, unknown>>;

  /** `flags`: values that the command line or the environment set, by key. */
  constructor(path: string, flags: Readonly<Record<string, unknown>> = {}) {
    this.#path = path;
    this.#flags = flags;
  }

  /** Each key with its value in force and where that comes from; secrets masked. */
  values(): ConfigValue[] {
    const { config } = loadConfig(this.#path);
    return configKeys().map(({ key, description, fallback, secret }) => {
      const flag = this.#flags[key];
      const file = lookUp(config, key);
      const value = flag ?? file ?? fallback;
      return {
        key,
        value: secret && isSet(value) ? '••••••' : value,
        source: flag !== undefined ? 'flag' : file !== undefined ? 'file' : 'default',
        help: description,
      };
    });
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

  /** Checks the new value with everything around it, then writes the file atomically; unknown keys are kept. */
  async set(key: string, value: unknown): Promise<string> {
    if (!configKeys().some((each) => each.key === key))
      throw new GatewayError('unknown_key', `unknown configuration key "${key}"`, {
        status: 400,
        hint: 'pi-gateway-tui config lists all keys.',
      });
    const { default: Conf } = await import('conf');
    const file = new Conf({
      cwd: dirname(this.#path),
      configName: 'config',
      fileExtension: 'json',
      accessPropertiesByDotNotation: true,
      configFileMode: 0o600,
    });
    const next = structuredClone(file.store) as Record<string, unknown>;
    assign(next, key.split('.'), value);
    checkConfig(next, this.#path);
    if (value === undefined || value === null) file.delete(key);
    else file.set(key, value);
    return `${key} is stored; it counts from the next start`;
  }
}

function lookUp(config: Config, key: string): unknown {
  let node: unknown = config;
  for (const step of key.split('.'))
    node = typeof node === 'object' && node !== null ? (node as Record<string, unknown>)[step] : undefined;
  return node;
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
