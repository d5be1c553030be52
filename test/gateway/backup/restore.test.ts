import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  commitRestore,
  discard,
  finishRestore,
  isInUse,
  stageBackup,
} from '../../../src/gateway/backup/restore.ts';
import { dataFolder } from '../../../src/store/data-folder.ts';
import { FolderLock } from '../../../src/store/lock.ts';
import { ADA, Rig } from '../rig.ts';

const OLD: Readonly<Record<string, string>> = {
  'gateway-sessions.db': 'old',
  'gateway-sessions-000000000001.log': 'old journal',
  'gateway-security.db': 'old',
  'gateway-background-tasks.db.bak-20260101T000000Z': 'old',
  'gateway/config.json': 'old',
  'gateway/adapters/telegram/state.json': 'old',
  'gateway/agent-sessions/a.jsonl': 'old',
};
/** Belongs to the machine, or to somebody else. */
const STAYS: Readonly<Record<string, string>> = {
  'gateway/operator.token': 'token',
  'gateway/backups/daily-20260101T000000Z.tar.gz': 'a backup',
  'gateway/logs/gateway.log': 'log',
  'settings.json': 'of another program',
};

let backup: string;
let rig: Rig;
const folders: string[] = [];
beforeAll(async () => {
  rig = await Rig.start();
  await rig.say('hello', { from: ADA });
  await rig.pass(1_000);
  mkdirSync(join(rig.folder, 'gateway'), { recursive: true });
  writeFileSync(join(rig.folder, 'gateway/config.json'), '{"port":1}');
  backup = (await rig.gateway.backups.create()).path;
});
afterAll(async () => {
  await rig.stop();
  rig.remove();
  vi.useRealTimers();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function used(): ReturnType<typeof dataFolder> {
  const root = mkdtempSync(join(tmpdir(), 'restore-'));
  folders.push(root);
  for (const [name, text] of Object.entries({ ...OLD, ...STAYS })) {
    mkdirSync(join(root, name, '..'), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  return dataFolder(root, {});
}

const textAt = (root: string, name: string): string | undefined =>
  existsSync(join(root, name)) ? readFileSync(join(root, name), 'utf8') : undefined;

/** Whether the directory is as before, or holds the backup and nothing else; anything in between has no name. */
function state(root: string): string {
  for (const [name, text] of Object.entries(STAYS)) expect(textAt(root, name), name).toBe(text);
  if (Object.entries(OLD).every(([name, text]) => textAt(root, name) === text)) return 'old';
  const fresh =
    textAt(root, 'gateway/config.json') === '{"port":1}' &&
    textAt(root, 'gateway-sessions.db')?.startsWith('SQLite format 3') === true &&
    textAt(root, 'gateway-security.db')?.startsWith('SQLite format 3') === true &&
    !existsSync(join(root, 'gateway-sessions-000000000001.log')) &&
    !existsSync(join(root, 'gateway/agent-sessions'));
  const [aside = ''] = readdirSync(root).filter((name) => name.startsWith('gateway-before-restore-'));
  const kept = Object.entries(OLD).every(([name, text]) => textAt(join(root, aside), name) === text);
  return fresh && kept ? 'new' : 'neither';
}

describe('a restore', () => {
  it('leaves the old data or the new ones, wherever it is killed, and keeps the old ones aside', async () => {
    const seen = new Set<string>();
    for (let kill = 0; ; kill += 1) {
      const folder = used();
      expect(isInUse(folder)).toBe(true);
      const manifest = await stageBackup(folder, backup);
      expect(state(folder.root)).toBe('old');
      let steps = 0;
      let ended = true;
      try {
        commitRestore(folder, manifest, Date.now(), () => {
          if (steps++ === kill) throw new Error('killed');
        });
      } catch {
        ended = false;
      }
      finishRestore(folder); // what every start does first
      finishRestore(folder);
      if (!ended && kill === 0) discard(folder); // it was never decided
      seen.add(state(folder.root));
      if (kill > 0) expect(state(folder.root)).toBe('new');
      expect(existsSync(join(folder.root, 'gateway', 'restore', 'plan.json'))).toBe(false);
      if (ended) break;
    }
    expect([...seen]).toEqual(['old', 'new']);
  });

  it('within the same second as the one before keeps what that one brought', async () => {
    const folder = used();
    const now = Date.now();
    const kept: (string | undefined)[] = [];
    for (let i = 0; i < 2; i += 1) kept.push(commitRestore(folder, await stageBackup(folder, backup), now));
    expect(textAt(kept[0] ?? '', 'gateway/config.json')).toBe('old');
    expect(textAt(kept[1] ?? '', 'gateway/config.json')).toBe('{"port":1}');
  });

  it('of a backup that is not whole, or while another process has the directory, changes nothing', async () => {
    const folder = used();
    const broken = join(folder.root, 'broken.tar.gz');
    const bytes = readFileSync(backup);
    writeFileSync(broken, bytes.subarray(0, bytes.length / 2));
    for (const none of [broken, folder.root])
      await expect(stageBackup(folder, none)).rejects.toMatchObject({ code: 'backup_damaged' });
    expect(existsSync(join(folder.root, 'gateway', 'restore'))).toBe(false);
    expect(state(folder.root)).toBe('old');
    const lock = FolderLock.acquire(folder.root);
    try {
      const manifest = await stageBackup(folder, backup);
      expect(() =>
        commitRestore(folder, manifest, Date.now(), () => {
          if (existsSync(join(folder.root, 'gateway', 'restore', 'plan.json'))) throw new Error('killed');
        }),
      ).toThrow('killed');
      expect(() => finishRestore(folder)).toThrow(/is using/u);
      expect(state(folder.root)).toBe('old');
    } finally {
      lock.release();
    }
    finishRestore(folder);
    expect(state(folder.root)).toBe('new');
  });
});
