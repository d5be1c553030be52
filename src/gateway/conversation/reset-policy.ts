import type { ResetSettings } from '../config/settings.ts';

export type ResetDecision =
  | { readonly reset: false }
  | { readonly reset: true; readonly reason: 'idle' | 'daily'; readonly boundary: number };

/**
 * Is the session due for a new start? Only a user's message moves `lastUserAt`. A clock that jumped backwards
 * (last activity in the future) never resets. With `both`, the boundary that came first gives the reason.
 */
export function resetDecision(settings: ResetSettings, lastUserAt: number, now: number): ResetDecision {
  if (settings.policy === 'none' || now <= lastUserAt) return { reset: false };
  const due: { reason: 'idle' | 'daily'; boundary: number }[] = [];
  if (settings.policy !== 'daily') {
    const boundary = lastUserAt + settings.idleMinutes * 60_000;
    if (now >= boundary) due.push({ reason: 'idle', boundary });
  }
  if (settings.policy !== 'idle') {
    const latest = latestDailyBoundary(now, settings.dailyHour, settings.timeZone);
    if (lastUserAt < latest) due.push({ reason: 'daily', boundary: nextDailyBoundary(lastUserAt, settings) });
  }
  due.sort((a, b) => a.boundary - b.boundary);
  const first = due[0];
  return first === undefined ? { reset: false } : { reset: true, ...first };
}

/** The latest moment at or before `now` at which the wall clock of `timeZone` showed `hour`:00. */
export function latestDailyBoundary(now: number, hour: number, timeZone: string): number {
  const local = wallClock(now, timeZone);
  for (let daysBack = 0; ; daysBack += 1) {
    const boundary = momentOf(local.year, local.month, local.day - daysBack, hour, timeZone);
    if (boundary <= now) return boundary;
  }
}

/** The first boundary after `from`. */
function nextDailyBoundary(from: number, settings: ResetSettings): number {
  const local = wallClock(from, settings.timeZone);
  for (let days = 0; ; days += 1) {
    const boundary = momentOf(
      local.year,
      local.month,
      local.day + days,
      settings.dailyHour,
      settings.timeZone,
    );
    if (boundary > from) return boundary;
  }
}

interface WallClock {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
}

const formats = new Map<string, Intl.DateTimeFormat>();

function wallClock(at: number, timeZone: string): WallClock {
  let format = formats.get(timeZone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    formats.set(timeZone, format); // building one costs about 50 µs
  }
  const parts: Partial<Record<Intl.DateTimeFormatPartTypes, string>> = {};
  for (const part of format.formatToParts(at)) parts[part.type] = part.value;
  const read = (type: Intl.DateTimeFormatPartTypes): number => Number(parts[type]);
  return {
    year: read('year'),
    month: read('month'),
    day: read('day'),
    hour: read('hour'),
    minute: read('minute'),
    second: read('second'),
  };
}

/**
 * The moment a wall clock shows the given local time. In a spring gap that time does not exist: the moment just
 * after the gap is meant. In an autumn overlap the first of the two is meant.
 */
function momentOf(year: number, month: number, day: number, hour: number, timeZone: string): number {
  const asUtc = Date.UTC(year, month - 1, day, hour);
  const offsetAt = (at: number): number => {
    const local = wallClock(at, timeZone);
    return Date.UTC(local.year, local.month - 1, local.day, local.hour, local.minute, local.second) - at;
  };
  const before = offsetAt(asUtc - 24 * 3_600_000);
  const after = offsetAt(asUtc + 24 * 3_600_000);
  const early = asUtc - Math.max(before, after);
  const late = asUtc - Math.min(before, after);
  if (offsetAt(early) === asUtc - early) return early;
  if (offsetAt(late) === asUtc - late) return late;
  return asUtc - before; // the local time falls into the gap
}
