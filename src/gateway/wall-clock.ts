/** Wall-clock readings in a time zone. */

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

export interface WallTime {
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
