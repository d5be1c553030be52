import { randomBytes } from 'node:crypto';
import { mkdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { systemClock } from '../../base/async.ts';
import { GatewayError } from '../../base/errors.ts';
import { adoptLegacy } from '../adopt.ts';
import type { DatabaseOptions } from '../backing.ts';
import { nodeDisk } from '../disk.ts';
import { loadStore } from '../load.ts';
import { readMeta } from '../meta.ts';
import { segmentsOf } from '../segment.ts';
import { writeSnapshot } from '../snapshot.ts';
import type { Leadership } from './leadership.ts';
import type { PgLink } from './link.ts';
import { upload } from './pg-snapshot.ts';
import type { Replica } from './replica.ts';

/** Where files go whose content is in PostgreSQL: a start without `store.url` must not continue from an old state. */
const ASIDE = 'before-postgres';

interface Target {
  readonly link: PgLink;
  readonly leadership: Leadership;
  readonly database: string;
  readonly scratch: string;
  /** What PostgreSQL has. */
  readonly replica: Replica;
}

/**
 * What a gateway had in files becomes the first snapshot in PostgreSQL, and the files are moved aside. A start that was
 * cut off between the two moves them the next time. Answers whether something was copied.
 * @throws GatewayError `store_twice` when PostgreSQL and the files hold different things
 */
export async function moveFiles(options: DatabaseOptions, target: Target): Promise<boolean> {
  const { path, log, adopt, clock = systemClock } = options;
  const names = await nodeDisk.list(dirname(path));
  if (!names.includes(basename(path)) && segmentsOf(path, names).length === 0) return false;
  const newStore = randomBytes(8).toString('hex');
  if (adopt !== undefined && target.replica.isEmpty)
    await adoptLegacy({ ...options, disk: nodeDisk, path, clock, newStore, adopt });
  const { engine, seq } = await loadStore({ disk: nodeDisk, path, newStore });
  const { replica, database, scratch } = target;
  const copies = replica.isEmpty;
  try {
    if (copies) {
      const file = `${scratch}.${randomBytes(6).toString('hex')}.db`;
      try {
        await writeSnapshot(nodeDisk, file, engine, { seq, epoch: target.leadership.term });
        await upload(target, file, database, seq);
      } finally {
        await rm(file, { force: true });
      }
    } else if (readMeta(engine)?.store !== replica.store || seq > replica.seq) {
      throw new GatewayError('store_twice', `PostgreSQL and ${path} hold different data`, {
        status: 409,
        hint: `To keep what is in PostgreSQL, move ${path} and the files of the same name away. To keep the files, use an empty PostgreSQL database.`,
      });
    }
  } finally {
    engine.close();
  }
  const aside = join(dirname(path), ASIDE);
  await mkdir(aside, { recursive: true, mode: 0o700 });
  const stem = basename(path, '.db');
  for (const name of await nodeDisk.list(dirname(path)))
    if (name === basename(path) || (name.startsWith(`${stem}-`) && name.endsWith('.log')))
      await rename(join(dirname(path), name), join(aside, name));
  log.info('copied the files to PostgreSQL and moved them aside', {
    file: path,
    directory: aside,
    copied: copies,
  });
  return copies;
}
