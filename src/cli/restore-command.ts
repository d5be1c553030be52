/** `restore <file>` and `backup verify <file>`: what works without a gateway, and without data that can be read. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { defined } from '../base/defined.ts';
import { ConfigError, GatewayError, messageOf } from '../base/errors.ts';
import { composeGateway } from '../compose.ts';
import { readArchive } from '../gateway/backup/archive.ts';
import {
  backupText,
  commitRestore,
  discard,
  isInUse,
  stageBackup,
  stageOf,
  verifyBackup,
} from '../gateway/backup/restore.ts';
import { loadConfig } from '../gateway/config/load.ts';
import { isPlatform } from '../gateway/model.ts';
import { type DataFolder, dataFolder } from '../store/data-folder.ts';
import { FolderLock } from '../store/lock.ts';
import { type Arguments, UsageError } from './arguments.ts';
import { accessKeys } from './service/last-good.ts';

export async function runVerify(args: Pick<Arguments, 'rest' | 'json'>): Promise<string> {
  const [, file] = args.rest;
  if (file === undefined) throw new UsageError('usage: pi-gateway-tui backup verify <file>');
  const report = await verifyBackup(resolve(file));
  return args.json ? JSON.stringify({ ok: true, ...report }, null, 2) : backupText(report);
}

interface Person {
  readonly platform: string;
  readonly userId: string;
}

const nameOf = ({ platform, userId }: Person): string => `${platform} ${userId}`;

/** What the present data say, and the backup cannot know. */
interface Since {
  readonly erased: readonly Person[];
  /** Who has access; absent where that is not known, or no one had any data here. */
  readonly people?: readonly Person[];
  /** Why it is not known. */
  readonly unknown?: string;
}

export async function runRestore(
  args: Pick<Arguments, 'rest' | 'json' | 'force'>,
  folder: DataFolder,
): Promise<string> {
  const [file] = args.rest;
  if (file === undefined) throw new UsageError('usage: pi-gateway-tui restore <file> [--force]');
  const path = resolve(file);
  const lock = FolderLock.acquire(folder.root);
  const inUse = isInUse(folder);
  lock.release();
  // The whole file, before the present data are looked at; what is in the databases is checked where they are unpacked.
  const report = await readArchive(path);
  if (inUse && !args.force)
    throw new GatewayError('data_exists', `${folder.root} holds the data of a gateway already`, {
      status: 409,
      hint: 'With --force the present data are moved to a directory of their own, and the backup takes their place.',
    });
  const since = inUse ? await changesSince(folder, report.at) : { erased: [] };
  const held = FolderLock.acquire(folder.root);
  try {
    const manifest = await stageBackup(folder, path);
    let shared = false;
    let regained: Awaited<ReturnType<typeof settleStage>>;
    let invalid: string | undefined;
    try {
      try {
        shared = leaveSharedStore(stageOf(folder));
        regained = await settleStage(stageOf(folder), report.at, since);
      } catch (error) {
        // The data are what is restored: a configuration that no start takes comes with them, and a person fixes it.
        if (!(error instanceof ConfigError)) throw error;
        invalid = messageOf(error).replaceAll(stageOf(folder), folder.root);
        regained = await settleStage(
          stageOf(folder),
          report.at,
          since,
          join(stageOf(folder), 'no-config.json'),
        );
      }
    } catch (error) {
      discard(folder);
      throw new GatewayError('restore_failed', `${path} was not restored: ${messageOf(error)}`, {
        hint: 'Nothing was changed.',
        cause: error,
      });
    }
    const differs = (inUse ? accessKeys(textOf(folder), textOf(dataFolder(stageOf(folder), {}))) : []).filter(
      (key) => !shared || !key.startsWith('store.'),
    );
    const aside = commitRestore(folder, manifest, Date.now());
    const result = {
      path,
      at: report.at,
      aside,
      erasedAgain: since.erased,
      accessAgain: regained.people,
      configDiffers: differs,
      ...defined({ configInvalid: invalid }),
    };
    if (args.json) return JSON.stringify({ ok: true, ...result, leftOut: report.leftOut }, null, 2);
    return [
      `restored ${folder.root} from ${path}, written ${new Date(report.at).toISOString()}.`,
      ...(aside === undefined
        ? []
        : [`What was there is in ${aside}. Remove it when you no longer need it.`]),
      ...since.erased.map((person) => `erased again: ${nameOf(person)}, as after the backup was made`),
      ...(since.unknown === undefined
        ? []
        : [
            `The data that were there could not be read (${since.unknown}): people who were revoked or erased since may be back. Check: pi-gateway-tui allow`,
          ]),
      ...regained.badges.map((badge) => `WARNING: ${badge}`),
      ...regained.people.map(
        (person) =>
          `has access again: ${nameOf(person)}. To revoke it: pi-gateway-tui revoke ${nameOf(person)}`,
      ),
      ...(shared
        ? [
            'store.url is not in the restored configuration: the data are in files now. Set it again to copy them to an empty database.',
          ]
        : []),
      ...(differs.length === 0
        ? []
        : [
            `WARNING: config.json is different now in ${differs.join(', ')}, which may decide who has access. Compare it with ${aside}/gateway/config.json`,
          ]),
      ...(invalid === undefined ? [] : [`WARNING: no start takes this configuration. ${invalid}`]),
      ...report.leftOut.map((each) => `not in the backup: ${each}`),
      'Start the gateway: pi-gateway-tui',
    ].join('\n');
  } finally {
    held.release();
  }
}

