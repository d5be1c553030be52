/**
 * When a schedule runs next. Pure: the same spec, zone and moment always give the same answer. A wall-clock time that
 * a clock change leaves out runs at the first moment after the gap; one that comes twice runs at the first of the two.
 */

import { Cron } from 'croner';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { messageOf } from '../../base/errors.ts';
import { ChatError, type ChatText, raw, say } from '../language/chat-text.ts';
import { dayNumber, knownZone, wallTime } from '../time-zone.ts';

export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

/** When a schedule runs. Wall-clock kinds are read in the schedule's time zone. */
const SpecSchema = Type.Union([
  /** Five fields: minute, hour, day of month, month, day of week. */
  Type.Object({ kind: Type.Literal('cron'), cron: Type.String() }),
  /** A fixed distance in absolute time, counted from `anchor`: a clock change moves it on the wall. */
  Type.Object({
    kind: Type.Literal('interval'),
    everyMs: Type.Integer({ minimum: MINUTE_MS }),
    anchor: Type.Integer(),
  }),
  /** Every so many calendar days at the wall-clock time that `anchor` had. */
  Type.Object({
    kind: Type.Literal('days'),
    every: Type.Integer({ minimum: 1, maximum: 366 }),
    anchor: Type.Integer(),
  }),
  /** Once. */
  Type.Object({ kind: Type.Literal('at'), at: Type.Integer() }),
]);

export type ScheduleSpec =
  | { readonly kind: 'cron'; readonly cron: string }
  | { readonly kind: 'interval'; readonly everyMs: number; readonly anchor: number }
  | { readonly kind: 'days'; readonly every: number; readonly anchor: number }
  | { readonly kind: 'at'; readonly at: number };

/** A spec as it was stored. Throws GatewayError `bad_schedule`. */
export function readSpec(json: string): ScheduleSpec {
  const value: unknown = JSON.parse(json);
  if (Value.Check(SpecSchema, value)) return value;
  throw badSchedule(raw('a stored schedule cannot be read'), raw('Remove it and make it again.'));
}

/** The spec in words, as a list shows it. */
export function describeSpec(spec: ScheduleSpec): ChatText {
  switch (spec.kind) {
    case 'cron':
      return say('schedule.cron', { cron: spec.cron });
    case 'interval':
      return say('schedule.every', { words: duration(spec.everyMs) });
    case 'days':
      return say('schedule.everyDays', { n: spec.every });
    case 'at':
      return say('schedule.once');
  }
}

function duration(ms: number): string {
  const parts = [
    [Math.floor(ms / DAY_MS), 'd'],
    [Math.floor((ms % DAY_MS) / HOUR_MS), 'h'],
    [Math.floor((ms % HOUR_MS) / MINUTE_MS), 'm'],
  ] as const;
  const text = parts
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count}${unit}`)
    .join('');
  return text === '' ? `${Math.round(ms / 1000)}s` : text;
}

export function badSchedule(message: ChatText, hint: ChatText): ChatError {
  return new ChatError('bad_schedule', message, { status: 400, hint });
}

/** The first run strictly after `after` (epoch milliseconds); undefined when there is none. */
export function nextRun(spec: ScheduleSpec, zone: string, after: number): number | undefined {
  switch (spec.kind) {
    case 'at':
      return spec.at > after ? spec.at : undefined;
    case 'interval': {
      const { anchor, everyMs } = spec;
      return anchor + Math.max(1, Math.floor((after - anchor) / everyMs) + 1) * everyMs;
    }
    case 'days':
      return nextDay(spec, zone, after);
    case 'cron':
      return cronNext(spec.cron, zone, after);
  }
}

/** The next `count` runs after a moment. */
export function nextRuns(spec: ScheduleSpec, zone: string, after: number, count: number): number[] {
  const runs: number[] = [];
  let at: number | undefined = after;
  while (runs.length < count) {
    at = nextRun(spec, zone, at);
    if (at === undefined) break;
    runs.push(at);
  }
  return runs;
}

function nextDay(
  { every, anchor }: Extract<ScheduleSpec, { kind: 'days' }>,
  zone: string,
  after: number,
): number | undefined {
  const { hour, minute } = wallTime(anchor, zone);
  const first = dayNumber(anchor, zone);
  const cron = `${minute} ${hour} * * *`;
  // An anchor ahead is the first run itself; one that is over only says which days count.
  let at = cronNext(cron, zone, Math.max(after, anchor - 1));
  // Every further try is a day later: at most `every` of them.
  while (at !== undefined && (dayNumber(at, zone) - first) % every !== 0) at = cronNext(cron, zone, at);
  return at;
}

function cronNext(cron: string, zone: string, after: number): number | undefined {
  return compile(cron, zone).nextRun(new Date(after))?.getTime();
}

const compiled = new Map<string, Cron>();
const COMPILED_MAX = 500;

/** Reading a pattern costs more than asking it; what is kept is only a cache of a pure function. */
function compile(cron: string, zone: string): Cron {
  const key = `${zone}\n${cron}`;
  const known = compiled.get(key);
  if (known !== undefined) return known;
  const made = new Cron(cron, {
    timezone: zone,
    paused: true,
    mode: '5-part',
    // Lists of hours are fixed times too: "0 2,14 * * *" runs once where 2:00 comes twice, and not never in a gap.
    fixedTimeRule: 'no-wildcard',
  });
  if (compiled.size >= COMPILED_MAX) compiled.clear();
  compiled.set(key, made);
  return made;
}

/** Reads a cron expression of five fields. Throws GatewayError `bad_schedule`, also for one that never runs. */
export function checkCron(cron: string, zone: string, now: number): string {
  const text = cron.trim().replace(/\s+/g, ' ');
  const fail = (why: string): never => {
    throw badSchedule(say('schedule.notCron', { text: text.slice(0, 60), why }), say('schedule.cronHint'));
  };
  if (!text.startsWith('@') && text.split(' ').length !== 5) fail(`it has ${text.split(' ').length} fields`);
  let next: number | undefined;
  try {
    next = cronNext(text, zone, now);
  } catch (error) {
    fail(messageOf(error).replace(/^CronPattern: /, ''));
  }
  if (next === undefined) fail('it never runs');
  return text;
}

/** The name of a time zone as the machine spells it; undefined for a word that is none. */
export function findZone(name: string): string | undefined {
  // An offset or an abbreviation has no clock changes: anyone who writes "CET" hardly means that.
  return /^(?:[A-Za-z_]+(?:\/[\w+-]+)+|UTC)$/i.test(name) ? knownZone(name) : undefined;
}

/** A time zone that was asked for by name. Throws GatewayError `bad_schedule`. */
export function needZone(name: string): string {
  const zone = findZone(name);
  if (zone !== undefined) return zone;
  throw badSchedule(say('schedule.notZone', { name: name.slice(0, 60) }), say('schedule.zoneHint'));
}
