import { dirname } from 'node:path';
import { GatewayError, messageOf } from '../errors.ts';
import { damaged } from './damage.ts';
import type { Disk } from './disk.ts';
import { Engine } from './engine.ts';
import { refuseHotJournal } from './hot-journal.ts';
import { createMeta, FORMAT, type Meta, readMeta } from './meta.ts';
import { provenAfter, readLine } from './record.ts';
import { replaySegment } from './replay.ts';
import { parseHeader, type SegmentName, segmentsOf } from './segment.ts';
import { checkStamp } from './snapshot.ts';
import { isInWalMode, mergeWal } from './wal.ts';

/** The segment that goes on growing. */
export interface OpenSegment extends SegmentName {
  /** Where its good part ends; `torn` bytes follow that a crash left behind. */
  readonly end: number;
  readonly torn: number;
  readonly dictionary: readonly string[];
}

export interface Loaded {
  readonly engine: Engine;
  readonly store: string;
  /** The last record in the database. */
  readonly seq: number;
  /** The last record in the snapshot; 0 without one. */
  readonly snapshotSeq: number;
  readonly snapshotBytes: number;
  /** Earlier segments that replay still needs. */
  readonly closed: readonly (SegmentName & { readonly size: number })[];
  readonly open: OpenSegment | undefined;
  /** The snapshot was put into WAL mode by another program: its log is read, and has to go with the next snapshot. */
  readonly inWalMode: boolean;
  /** Segments that a snapshot has replaced, or that a crash left unborn: to be removed. */
  readonly leftovers: readonly string[];
}

export interface LoadTask {
  readonly disk: Disk;
  readonly path: string;
  /** Stop before this record, and take every segment that reaches to it as finished. */
  readonly before?: number;
  /** Name for a database that does not exist yet. */
  readonly newStore: string;
}

/**
 * Reads snapshot and journal into memory. Changes no file.
 * @throws GatewayError `storage_damaged`, `storage_newer`, `storage_foreign`
 */
export async function loadStore(task: LoadTask): Promise<Loaded> {
  const { disk, path } = task;
  const names = await disk.list(dirname(path));
  const segments = segmentsOf(path, names).filter((s) => task.before === undefined || s.first < task.before);
  const snapshot = await readSnapshot(disk, path);
  const stamp = snapshot === undefined ? 'intact' : checkStamp(snapshot.bytes);
  if (stamp === 'wrong') throw damaged(path, 0, 'its checksum does not fit its content');
  const engine = await openEngine(path, snapshot?.bytes);
  try {
    const meta = snapshot === undefined ? undefined : metaOf(path, stamp, engine);
    return {
      engine,
      ...(await replayJournal(task, engine, segments, meta)),
      snapshotSeq: meta?.seq ?? 0,
      snapshotBytes: snapshot?.bytes.length ?? 0,
      inWalMode: snapshot?.inWalMode ?? false,
    };
  } catch (error) {
    engine.close();
    throw error;
  }
}

interface Snapshot {
  readonly bytes: Uint8Array;
  readonly inWalMode: boolean;
}

async function readSnapshot(disk: Disk, path: string): Promise<Snapshot | undefined> {
  const bytes = await disk.read(path);
  if (bytes === undefined || bytes.length === 0) return undefined;
  await refuseHotJournal(path, disk);
  if (!isInWalMode(bytes)) return { bytes, inWalMode: false };
  const wal = await disk.read(`${path}-wal`);
  return { bytes: mergeWal(bytes, wal ?? new Uint8Array()), inWalMode: true };
}

async function openEngine(path: string, snapshot: Uint8Array | undefined): Promise<Engine> {
  try {
    return await Engine.open(snapshot);
  } catch (error) {
    throw damaged(path, 0, messageOf(error), error);
  }
}

function metaOf(path: string, stamp: 'intact' | 'unknown', engine: Engine): Meta {
  let meta: Meta | undefined;
  try {
    meta = readMeta(engine);
  } catch (error) {
    throw damaged(path, 0, messageOf(error), error);
  }
  if (meta === undefined)
    throw new GatewayError('storage_foreign', `${path} was not written by this program`, {
      hint: `Move ${path} away, or restore the one that belongs to this gateway.`,
    });
  // Somebody wrote to the file with another program: SQLite itself has to say whether it is in order.
  const integrity = stamp === 'intact' ? 'ok' : engine.integrity();
  if (integrity !== 'ok') throw damaged(path, 0, integrity);
  if (meta.format > FORMAT)
    throw new GatewayError('storage_newer', `${path} was written by a newer version of the gateway`, {
      hint: 'Install that version again, or restore the backup made before the upgrade.',
    });
  return meta;
}

interface Journaled {
  readonly store: string;
  readonly seq: number;
  readonly closed: Loaded['closed'];
  readonly open: OpenSegment | undefined;
  readonly leftovers: readonly string[];
}

async function replayJournal(
  task: LoadTask,
  engine: Engine,
  found: readonly SegmentName[],
  meta: Meta | undefined,
): Promise<Journaled> {
  const { disk, before } = task;
  const segments = [...found];
  const leftovers: string[] = [];
  const newest = segments.at(-1);
  const newestBytes = newest === undefined ? undefined : await contentOf(disk, newest);
  // A crash while a segment was being made leaves one without a first line; nothing was ever written to it.
  if (newest !== undefined && newestBytes !== undefined && isUnborn(newestBytes, newest.first)) {
    leftovers.push(newest.path);
    segments.pop();
  }
  let seq = meta?.seq ?? 0;
  let store = meta?.store;
  if (meta === undefined) {
    store = await storeOf(disk, segments[0]);
    createMeta(engine, store ?? task.newStore);
  }
  const closed: (SegmentName & { readonly size: number })[] = [];
  let open: OpenSegment | undefined;
  engine.beginReplay();
  for (const [index, segment] of segments.entries()) {
    const nextFirst = segments[index + 1]?.first ?? before;
    if (nextFirst !== undefined && nextFirst <= seq + 1) {
      leftovers.push(segment.path);
      continue;
    }
    const bytes =
      segment === newest && newestBytes !== undefined ? newestBytes : await contentOf(disk, segment);
    const { last, end, dictionary } = replaySegment(engine, { segment, bytes, seq, nextFirst, store });
    if (nextFirst !== undefined) closed.push({ ...segment, size: bytes.length });
    else if (last < seq) leftovers.push(segment.path);
    else open = { ...segment, end, torn: bytes.length - end, dictionary };
    seq = Math.max(seq, last);
  }
  engine.endReplay();
  return { store: store ?? task.newStore, seq, closed, open, leftovers };
}

async function contentOf(disk: Disk, { path }: SegmentName): Promise<Buffer> {
  const bytes = await disk.read(path);
  if (bytes === undefined) throw damaged(path, 0, 'it disappeared while it was being read');
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function isUnborn(bytes: Buffer, first: number): boolean {
  return readLine(bytes, 0) === undefined && !provenAfter(bytes, 0, first - 1);
}

/** The database that a journal without a snapshot belongs to. */
async function storeOf(disk: Disk, segment: SegmentName | undefined): Promise<string | undefined> {
  if (segment === undefined) return undefined;
  const line = readLine(await contentOf(disk, segment), 0);
  return line === undefined ? undefined : parseHeader(line.json)?.store;
}
