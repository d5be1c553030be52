/**
 * A start that goes back: with `--fall-back`, a configuration that is invalid, or with which the last start did not become
 * ready, is left aside for the last one that did. Kept below `gateway/last-good`.
 */

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { defined } from '../../base/defined.ts';
import { ConfigError, FolderLockedError, GatewayError, messageOf } from '../../base/errors.ts';
import { watchFile } from '../../base/files.ts';
import type { ComposeOptions, RunningGateway } from '../../compose.ts';
import { coldBackup } from '../../gateway/backup/backups.ts';
import { finishRestore } from '../../gateway/backup/restore.ts';
import { loadConfig } from '../../gateway/config/load.ts';
import { say } from '../../gateway/language/chat-text.ts';
import type { LogSink } from '../../gateway/log-hub.ts';
import type { Notice } from '../../gateway/notify/notice.ts';
import { type DataFolder, dataFolder } from '../../store/data-folder.ts';
import { VERSION } from '../../version.ts';

/** A start that takes longer is none. */
const READY_MS = 60_000;

/**
 * Keys in which the last good configuration may differ from config.json: none of them decides who has access, what the
 * agent may do, or where anything is sent. A key that is not named here may.
 */
const HARMLESS =
  /^(?:port|backup\..+|console\..+|heartbeat\..+|sessions\.(?!bindings).+|threads\..+|agent\.(?:backend|model|thinking|maxConcurrent|maxTasks|startSeconds|idleMinutes|busyMode|turnMinutes|silenceMinutes|maxWaiting)|platforms\.\w+\.(?:busyMode|toolActivity|sessions\..+|mode|sendLimits.*|readReceipts|markOnline|maxMessageAgeHours|agent\.(?:model|thinking)))$/u;

interface Attempt {
  /** Of config.json. */
  readonly config: string;
  readonly version: string;
}

interface Started {
  /** The configuration to use instead of config.json, and why; absent: config.json it is. */
  readonly instead?: { readonly path: string; readonly reason: string };
  /** The start itself begins: one that ends without a word has failed. */
  attempt(): void;
  /** It is ready: from now on this is the last good one. */
  ready(): void;
  /** A running gateway may have taken an edit of config.json into force. */
  edited(): void;
  /** It failed. Not for reasons that have nothing to do with the configuration or the program. */
  failed(error: unknown): void;
}

const fileOf = (folder: DataFolder, name: string): string => join(folder.root, 'gateway', 'last-good', name);

function textAt(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function write(path: string, text: string): void {
  mkdirSync(join(path, '..'), { recursive: true, mode: 0o700 });
  writeFileSync(`${path}.tmp`, text, { mode: 0o600 });
  renameSync(`${path}.tmp`, path);
}

function attemptAt(path: string): Attempt | undefined {
  try {
    const { config, version } = Object(JSON.parse(textAt(path) ?? '')) as Record<string, unknown>;
    return typeof config === 'string' && typeof version === 'string' ? { config, version } : undefined;
  } catch {
    return undefined; // no start is known
  }
}

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');

/**
 * Decides with which configuration to start. `say` gets what the operator has to know.
 * @throws ConfigError when config.json is invalid and nothing may take its place
 */
export function beginStart(folder: DataFolder, say: (line: string) => void): Started {
  const text = textAt(folder.config) ?? '';
  const good = textAt(fileOf(folder, 'config.json'));
  const last = attemptAt(fileOf(folder, 'state.json'));
  const tried = attemptAt(fileOf(folder, 'attempt.json'));
  const reason = whyNot(folder, { config: digest(text), version: VERSION }, tried);
  const differs = good !== undefined && good !== text;
  // A file that is not JSON says nothing about access: the newest that could be read does, with its live edits.
  const meant = isJson(text) ? text : (textAt(fileOf(folder, 'newest.json')) ?? text);
  const refusal = reason === undefined || !differs ? undefined : accessKeys(meant, good)[0];
  if (refusal !== undefined)
    say(
      `the last good configuration is not used: ${refusal} is different in it, and may decide who has access. Fix ${folder.config}`,
    );
  const instead =
    reason !== undefined && differs && refusal === undefined
      ? { path: fileOf(folder, 'config.json'), reason: reason.text }
      : undefined;
  if (reason?.error !== undefined && instead === undefined) throw reason.error;
  // A program cannot bring the one before it back: it says how.
  if (reason !== undefined && instead === undefined && last !== undefined && last.version !== VERSION)
    say(goBack(folder, last.version));
  const used = instead === undefined ? text : (good ?? '');
  return {
    ...defined({ instead }),
    attempt() {
      if (reason?.error === undefined) write(fileOf(folder, 'newest.json'), text);
      write(
        fileOf(folder, 'attempt.json'),
        JSON.stringify({ config: digest(text), version: VERSION } satisfies Attempt),
      );
    },
    edited() {
      const edited = textAt(folder.config);
      if (edited !== undefined && isValid(folder)) write(fileOf(folder, 'newest.json'), edited);
    },
    ready() {
      // What failed stays known to have failed until it is changed.
      if (instead !== undefined) return;
      rmSync(fileOf(folder, 'attempt.json'), { force: true });
      write(fileOf(folder, 'config.json'), used);
      write(
        fileOf(folder, 'state.json'),
        JSON.stringify({ config: digest(used), version: VERSION } satisfies Attempt),
      );
    },
    failed(error) {
      if (!concernsStart(error)) rmSync(fileOf(folder, 'attempt.json'), { force: true });
    },
  };
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text.replace(/^\uFEFF/u, '') || '{}');
    return true;
  } catch {
    return false;
  }
}

