import { messageOf } from '../errors.ts';
import { damaged } from './damage.ts';
import type { Engine } from './engine.ts';
import { parseStatements, provenAfter, readLine } from './record.ts';
import { parseHeader, type SegmentName } from './segment.ts';

export interface ReplayTask {
  readonly segment: SegmentName;
  readonly bytes: Buffer;
  /** Records up to this one are in the database already. */
  readonly seq: number;
  /** The first record of the next segment: what stands here from that number on was given up. */
  readonly nextFirst: number | undefined;
  /** The database the segment has to belong to; undefined while none is known. */
  readonly store: string | undefined;
}

export interface Replayed {
  /** The last record of the segment. */
  readonly last: number;
  /** Where the segment's good part ends. */
  readonly end: number;
}

/**
 * Applies a segment's records to a database. A torn end is left out (the caller sees `end` < length).
 * @throws GatewayError `storage_damaged` when something that had been acknowledged cannot be read
 */
export function replaySegment(engine: Engine, task: ReplayTask): Replayed {
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
      if (line.seq !== seq + 1)
        throw damaged(path, offset, `record ${line.seq} stands where ${seq + 1} belongs`);
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
function apply(engine: Engine, json: string, dictionary: string[], wanted: boolean): void {
  for (const statement of parseStatements(json)) {
    let sql: string | undefined;
    if (typeof statement.sql === 'string') {
      sql = statement.sql;
      dictionary.push(sql);
    } else {
      sql = dictionary[statement.sql];
    }
    if (sql === undefined) throw new Error(`statement ${statement.sql} is not in this segment`);
    if (!wanted) continue;
    const prepared = engine.prepare(sql);
    const { changes } = prepared.change(statement.params);
    if (prepared.kind === 'schema') engine.forgetStatements();
    if (changes !== statement.changes)
      throw new Error(`it changed ${changes} rows, ${statement.changes} the first time`);
  }
}
