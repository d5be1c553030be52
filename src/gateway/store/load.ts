import { dirname } from 'node:path';
import { GatewayError, messageOf } from '../errors.ts';
import { damaged } from './damage.ts';
import type { Disk } from './disk.ts';
import { Engine } from './engine.ts';
import { createMeta, FORMAT, type Meta, readMeta } from './meta.ts';
import { readLine } from './record.ts';
import { type Replayed, replaySegment } from './replay.ts';
import { parseHeader, type SegmentName, segmentsOf } from './segment.ts';
import { checkStamp } from './snapshot.ts';

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
  const bytes = await disk.read(path);
  const snapshot = bytes !== undefined && bytes.length > 0 ? bytes : undefined;
  const stamp = snapshot === undefined ? 'intact' : checkStamp(snapshot);
  if (stamp === 'wrong') throw damaged(path, 0, 'its checksum does not fit its content');
  const engine = await openEngine(path, snapshot);
  try {
    const meta = snapshot === undefined ? undefined : metaOf(path, stamp, engine);
    return await replayAll(task, engine, segments, meta, snapshot?.length ?? 0);
  } catch (error) {
    engine.close();
    throw error;
  }
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

async function replayAll(
  task: LoadTask,
  engine: Engine,
  found: readonly SegmentName[],
  meta: Meta | undefined,
  snapshotBytes: number,
): Promise<Loaded> {
  const segments = [...found];
  const leftovers: string[] = [];
  const contents = new Map<string, Buffer>();
  const contentOf = async (segment: SegmentName): Promise<Buffer> => {
    const known = contents.get(segment.path);
    if (known !== undefined) return known;
    const read = await task.disk.read(segment.path);
    if (read === undefined) throw damaged(segment.path, 0, 'it disappeared while it was being read');
    const buffer = Buffer.from(read.buffer, read.byteOffset, read.byteLength);
    contents.set(segment.path, buffer);
    return buffer;
  };

  let store = meta?.store;
  if (meta === undefined) {
    const first = segments[0];
    const line = first === undefined ? undefined : readLine(await contentOf(first), 0);
    store = (line === undefined ? undefined : parseHeader(line.json)?.store) ?? task.newStore;
    createMeta(engine, store);
  }
  let seq = meta?.seq ?? 0;
  const closed: (SegmentName & { size: number })[] = [];
  let open: OpenSegment | undefined;

  engine.beginReplay();
  for (let i = 0; i < segments.length; i++) {
    const segment = segments[i];
    if (segment === undefined) continue;
    const next = segments[i + 1];
    const nextFirst = next?.first ?? task.before;
    if (nextFirst !== undefined && nextFirst <= seq + 1) {
      leftovers.push(segment.path);
      continue;
    }
    // A crash while the next segment was being born leaves one without a first line: this one is still the last.
    const unborn =
      next !== undefined && i + 2 === segments.length && readLine(await contentOf(next), 0) === undefined;
    const bytes = await contentOf(segment);
    const replayed: Replayed | undefined = replaySegment(engine, {
      segment,
      bytes,
      seq,
      nextFirst: unborn ? undefined : nextFirst,
      store,
    });
    contents.delete(segment.path);
    if (replayed === undefined || (nextFirst === undefined && replayed.last < seq)) {
      leftovers.push(segment.path);
      continue;
    }
    seq = replayed.seq;
    if (nextFirst === undefined || unborn) {
      open = {
        ...segment,
        end: replayed.end,
        torn: bytes.length - replayed.end,
        dictionary: replayed.dictionary,
      };
      if (unborn) {
        leftovers.push(next.path);
        break;
      }
    } else {
      closed.push({ ...segment, size: bytes.length });
    }
  }
  engine.endReplay();
  return {
    engine,
    store: store ?? task.newStore,
    seq,
    snapshotSeq: meta?.seq ?? 0,
    snapshotBytes,
    closed,
    open,
    leftovers,
  };
}
