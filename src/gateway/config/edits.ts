/**
 * Edits of `config.json`: what each changes, on which line a key stands, and whole objects as programs read and write
 * them.
 */

import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { ConfigError, messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { isPlatform, type Platform } from '../model.ts';
import { checkConfig, loadConfig } from './load.ts';
import type { GatewayConfig, GatewayConfigFile } from './public-types.ts';
import { type Config, ConfigSchema } from './schema.ts';

/** What an edit changes, by who has to follow. */
export interface ConfigChange {
  readonly config: Config;
  /** Names of the changed keys of each platform. */
  readonly platforms: ReadonlyMap<Platform, readonly string[]>;
  readonly schedules: boolean;
  /** Sections that anyone who reads them looks up when they are needed. */
  readonly live: readonly string[];
  /** Sections that are read at the start alone. */
  readonly later: readonly string[];
}

interface ConfigEditsOptions {
  readonly path: string;
  /** The configuration in force. */
  readonly first: Config;
  /** Throws a ConfigError for what the schema cannot judge. */
  readonly check: (config: Config) => Promise<void> | void;
  readonly apply: (change: ConfigChange) => Promise<void>;
  readonly log: Logger;
}

/**
 * Follows edits of `config.json` while the gateway is running. A bad edit is told and changes nothing; the configuration in
 * force stays until the file is right again.
 */
export class ConfigEdits {
  readonly #options: ConfigEditsOptions;
  #known: Config;
  #complaint = '';
  #work: Promise<void> = Promise.resolve();

  constructor(options: ConfigEditsOptions) {
    this.#options = options;
    this.#known = options.first;
  }

  /** What was stored on the operator's word is active already, but for the schedules. */
  stored(config: Config): void {
    const { schedules } = this.#known;
    const { schedules: _new, ...rest } = config;
    this.#known = schedules === undefined ? rest : { ...rest, schedules };
  }

  /** Looks at the file; one look at a time. Never rejects. */
  look(): Promise<void> {
    this.#work = this.#work.then(() => this.#follow());
    return this.#work;
  }

  async #follow(): Promise<void> {
    const { path, check, apply, log } = this.#options;
    try {
      // At the start such a file is an empty configuration; now it is more likely an accident or half a write.
      if (isBlank(path) && Object.keys(this.#known).length > 0)
        throw new ConfigError(`${path}: is gone or empty`, 'Write "{}" if nothing is to be set.');
      const { config, warnings } = loadConfig(path);
      await check(config);
      this.#complaint = '';
      const change = changeOf(this.#known, config);
      if (change === undefined) return;
      this.#known = config;
      for (const warning of warnings) log.warn(warning);
      await apply(change);
      const now = [...change.platforms.keys(), ...(change.schedules ? ['schedules'] : []), ...change.live];
      if (now.length > 0) log.info(`config.json changed and is active: ${now.join(', ')}`);
      if (change.later.length > 0)
        log.warn(`config.json changed. Restart the gateway to apply: ${change.later.join(', ')}`);
    } catch (error) {
      const text = messageOf(error);
      if (text === this.#complaint) return;
      this.#complaint = text;
      const hint = error instanceof ConfigError && error.hint !== undefined ? { hint: error.hint } : {};
      log.error(`config.json changed, but the active configuration stays: ${text}`, hint);
    }
  }
}

function isBlank(path: string): boolean {
  return (statSync(path, { throwIfNoEntry: false })?.size ?? 0) === 0;
}

/** Changes of these are active at once. */
const LIVE: readonly string[] = ['owners', 'notify', 'heartbeat'];

/** Is a change of this key in force as soon as it is stored? */
export function isLive(key: string): boolean {
  return LIVE.includes(key.split('.', 1)[0] ?? '');
}

/** Undefined: nothing that anybody has to follow. */
export function changeOf(before: Config, after: Config): ConfigChange | undefined {
  const platforms = new Map<Platform, readonly string[]>();
  for (const name of keysOf(before.platforms, after.platforms)) {
    if (!isPlatform(name)) continue;
    const changed = changedKeys(before.platforms?.[name], after.platforms?.[name]);
    if (changed.length > 0) platforms.set(name, changed);
  }
  const sections = changedKeys(before, after).filter((key) => key !== 'platforms');
  const live = sections.filter(isLive);
  const later = sections.filter((key) => key !== 'schedules' && !isLive(key));
  const schedules = sections.includes('schedules');
  if (platforms.size === 0 && sections.length === 0) return undefined;
  return { config: after, platforms, schedules, live, later };
}

function keysOf(before: object | undefined, after: object | undefined): string[] {
  return [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])];
}

function changedKeys(before: object | undefined, after: object | undefined): string[] {
  const [a, b] = [new Map(Object.entries(before ?? {})), new Map(Object.entries(after ?? {}))];
  return keysOf(before, after).filter((key) => !isDeepStrictEqual(a.get(key), b.get(key)));
}

/**
 * The line of every key in a JSON text, by its dotted name ("platforms.telegram.token"); elements of lists by their
 * index. The text is known to be valid JSON.
 */
export function keyLines(text: string): ReadonlyMap<string, number> {
  const lines = new Map<string, number>();
  const path: string[] = [];
  /** For each open object or list: the index of the next element; undefined in an object. */
  const open: (number | undefined)[] = [];
  let line = 1;
  let expectsKey = false;
  const element = (): void => {
    const index = open.at(-1);
    if (index === undefined) return;
    path.push(String(index));
    lines.set(path.join('.'), line);
  };
  for (const [token] of text.matchAll(/\n|"(?:[^"\\]|\\.)*"|[{}[\],]|[^\s{}[\],":]+/g)) {
    if (token === '\n') line++;
    else if (token === ',') {
      path.pop();
      const index = open.at(-1);
      if (index === undefined) expectsKey = true;
      else open[open.length - 1] = index + 1;
    } else if (token === '}' || token === ']') {
      // An empty one has no name of a child to take away.
      if (path.length > depthOf(open)) path.pop();
      open.pop();
      expectsKey = false;
    } else if (expectsKey && token.startsWith('"')) {
      path.push(JSON.parse(token));
      lines.set(path.join('.'), line);
      expectsKey = false;
    } else {
      element();
      if (token === '{' || token === '[') {
        open.push(token === '[' ? 0 : undefined);
        expectsKey = token === '{';
      }
    }
  }
  return lines;
}

/** Names that the path has when the innermost object or list is empty so far. */
function depthOf(open: readonly unknown[]): number {
  return open.length - 1;
}

interface Node {
  readonly properties?: Readonly<Record<string, Node>>;
  readonly default?: unknown;
}

type Tree = Record<string, unknown>;

const wholeSchema = (): Node => JSON.parse(JSON.stringify(ConfigSchema));

/** What is absent there comes from the general settings, not from a default. */
const INHERITED = /^platforms\.\w+\.(sessions|agent)$/;

/** The file's values with every default filled in. */
export function completeConfig(config: Config): GatewayConfig {
  const whole: unknown = {
    ...filled(config, wholeSchema(), ''),
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
  merge(stored, change as Tree, wholeSchema());
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
