/** Edits of `config.json`: what each changes, and on which line a key stands. */
import { statSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { ConfigError, messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { isPlatform, type Platform } from '../model.ts';
import { loadConfig } from './load.ts';
import type { Config } from './schema.ts';

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
