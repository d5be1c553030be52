import { dirname } from 'node:path';
import { defined } from '../base/defined.ts';
import { GatewayError, messageOf } from '../base/errors.ts';
import type { Disk } from './disk.ts';
import { damaged, journalMissing } from './disk.ts';
import { Engine } from './engine.ts';
import { limitsOf, parseHeader, type SegmentName, segmentPath, segmentsOf } from './journal.ts';
import { isInWalMode, mergeWal, refuseHotJournal } from './migrations.ts';
import { isFull } from './native-sqlite.ts';
import {
  checkPagedStamp,
  checkStamp,
  createMeta,
  FORMAT,
  inCopy,
  type Meta,
  readMeta,
  type Successor,
  successorOf,
} from './snapshot.ts';
import { parseStatements, provenAfter, readLine, repeat } from './transaction.ts';

interface ReplayTask {
  readonly segment: SegmentName;
  readonly bytes: Buffer;
  /** Records up to this one are in the database already. */
  readonly seq: number;
  /** The first record of the next segment: what is here from that number on was given up. */
  readonly nextFirst: number | undefined;
  /** The database the segment has to belong to; undefined while none is known. */
  readonly store: string | undefined;
}

interface Replayed {
  /** The last record of the segment. */
  readonly last: number;
  /** Where the segment's good part ends. */
  readonly end: number;
}

/**
 * Applies a segment's records to a database. A torn end is left out (the caller sees `end` < length).
 * @throws GatewayError `storage_damaged` when something that had been acknowledged cannot be read
 */
function replaySegment(engine: Engine, task: ReplayTask): Replayed {
  const { segment, bytes, nextFirst } = task;
  const { path, first } = segment;
  const start = readLine(bytes, 0);
  if (start === undefined) throw damaged(path, 0, 'its first line cannot be read');
  const header = parseHeader(start.json);
  if (header === undefined || header.first !== first || start.seq !== first - 1)
    throw damaged(path, 0, 'its first line does not fit its name');
  if (task.store !== undefined && header.store !== task.store)
    throw damaged(path, 0, 'it belongs to another database');
  if (first > task.seq + 1)
    throw damaged(path, 0, `records ${task.seq + 1} to ${first - 1} are missing before it`);

  const dictionary: string[] = [];
  const last = (nextFirst ?? Number.POSITIVE_INFINITY) - 1;
  let seq = first - 1;
  let offset = start.next;
  while (offset < bytes.length && seq < last) {
    const line = readLine(bytes, offset);
    if (line === undefined) {
      if (nextFirst !== undefined || provenAfter(bytes, offset, seq + 1))
        throw damaged(path, offset, `record ${seq + 1} cannot be read`);
      break;
    }
    if (line.json === '') {
      if (line.seq !== seq) throw damaged(path, offset, `record ${seq + 1} is missing`);
    } else {
      if (line.seq !== seq + 1) throw damaged(path, offset, `record ${line.seq} is where ${seq + 1} belongs`);
      seq = line.seq;
      try {
        apply(engine, line.json, dictionary, seq > task.seq);
      } catch (error) {
        throw damaged(path, offset, `record ${seq} cannot be repeated (${messageOf(error)})`, error);
      }
    }
    offset = line.next;
  }
  if (nextFirst !== undefined && seq < last)
    throw damaged(path, bytes.length, `records ${seq + 1} to ${last} are missing at its end`);
  return { last: seq, end: offset };
}

/** Statement numbers are given in order of appearance, so skipped records are read too. */
export function apply(engine: Engine, json: string, dictionary: string[], wanted: boolean): void {
  for (const statement of parseStatements(json)) {
    let sql: string | undefined;
    if (typeof statement.sql === 'string') {
      sql = statement.sql;
      dictionary.push(sql);
    } else {
      sql = dictionary[statement.sql];
    }
    if (sql === undefined) throw new Error(`statement ${statement.sql} is not in this segment`);
    if (wanted) repeat(engine, { ...statement, sql });
  }
}

/** The segment that was written last. */
interface OpenSegment extends SegmentName {
  /** Where its good part ends; `torn` bytes follow that a crash left behind. */
  readonly end: number;
  readonly torn: number;
}

