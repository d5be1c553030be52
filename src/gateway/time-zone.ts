/** Time zones: the one of the machine, and what a clock in any of them shows. */
import { realpathSync } from 'node:fs';

const DAY_MS = 86_400_000;

const formats = new Map<string, Intl.DateTimeFormat>();

/** Making a formatter costs about 50 µs; what is kept is only a cache. */
function format(zone: string, locale = 'en-GB'): Intl.DateTimeFormat {
  const key = `${locale} ${zone}`;
  let found = formats.get(key);
  if (found === undefined) {
    found = new Intl.DateTimeFormat(locale, {
      timeZone: zone,
      calendar: 'gregory',
      numberingSystem: 'latn',
      weekday: 'short',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    });
    formats.set(key, found);
  }
  return found;
}

interface WallTime {
  readonly year: number;
  /** 1–12. */
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  /** "Mon". */
  readonly weekday: string;
}

export function wallTime(at: number, zone: string): WallTime {
  const parts = new Map(
    format(zone)
      .formatToParts(at)
      .map(({ type, value }) => [type, value]),
  );
  const number = (name: Intl.DateTimeFormatPartTypes): number => Number(parts.get(name));
  return {
    year: number('year'),
    month: number('month'),
    day: number('day'),
    hour: number('hour'),
    minute: number('minute'),
    weekday: parts.get('weekday') ?? '',
  };
}

/**
 * The moment a wall clock shows the given local time. In a spring gap that time does not exist: the moment just
 * after the gap is meant. In an autumn overlap the first of the two is meant.
 */
export function momentOf(year: number, month: number, day: number, hour: number, timeZone: string): number {
  const asUtc = Date.UTC(year, month - 1, day, hour);
  const offsetAt = (at: number): number => {
    const local = wallTime(at, timeZone);
    return Date.UTC(local.year, local.month - 1, local.day, local.hour, local.minute) - at;
  };
  const before = offsetAt(asUtc - 24 * 3_600_000);
  const after = offsetAt(asUtc + 24 * 3_600_000);
  const early = asUtc - Math.max(before, after);
  const late = asUtc - Math.min(before, after);
  if (offsetAt(early) === asUtc - early) return early;
  if (offsetAt(late) === asUtc - late) return late;
  return asUtc - before; // the local time falls into the gap
}

/** Days since the epoch of the calendar day that the zone has at that moment. */
export function dayNumber(at: number, zone: string): number {
  const { year, month, day } = wallTime(at, zone);
  return Date.UTC(year, month - 1, day) / DAY_MS;
}

const two = (n: number): string => String(n).padStart(2, '0');

/** `Thu 2026-12-24 09:00`, in that zone. */
export function writeTime(at: number, zone: string): string {
  const { weekday, year, month, day, hour, minute } = wallTime(at, zone);
  return `${weekday} ${year}-${two(month)}-${two(day)} ${two(hour)}:${two(minute)}`;
}

/** The same as people write it in a locale: `Do., 24.12.2026, 09:00`. */
export function writeTimeIn(locale: string, at: number, zone: string): string {
  return format(zone, locale).format(at);
}

/**
 * An IANA name that every `Intl` call takes. `TZ` may be a path (`:/etc/localtime`), a POSIX rule (`UTC+2`), empty, or
 * a name that no one knows: `Intl` then reports no zone, or one that it refuses itself.
 */
export function machineZone(env: NodeJS.ProcessEnv = process.env): string {
  const tz = env['TZ'];
  const path = tz === undefined ? undefined : /^:?(\/.*)$/.exec(tz)?.[1];
  const named = path === undefined ? undefined : zoneOfPath(path);
  if (named !== undefined) return named;
  const reported: string | undefined = Intl.DateTimeFormat().resolvedOptions().timeZone;
  return knownZone(reported) ?? zoneOfOffset(new Date().getTimezoneOffset());
}

/** Why the machine's zone is only a guess, one sentence; undefined when it is known. */
export function machineZoneProblem(env: NodeJS.ProcessEnv = process.env): string | undefined {
  const tz = env['TZ'];
  if (tz === undefined || tz === '' || /^:?\//.test(tz)) return undefined;
  const reported: string | undefined = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (knownZone(reported) !== undefined) return undefined;
  return `TZ="${tz}" is not an IANA time zone: times without a zone are read as ${machineZone(env)}`;
}

/**
 * Makes local times of this process and its children agree with `machineZone`: Node itself reads a path in `TZ` as
 * UTC. Costs nothing for a usual `TZ`.
 */
export function settleTimeZone(env: NodeJS.ProcessEnv): void {
  const tz = env['TZ'];
  if (tz === '' || (tz !== undefined && /^:?\//.test(tz))) env['TZ'] = machineZone(env);
}

/** The name as the machine spells it; undefined for one that it does not know. */
export function knownZone(name: string | undefined): string | undefined {
  if (name === undefined || name === '') return undefined;
  try {
    return new Intl.DateTimeFormat('en-GB', { timeZone: name }).resolvedOptions().timeZone;
  } catch {
    return undefined;
  }
}

/** `/etc/localtime` is a link to `…/zoneinfo/Europe/Berlin`. */
function zoneOfPath(path: string): string | undefined {
  try {
    return knownZone(/\/zoneinfo(?:\/(?:posix|right))?\/(.+)$/.exec(realpathSync(path))?.[1]);
  } catch {
    return undefined; // no such file
  }
}

/** Whole hours have a zone of their own; its sign is that of POSIX, west is positive. */
function zoneOfOffset(minutesWest: number): string {
  const hours = minutesWest / 60;
  if (hours === 0 || !Number.isInteger(hours)) return 'UTC';
  return knownZone(`Etc/GMT${hours > 0 ? '+' : ''}${hours}`) ?? 'UTC';
}