const textOf = ({ config }: DataFolder): string => (existsSync(config) ? readFileSync(config, 'utf8') : '');

/** What is restored are files: a store elsewhere has data of its own, which must not be touched or used instead. */
function leaveSharedStore(stage: string): boolean {
  const path = dataFolder(stage, {}).config;
  if (loadConfig(path).config.store === undefined) return false;
  const { store: _store, ...rest }: Record<string, unknown> = {
    ...Object(JSON.parse(readFileSync(path, 'utf8').replace(/^\uFEFF/u, ''))),
  };
  writeFileSync(path, `${JSON.stringify(rest, null, 2)}\n`, { mode: 0o600 });
  return true;
}

/** Who was erased after a time, and who has access now. */
async function changesSince(folder: DataFolder, at: number): Promise<Since> {
  try {
    const running = await composeGateway({ dataDir: folder.root, offline: true, logLevel: 'error' });
    try {
      const { security } = running.gateway.deps.stores;
      const lines = security.all("SELECT subject FROM audit WHERE action = 'person.erase' AND at >= ?", [at]);
      return {
        erased: lines.flatMap(({ subject }) => personIn(String(subject))),
        people: running.gateway.access.people.list(),
      };
    } finally {
      await running.stop(0);
    }
  } catch (error) {
    return { erased: [], unknown: messageOf(error) };
  }
}

/** The subject of an erasure begins with the platform and the id. */
function personIn(subject: string): Person[] {
  const [, platform, userId] = /^(\w+) ([^\s;]+)/u.exec(subject) ?? [];
  return userId === undefined || !isPlatform(platform) ? [] : [{ platform, userId }];
}

/**
 * Opens the unpacked data as a start would, erases again who was erased since, and notes the restore in its audit log.
 * Answers who gets access by it, and what is open to everyone.
 */
async function settleStage(
  stage: string,
  at: number,
  since: Since,
  configFile?: string,
): Promise<{ readonly people: readonly Person[]; readonly badges: readonly string[] }> {
  const running = await composeGateway({
    dataDir: stage,
    offline: true,
    logLevel: 'error',
    ...defined({ configFile }),
  });
  try {
    const operator = running.operator({ name: 'operator', surface: 'cli' });
    for (const { platform, userId } of since.erased) {
      if (!isPlatform(platform)) continue;
      await operator.run({ type: 'person.erase', platform, userId }).catch((error: unknown) => {
        if (!(error instanceof GatewayError && error.code === 'person_unknown')) throw error;
      });
    }
    const { access } = running.gateway;
    await access.audit.note(
      { name: 'operator', surface: 'cli' },
      'restore',
      `backup of ${new Date(at).toISOString()}`,
    );
    const had = new Set(since.people?.map(nameOf));
    return {
      people: since.people === undefined ? [] : access.people.list().filter((each) => !had.has(nameOf(each))),
      badges: running.gateway.view().badges,
    };
  } finally {
    await running.stop(0);
  }
}
