/** Looks into a backup: whether it is whole, and what it holds. Needs no gateway and changes nothing. */
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { GatewayError, messageOf } from '../../base/errors.ts';
import { type Inspected, inspectCopy } from '../../store/database.ts';
import { readArchive } from './archive.ts';
import { belongs, DATABASES } from './contents.ts';

export interface BackupReport {
  readonly path: string;
  readonly bytes: number;
  /** Of the program that wrote it. */
  readonly version: string;
  readonly at: number;
  readonly databases: Readonly<Record<string, Inspected>>;
  readonly files: number;
  readonly configuration: boolean;
  /** Platforms whose adapters have credentials or state in it. */
  readonly adapters: readonly string[];
  readonly leftOut: readonly string[];
}

/** What a person wants to know of each database; a table that an older version did not have counts as none. */
const COUNTS: Readonly<Record<keyof typeof DATABASES, Readonly<Record<string, string>>>> = {
  sessions: {
    sessions: 'SELECT COUNT(*) AS n FROM sessions',
    messages: 'SELECT COUNT(*) AS n FROM msg',
    pending: "SELECT COUNT(*) AS n FROM outbox WHERE state NOT IN ('delivered', 'failed', 'abandoned')",
  },
  security: {
    people: 'SELECT COUNT(*) AS n FROM allowlist',
    blocked: 'SELECT COUNT(*) AS n FROM blocked',
    audit: 'SELECT COUNT(*) AS n FROM audit',
  },
  tasks: {
    tasks: 'SELECT COUNT(*) AS n FROM tasks',
    schedules: 'SELECT COUNT(*) AS n FROM schedules',
  },
};

/** @throws GatewayError `backup_not_found`, `backup_damaged`, `backup_newer` */
export async function verifyBackup(path: string): Promise<BackupReport> {
  const temporary = await mkdtemp(join(tmpdir(), 'pi-gateway-verify-'));
  try {
    const names: string[] = [];
    const manifest = await readArchive(path, async (name, content) => {
      names.push(name);
      if (!belongs(name)) throw damaged(path, `it holds ${name}, which does not belong to a gateway`);
      if (Object.values(DATABASES).some((each) => each === name))
        await pipeline(content, createWriteStream(join(temporary, name), { flags: 'wx', mode: 0o600 }));
    });
    const databases = await inspectDatabases(path, temporary);
    return {
      path,
      bytes: (await stat(path)).size,
      version: manifest.version,
      at: manifest.at,
      databases,
      files: names.length - Object.keys(DATABASES).length,
      configuration: names.includes('gateway/config.json'),
      adapters: [...new Set(names.flatMap((name) => /^gateway\/adapters\/([^/]+)\//u.exec(name)?.[1] ?? []))],
      leftOut: manifest.leftOut,
    };
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** The databases of a backup that were unpacked into a directory. @throws GatewayError `backup_damaged` */
export async function inspectDatabases(path: string, folder: string): Promise<Record<string, Inspected>> {
  const found: Record<string, Inspected> = {};
  for (const [store, name] of Object.entries(DATABASES)) {
    const { integrity, ...inspected } = await inspectCopy(
      join(folder, name),
      COUNTS[store as keyof typeof DATABASES],
    ).catch((error: unknown) => {
      throw damaged(path, messageOf(error));
    });
    if (integrity !== 'ok') throw damaged(path, `${name}: ${integrity}`);
    if (inspected.schema === 0) throw damaged(path, `${name} is missing`);
    found[store] = inspected;
  }
  return found;
}

function damaged(path: string, why: string): GatewayError {
  return new GatewayError('backup_damaged', `${path} cannot be restored: ${why}`, {
    status: 400,
    hint: 'Use another backup. Nothing was changed.',
  });
}

/** What a person reads. */
export function backupText({ path, bytes, version, at, databases, ...held }: BackupReport): string {
  const counts = Object.values(databases).flatMap((each) => Object.entries(each.counts));
  return [
    `${path} is whole: ${sizeText(bytes)}, written ${new Date(at).toISOString()} by version ${version}.`,
    `It holds ${counts.map(([name, count]) => `${name} ${count}`).join(', ')}.`,
    held.configuration ? 'The configuration is in it.' : 'It has no configuration file.',
    ...(held.adapters.length === 0 ? [] : [`State of adapters: ${held.adapters.join(', ')}.`]),
    `Other files: ${held.files}.`,
    ...held.leftOut.map((each) => `Not in it: ${each}.`),
  ].join('\n');
}

export function sizeText(bytes: number): string {
  return bytes < 1_000_000 ? `${Math.ceil(bytes / 1000)} KB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}