export interface Loaded {
  readonly engine: Engine;
  /** How long snapshot and journal took to be read. */
  readonly tookMs: number;
  readonly store: string;
  /** The last record in the database. */
  readonly seq: number;
  /** The last record in the snapshot; 0 without one. */
  readonly snapshotSeq: number;
  readonly snapshotBytes: number;
  /** Higher than that of every file found. */
  readonly nextEpoch: number;
  /** The segment that the snapshot names. */
  readonly successor: Successor | undefined;
  /** A segment that the snapshot names and that is gone, and that is accepted. */
  readonly lost: string | undefined;
  /** Earlier segments that replay still needs. */
  readonly closed: readonly (SegmentName & { readonly size: number })[];
  readonly open: OpenSegment | undefined;
  /** The snapshot was put into WAL mode by another program: its log is read, and has to go with the next snapshot. */
  readonly inWalMode: boolean;
  /** Another program wrote the snapshot or changed it: every start has to look through all of it. */
  readonly byOthers: boolean;
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
  /** Go on without a journal that the snapshot names and that is gone. */
  readonly acceptLostChanges?: boolean;
  /** This process has looked through the snapshot already. */
  readonly lookedThrough?: boolean;
}

/**
 * Reads snapshot and journal into memory. Changes no file.
 * @throws GatewayError `storage_damaged`, `storage_newer`, `storage_foreign`
 */
export async function loadStore(task: LoadTask): Promise<Loaded> {
  try {
    return await load(task);
  } catch (error) {
    // There was room for a copy of the snapshot, and none for what the journal adds: there is a way without.
    if (task.disk.copies !== true || !isFull(error)) throw error;
    return load({ ...task, disk: { ...task.disk, copies: false } });
  }
}

async function load(task: LoadTask): Promise<Loaded> {
  const { disk, path } = task;
  const began = performance.now();
  const names = await disk.list(dirname(path));
  const found = segmentsOf(path, names);
  const snapshot = (await openPaged(disk, path)) ?? (await readSnapshot(disk, path));
  if (snapshot?.stamp === 'wrong') throw damaged(path, 0, 'its checksum does not fit its content');
  const engine = snapshot?.engine ?? (await openEngine(disk, path, snapshot?.bytes));
  try {
    const meta =
      snapshot === undefined
        ? undefined
        : metaOf(path, task.lookedThrough === true || snapshot.stamp === 'intact', engine);
    const successor = snapshot === undefined ? undefined : successorOf(snapshot.bytes);
    return {
      engine,
      ...(await replayJournal(task, engine, found, meta, successor)),
      successor,
      nextEpoch: Math.max(-1, meta?.epoch ?? -1, ...found.map(({ epoch }) => epoch)) + 1,
      snapshotSeq: meta?.seq ?? 0,
      snapshotBytes: snapshot?.size ?? 0,
      inWalMode: snapshot?.inWalMode ?? false,
      byOthers: snapshot?.stamp === 'unknown',
      tookMs: performance.now() - began,
    };
  } catch (error) {
    engine.close();
    throw error;
  }
}

interface Snapshot {
  /** All of it, or its header when it stays on the disk. */
  readonly bytes: Uint8Array;
  readonly size: number;
  readonly stamp: 'intact' | 'wrong' | 'unknown';
  readonly inWalMode: boolean;
  /** For one that stays on the disk. */
  readonly engine?: Engine;
}

async function readSnapshot(disk: Disk, path: string): Promise<Snapshot | undefined> {
  const bytes = await disk.read(path);
  if (bytes === undefined || bytes.length === 0) return undefined;
  await refuseHotJournal(path, disk);
  const inWalMode = isInWalMode(bytes);
  const wal = inWalMode ? await disk.read(`${path}-wal`) : undefined;
  const whole = inWalMode ? mergeWal(bytes, wal ?? new Uint8Array()) : bytes;
  return { bytes: whole, size: whole.length, stamp: checkStamp(whole), inWalMode };
}

/** A big snapshot of ours stays on the disk: memory and start do not depend on how much history it has. */
async function openPaged(disk: Disk, path: string): Promise<Snapshot | undefined> {
  const file = disk.paged?.(path);
  if (file === undefined) return undefined;
  let engine: Engine | undefined;
  try {
    await refuseHotJournal(path, disk);
    const bytes = await file.readSnapshot(0, 100);
    if (isInWalMode(bytes)) return undefined;
    const stamp = await checkPagedStamp(file);
    if (stamp !== 'wrong') engine = (await inCopy(disk, path, file)) ?? (await Engine.openPaged(file));
    if (stamp !== 'wrong' && engine === undefined) return undefined;
    return { bytes, size: file.size, stamp, inWalMode: false, ...defined({ engine }) };
  } catch (error) {
    throw error instanceof GatewayError ? error : damaged(path, 0, messageOf(error), error);
  } finally {
    if (engine?.paged !== file) file.close();
  }
}

