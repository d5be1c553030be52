import { randomUUID } from 'node:crypto';
import { open } from 'node:fs/promises';
import { nodeDisk } from '../disk.ts';
import type { Leadership } from './leadership.ts';
import type { PgLink } from './link.ts';
import { CHUNK, NEWEST_SNAPSHOT, PUBLISH, PUT_CHUNK } from './tables.ts';

const CHUNK_BYTES = 1024 * 1024;

/** Stores a file as a snapshot with the records up to `seq`, of this term. Answers its size. */
export async function upload(
  { link, leadership }: { readonly link: PgLink; readonly leadership: Leadership },
  path: string,
  database: string,
  seq: number,
): Promise<number> {
  const { term } = leadership;
  const id = randomUUID();
  const file = await open(path, 'r');
  try {
    let bytes = 0;
    for (let part = 0; ; part += 1) {
      const { buffer, bytesRead } = await file.read({
        buffer: Buffer.alloc(CHUNK_BYTES),
        position: bytes,
      });
      if (bytesRead === 0) break;
      const chunk = buffer.subarray(0, bytesRead);
      const { count } = await link.query(PUT_CHUNK, [term, database, id, part, chunk], 30_000);
      if (count === 0) throw leadership.lose();
      bytes += bytesRead;
    }
    const { count } = await link.query(PUBLISH, [term, database, seq, bytes, id]);
    if (count === 0) throw leadership.lose();
    return bytes;
  } finally {
    await file.close();
  }
}

/** Writes the newest snapshot to `path`; its size, 0 when there is none yet. */
export async function download(link: PgLink, database: string, path: string): Promise<number> {
  const { rows } = await link.query<{ id: string; bytes: string }>(NEWEST_SNAPSHOT, [database]);
  const snapshot = rows[0];
  if (snapshot === undefined) return 0;
  const bytes = Number(snapshot.bytes);
  const file = await nodeDisk.open(path, 'create');
  try {
    let size = 0;
    for (let part = 0; size < bytes; part += 1) {
      const { rows: chunks } = await link.query<{ data: Buffer }>(CHUNK, [database, snapshot.id, part]);
      const data = chunks[0]?.data;
      // A newer snapshot has taken its place in the meantime: that is an error of the moment, and the caller asks again.
      if (data === undefined) throw new Error(`the snapshot of ${database} changed while it was read`);
      await file.write(data, size);
      size += data.length;
    }
  } finally {
    await file.close();
  }
  return bytes;
}
