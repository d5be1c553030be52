/** The configuration as programs read and write it: whole objects instead of single keys. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { checkConfig, loadConfig } from './load.ts';
import type { GatewayConfig, GatewayConfigFile } from './public-types.ts';
import { type Config, ConfigSchema } from './schema.ts';

interface Node {
  readonly properties?: Readonly<Record<string, Node>>;
  readonly default?: unknown;
}

type Tree = Record<string, unknown>;

const ROOT: Node = JSON.parse(JSON.stringify(ConfigSchema));

/** What is absent there comes from the general settings, not from a default. */
const INHERITED = /^platforms\.\w+\.(sessions|agent)$/;

/** The file's values with every default filled in. */
export function completeConfig(config: Config): GatewayConfig {
  const whole: unknown = {
    ...filled(config, ROOT, ''),
    ...(config.console ? { console: config.console } : {}),
  };
  return whole as GatewayConfig; // every key that it names has a default: the tests read each
}

function filled(value: unknown, node: Node, path: string): Tree {
  const given = isTree(value) ? value : {};
  const result: Tree = structuredClone(given);
  for (const [name, child] of Object.entries(node.properties ?? {})) {
    const at = path === '' ? name : `${path}.${name}`;
    if (INHERITED.test(at) || at === 'console') continue;
    if (child.properties !== undefined) result[name] = filled(given[name], child, at);
    else if (given[name] === undefined && child.default !== undefined)
      result[name] = structuredClone(child.default);
  }
  return result;
}

/**
 * Lays `change` over the file: objects are merged, lists and values replaced, null or undefined takes a key away. A value
 * that is only the default is not written, so that `change` may be a whole configuration. Throws a ConfigError for a
 * value that cannot be; the file is then as it was.
 */
export function storeConfig(path: string, change: GatewayConfigFile): void {
  loadConfig(path); // a file that cannot be read must not be replaced
  const stored = storedTree(path);
  merge(stored, change as Tree, ROOT);
  checkConfig(stored, 'setConfig()');
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const fresh = `${path}.${process.pid}.new`;
  writeFileSync(fresh, `${JSON.stringify(stored, null, 2)}\n`, { mode: 0o600 });
  renameSync(fresh, path);
}

function storedTree(path: string): Tree {
  let text: string;
  try {
    text = readFileSync(path, 'utf8').replace(/^\uFEFF/, '');
  } catch {
    return {}; // loadConfig has let it pass: there is none yet
  }
  const value: unknown = text.trim() === '' ? {} : JSON.parse(text);
  return isTree(value) ? value : {};
}

function merge(into: Tree, change: Tree, node: Node | undefined): void {
  for (const [name, value] of Object.entries(change)) {
    if (name === '__proto__') continue;
    const child = node?.properties?.[name];
    if (value === undefined || value === null) delete into[name];
    else if (isTree(value)) {
      const had = into[name];
      const next = isTree(had) ? had : {};
      merge(next, value, child);
      if (isTree(had) || Object.keys(next).length > 0 || child === undefined) into[name] = next;
    } else if (name in into || JSON.stringify(value) !== JSON.stringify(child?.default))
      into[name] = structuredClone(value);
  }
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