function isValid(folder: DataFolder): boolean {
  try {
    loadConfig(folder.config);
    return true;
  } catch {
    return false; // the gateway says so, and keeps what is active
  }
}

/** The version that was ready last, when it is another one than this; its data are copied before they are changed. */
async function keepBeforeUpgrade(
  folder: DataFolder,
  configFile: string | undefined,
  say: (line: string) => void,
): Promise<void> {
  // What is in PostgreSQL is backed up there.
  if (loadConfig(configFile ?? folder.config).config.store?.url !== undefined) return;
  const last = attemptAt(fileOf(folder, 'state.json'));
  if (last === undefined || last.version === VERSION || last.version === upgradedFrom(folder)) return;
  try {
    const { path } = await coldBackup(folder, `upgrade-${last.version}`, VERSION);
    write(fileOf(folder, 'upgrade.json'), JSON.stringify({ config: path, version: last.version }));
    say(`version ${VERSION} follows ${last.version}: the data before it are in ${path}`);
  } catch (error) {
    if (error instanceof FolderLockedError) throw error;
    say(`version ${VERSION} follows ${last.version}, and no backup could be made: ${messageOf(error)}`);
  }
}

function upgradedFrom(folder: DataFolder): string | undefined {
  return attemptAt(fileOf(folder, 'upgrade.json'))?.version;
}

function goBack(folder: DataFolder, version: string): string {
  const backup = attemptAt(fileOf(folder, 'upgrade.json'))?.config;
  const restore =
    backup !== undefined && existsSync(backup) ? ` && pi-gateway-tui restore --force ${backup}` : '';
  return `version ${VERSION} has not become ready, and ${version} did. To go back: npm install -g pi-gateway-tui@${version}${restore}`;
}

/** Why config.json is not to be used unchanged. */
function whyNot(
  folder: DataFolder,
  now: Attempt,
  tried: Attempt | undefined,
): { readonly text: string; readonly error?: ConfigError } | undefined {
  try {
    loadConfig(folder.config);
  } catch (error) {
    if (error instanceof ConfigError) return { text: error.message, error };
    throw error;
  }
  if (tried?.config !== now.config || tried.version !== now.version) return undefined;
  return { text: `the gateway did not become ready with it within ${READY_MS / 1000} s` };
}

/** Other failures pass, or are the same with every configuration. */
function concernsStart(error: unknown): boolean {
  if (error instanceof ConfigError) return true;
  return !(error instanceof GatewayError) || /^(?:port_|host_)/u.test(error.code);
}

/** A start with the last good configuration at hand. */
interface Guard {
  /** With the configuration to use. */
  readonly options: ComposeOptions;
  /** Runs the start itself. One that is not ready in time ends the process: the next start then goes back. */
  within(start: () => Promise<RunningGateway>): Promise<RunningGateway>;
  /** Returns how to end following edits. */
  ready(): () => void;
}

export async function prepareStart(options: ComposeOptions, sink: LogSink): Promise<Guard> {
  const folder = dataFolder(options.dataDir, options.env ?? process.env);
  finishRestore(folder);
  const say = (line: string): void => sink('error', 'start', line, {});
  const started = beginStart(folder, say);
  const { instead } = started;
  if (instead !== undefined)
    say(
      `config.json is not used: ${instead.reason}. The last good configuration is used instead. Fix ${folder.config}, then restart.`,
    );
  return {
    options: {
      ...options,
      ...(instead === undefined
        ? {}
        : { configFile: instead.path, badges: [`last good configuration: ${instead.reason}`] }),
    },
    ready() {
      started.ready();
      return watchFile(folder.config, started.edited, () => {});
    },
    async within(start) {
      await keepBeforeUpgrade(folder, instead?.path, (line) => sink('info', 'start', line, {}));
      started.attempt();
      const late = setTimeout(() => {
        say(`not ready after ${READY_MS / 1000} s: this start has failed`);
        process.exit(1);
      }, READY_MS);
      try {
        const running = await start();
        if (instead !== undefined) running.events.emit({ type: 'notice', notice: noticeOf(instead.reason) });
        return running;
      } catch (error) {
        started.failed(error);
        throw error;
      } finally {
        clearTimeout(late);
      }
    },
  };
}

function noticeOf(reason: string): Notice {
  return {
    key: `start:last-good:${Date.now()}`,
    kind: 'start',
    urgent: true,
    title: say('notice.lastGood'),
    text: say('notice.lastGoodWhy', { reason }),
  };
}

/**
 * The keys in which the two differ, of those that may decide about access. None when one is no JSON, and no one can say
 * what it was to be: what ran before is then what continues.
 */
export function accessKeys(now: string, good: string): string[] {
  let sides: [Map<string, unknown>, Map<string, unknown>];
  try {
    const read = (text: string): Map<string, unknown> =>
      leaves(JSON.parse(text.replace(/^\uFEFF/u, '') || '{}'));
    sides = [read(now), read(good)];
  } catch {
    return [];
  }
  const [left, right] = sides;
  return [...new Set([...left.keys(), ...right.keys()])].filter(
    (key) => !HARMLESS.test(key) && !isDeepStrictEqual(left.get(key), right.get(key)),
  );
}

/** Values by their path; a list is one value. */
function leaves(value: unknown, path = '', found = new Map<string, unknown>()): Map<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) found.set(path, value);
  else
    for (const [key, each] of Object.entries(value))
      leaves(each, path === '' ? key : `${path}.${key}`, found);
  return found;
}