async function openEngine(disk: Disk, path: string, snapshot: Uint8Array | undefined): Promise<Engine> {
  try {
    const copy = await inCopy(disk, path, snapshot ?? new Uint8Array());
    if (copy !== undefined) return copy;
    // Also what is small, or new, will not be for long.
    const paged = disk.paged?.(path, snapshot ?? (await Engine.blank()));
    const engine = paged === undefined ? undefined : await Engine.openPaged(paged);
    if (engine === undefined) paged?.close();
    return engine ?? (await Engine.open(snapshot));
  } catch (error) {
    throw damaged(path, 0, messageOf(error), error);
  }
}

/** Goes on with the snapshot that has just been written, unless the database is in memory. */
export async function reopen(disk: Disk, path: string, engine: Engine): Promise<void> {
  const file = disk.paged?.(path);
  if (file !== undefined) {
    const other = (await inCopy(disk, path, file)) ?? (await Engine.openPaged(file));
    if (other?.paged !== file) file.close();
    if (other !== undefined) engine.takeOver(other);
  } else if (disk.paged !== undefined || disk.copies === true) {
    engine.takeOver(await openEngine(disk, path, await disk.read(path)));
  }
}

function metaOf(path: string, intact: boolean, engine: Engine): Meta {
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
  // Someone wrote to the file with another program: SQLite itself has to say whether it is in order.
  const integrity = intact ? 'ok' : engine.integrity();
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
  readonly lost: string | undefined;
}

async function replayJournal(
  task: LoadTask,
  engine: Engine,
  found: readonly SegmentName[],
  meta: Meta | undefined,
  successor: Successor | undefined,
): Promise<Journaled> {
  const { disk, path, before } = task;
  const leftovers: string[] = [];
  const segments = found.filter((segment) => {
    if (before !== undefined && segment.first >= before) return false;
    // Written by one that had lost the store: the snapshot holds everything up to its own record, and nothing else.
    if (segment.epoch >= (meta?.epoch ?? 0)) return true;
    leftovers.push(segment.path);
    return false;
  });
  const newestBytes = await dropUnborn(disk, segments, leftovers);
  const newest = segments.at(-1);
  const lost = missingSuccessor(path, successor, segments, meta?.epoch ?? 0);
  if (lost !== undefined && before === undefined && !task.acceptLostChanges) throw journalMissing(path, lost);
  let seq = meta?.seq ?? 0;
  let store = meta?.store;
  if (meta === undefined) {
    store = await storeOf(disk, segments[0]);
    createMeta(engine, store ?? task.newStore);
  }
  const closed: (SegmentName & { readonly size: number })[] = [];
  let open: OpenSegment | undefined;
  const limits = limitsOf(segments, before);
  engine.beginReplay();
  for (const [index, segment] of segments.entries()) {
    const nextFirst = limits[index];
    if (nextFirst !== undefined && (nextFirst <= seq + 1 || nextFirst <= segment.first)) {
      leftovers.push(segment.path);
      continue;
    }
    const bytes =
      segment === newest && newestBytes !== undefined ? newestBytes : await contentOf(disk, segment);
    const { last, end } = replaySegment(engine, { segment, bytes, seq, nextFirst, store });
    if (nextFirst !== undefined) closed.push({ ...segment, size: bytes.length });
    else if (last < seq) leftovers.push(segment.path);
    else open = { ...segment, end, torn: bytes.length - end };
    seq = Math.max(seq, last);
  }
  engine.endReplay();
  return { store: store ?? task.newStore, seq, closed, open, leftovers, lost };
}

/**
 * A start that wrote nothing, or was cut off while it made a segment, leaves one without a first line. Answers the
 * content of the newest one that has one.
 */
async function dropUnborn(
  disk: Disk,
  segments: SegmentName[],
  leftovers: string[],
): Promise<Buffer | undefined> {
  for (;;) {
    const newest = segments.at(-1);
    if (newest === undefined) return undefined;
    const bytes = await contentOf(disk, newest);
    if (!isUnborn(bytes, newest.first)) return bytes;
    leftovers.push(newest.path);
    segments.pop();
  }
}

/**
 * What was acknowledged after the snapshot is in the segment it names and those after it: without them the state is
 * an older one. A name from before the snapshot was written late, by one that had lost the store.
 */
function missingSuccessor(
  path: string,
  successor: Successor | undefined,
  segments: readonly SegmentName[],
  snapshotEpoch: number,
): string | undefined {
  if (successor === undefined || successor.epoch < snapshotEpoch) return undefined;
  const { first, epoch } = successor;
  const known = segments.some((each) => each.epoch > epoch || (each.epoch === epoch && each.first >= first));
  return known ? undefined : segmentPath(path, first, epoch);
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
