/**
 * When a schedule runs next. Pure: the same spec, zone and moment always give the same answer. A wall-clock time that
 * a clock change leaves out runs at the first moment after the gap; one that comes twice runs at the first of the two.
 */

import { Cron } from 'croner';
import { messageOf } from '../../base/errors.ts';
import { say } from '../language/chat-text.ts';
import { dayNumber, wallTime } from '../time-zone.ts';
import { badSchedule, type ScheduleSpec } from './spec.ts';

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
