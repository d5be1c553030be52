/**
 * A store of more than 2 GB: written through the journal, compacted, copied, opened again, cleaned of what was deleted.
 * Each step is a process of its own, so that its memory and its time are its own; rows are counted and compared after
 * each. It takes twice its size on the disk.
 *
 *     node bench/huge-store.ts [--gigabytes 2.2] [--directory /var/tmp]
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { silentLogger } from '../src/base/log.ts';
import { Database } from '../src/store/database.ts';

const { values } = parseArgs({
  options: {
    gigabytes: { type: 'string', default: '2.2' },
    directory: { type: 'string', default: '/var/tmp' },
    step: { type: 'string' },
    at: { type: 'string', default: '' },
  },
});
const ROW_BYTES = 64 * 1024;
const rows = Math.ceil((Number(values.gigabytes) * 1e9) / ROW_BYTES);
const file = join(values.at, 'huge.db');

/** No two rows are alike, and nothing of them is kept beside the store. */
function textOf(id: number): string {
  const seed = createHash('sha512').update(`row ${id}`).digest('hex');
  return seed.repeat(ROW_BYTES / seed.length);
}

function open(path = file): Promise<Database> {
  return Database.open({
    path,
    log: { ...silentLogger, warn: console.error, error: console.error },
    migrations: [
      {
        version: 1,
        name: 'rows',
        statements: ['CREATE TABLE rows (id INTEGER PRIMARY KEY, text TEXT NOT NULL)'],
      },
    ],
  });
}

/** Every row with its text, one at a time. */
function check(db: Database, every: (id: number) => boolean): void {
  let expected = 0;
  for (let id = 0; id < rows; id++) {
    const there = db.get('SELECT text FROM rows WHERE id = ?', [id])?.['text'];
    if (there !== (every(id) ? textOf(id) : undefined)) throw new Error(`row ${id} is not what was stored`);
    if (every(id)) expected++;
  }
  const count = db.get('SELECT count(*) AS n FROM rows')?.['n'];
  if (count !== expected) throw new Error(`${count} rows instead of ${expected}`);
}

const all = (): boolean => true;

const STEPS: Readonly<Record<string, () => Promise<void>>> = {
  async write() {
    const db = await open();
    for (let id = 0; id < rows; id += 16)
      await Promise.all(
        Array.from({ length: Math.min(16, rows - id) }, (_, n) =>
          db.write((tx) => tx.run('INSERT INTO rows (id, text) VALUES (?, ?)', [id + n, textOf(id + n)])),
        ),
      );
    await db.close();
  },
  async compact() {
    const db = await open();
    await db.write((tx) => tx.run('UPDATE rows SET text = ? WHERE id = 0', [textOf(0)]));
    await db.compact();
    await db.close();
  },
  async check() {
    const db = await open();
    check(db, all);
    await db.close();
  },
  async copy() {
    const db = await open();
    await db.copyTo(join(values.at, 'copy.db'), async () => {});
    await db.close();
    const copy = await open(join(values.at, 'copy.db'));
    check(copy, all);
    await copy.close();
  },
  async purge() {
    for (const name of readdirSync(values.at)) if (name.startsWith('copy')) rmSync(join(values.at, name));
    const db = await open();
    for (let id = 1; id < 3; id++)
      await db.write((tx) => tx.run('DELETE FROM rows WHERE id IN (?, ?)', [id, id + 3]));
    await db.purge();
    await db.close();
  },
  async last() {
    const db = await open();
    check(db, (id) => !GONE.has(id));
    await db.close();
  },
};
const GONE = new Set([1, 2, 4, 5]);

async function one(step: string): Promise<void> {
  const work = STEPS[step];
  if (work === undefined) throw new Error(`no step ${step}`);
  const began = performance.now();
  await work();
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  const used = process.cpuUsage();
  const cpu = ((used.user + used.system) / 1e6).toFixed(1);
  const peak = Math.round(process.resourceUsage().maxRSS / 1024);
  process.stdout.write(`${step.padEnd(8)} ${seconds} s (${cpu} s of processor time), peak ${peak} MB\n`);
}

function main(): void {
  const at = mkdtempSync(join(values.directory, 'huge-store-'));
  try {
    for (const step of Object.keys(STEPS)) {
      const args = [import.meta.filename, '--step', step, '--at', at, '--gigabytes', values.gigabytes];
      const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' });
      const files = readdirSync(at).map(
        (name) => `${name} ${(statSync(join(at, name)).size / 1e9).toFixed(2)} GB`,
      );
      process.stdout.write(`         ${files.join(', ')}\n`);
      if (status !== 0) throw new Error(`${step} ended with ${status}`);
    }
  } finally {
    rmSync(at, { recursive: true, force: true });
  }
}

if (values.step === undefined) main();
else await one(values.step);
