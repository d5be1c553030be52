import { defined } from '../../base/defined.ts';
import { ConfigError, GatewayError } from '../../base/errors.ts';
import type { Config } from '../config/schema.ts';
import { writeTarget } from '../send/target.ts';
import { machineZone } from '../time-zone.ts';
import { plannedNext } from './due.ts';
import { needZone } from './local-time.ts';
import { parseMoment } from './parse.ts';
import { newSchedule, optionsOf, parseWords } from './requests.ts';
import type { ScheduleRecord } from './schedule-record.ts';

export type ConfigSchedule = NonNullable<Config['schedules']>[number];

/**
 * The schedules as the configuration says now: new and changed ones whole, and the ids that it names no more. One whose
 * time did not change keeps what it knows of its runs, and its pause. Throws ConfigError that names the entry.
 */
export function followConfig(
  entries: readonly ConfigSchedule[],
  known: ReadonlyMap<string, ScheduleRecord>,
  zone: () => string, // not asked for without an entry: ICU takes 6 ms to find the machine's
  now: number,
): { readonly changed: readonly ScheduleRecord[]; readonly gone: readonly string[] } {
  const changed: ScheduleRecord[] = [];
  const named = new Set<string>();
  for (const [i, entry] of entries.entries()) {
    const { id } = entry;
    if (named.has(id))
      throw new ConfigError(`schedules.${i}.id: "${id}" is defined twice`, 'Give each schedule its own id.');
    named.add(id);
    const before = known.get(id);
    const after = follow(entry, i, before, zone(), now);
    if (before === undefined || before.source !== 'config' || !sameText(before, after)) changed.push(after);
  }
  const gone = [...known.values()].filter(({ source, id }) => source === 'config' && !named.has(id));
  return { changed, gone: gone.map(({ id }) => id) };
}

/** Throws ConfigError for the first entry that cannot be. */
export function checkEntries(entries: readonly ConfigSchedule[]): void {
  followConfig(entries, new Map(), () => machineZone(), Date.now());
}

function follow(
  entry: ConfigSchedule,
  index: number,
  before: ScheduleRecord | undefined,
  zone: string,
  now: number,
): ScheduleRecord {
  const made = read(entry, index, zone, now);
  if (before === undefined || !sameTime(before, made)) {
    made.nextRunAt = plannedNext(made, now);
    if (made.nextRunAt === undefined) made.endedAt = now;
    return made;
  }
  const { words, prompt, targets, quietToken, overlap, missedMs, zone: where } = made;
  return { ...before, source: 'config', words, prompt, targets, quietToken, overlap, missedMs, zone: where };
}

function read(entry: ConfigSchedule, index: number, zone: string, now: number): ScheduleRecord {
  try {
    const { at, ...rest } = entry;
    const where = entry.timezone === undefined ? zone : needZone(entry.timezone);
    // A date is a date, whether it has ended or not: the file is read at every start.
    const parsed =
      at !== undefined && entry.every === undefined && entry.cron === undefined
        ? {
            spec: { kind: 'at' as const, at: parseMoment(at, where) },
            zone: where,
            words: undefined,
            prompt: entry.prompt,
          }
        : parseWords({ ...rest, ...defined({ at }) }, zone, now);
    return newSchedule({ parsed, source: 'config', id: entry.id, ...optionsOf(entry) }, now);
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    throw new ConfigError(`schedules.${index} ("${entry.id}"): ${error.message}`, error.hint);
  }
}

/** The same time of the same zone: a distance keeps the moment that it is counted from. */
function sameTime(a: ScheduleRecord, b: ScheduleRecord): boolean {
  if (a.zone !== b.zone || a.words !== b.words || a.spec.kind !== b.spec.kind) return false;
  if (a.spec.kind === 'cron' && b.spec.kind === 'cron') return a.spec.cron === b.spec.cron;
  return a.spec.kind !== 'at' || b.spec.kind !== 'at' || a.spec.at === b.spec.at;
}

function sameText(a: ScheduleRecord, b: ScheduleRecord): boolean {
  return (
    sameTime(a, b) &&
    a.prompt === b.prompt &&
    a.quietToken === b.quietToken &&
    a.overlap === b.overlap &&
    a.missedMs === b.missedMs &&
    a.targets.map(writeTarget).join() === b.targets.map(writeTarget).join()
  );
}
