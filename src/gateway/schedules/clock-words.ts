/** Words for times and days, as people write them in a chat. What could mean two things is not read. */

export interface TimeOfDay {
  readonly hour: number;
  readonly minute: number;
}

/** `09:00`, `9.30`, `9am`, `9:30 pm`, `noon`, `midnight`; undefined for anything else, a bare number included. */
export function timeOfDay(word: string): TimeOfDay | undefined {
  const text = word.toLowerCase();
  if (text === 'noon') return { hour: 12, minute: 0 };
  if (text === 'midnight') return { hour: 0, minute: 0 };
  const match = /^(\d{1,2})(?:[:.](\d{2}))?\s?(am|pm)?$/.exec(text);
  if (match === null) return undefined;
  const [, hours = '', minutes, half] = match;
  if (minutes === undefined && half === undefined) return undefined;
  const minute = Number(minutes ?? 0);
  let hour = Number(hours);
  if (half !== undefined) {
    if (hour < 1 || hour > 12) return undefined;
    hour = (hour % 12) + (half === 'pm' ? 12 : 0);
  }
  return hour > 23 || minute > 59 ? undefined : { hour, minute };
}

const DAYS = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'];

/** Cron's number of a weekday, from its name or its first two to four letters. */
export function weekday(word: string): number | undefined {
  const text = word.toLowerCase().replace(/\.$/, '');
  const short = text.endsWith('s') && !DAYS.includes(text) ? text.slice(0, -1) : text; // "mondays"
  const at = DAYS.findIndex(
    (day) => day === short || (text.length >= 2 && text.length <= 4 && day.startsWith(text)),
  );
  return at < 0 ? undefined : at;
}

/** The weekday field of `day`, `weekday`, `weekend`, `monday`, `mon,wed,fri`, `mon-fri`. */
export function dayField(word: string): string | undefined {
  const text = word.toLowerCase();
  if (text === 'day' || text === 'days') return '*';
  if (text === 'weekday' || text === 'weekdays' || text === 'workday') return '1-5';
  if (text === 'weekend' || text === 'weekends') return '0,6';
  const range = /^([a-z]+)-([a-z]+)$/.exec(text);
  if (range !== null) {
    const from = weekday(range[1] ?? '');
    const to = weekday(range[2] ?? '');
    if (from === undefined || to === undefined) return undefined;
    const days = Array.from({ length: ((to - from + 7) % 7) + 1 }, (_, i) => (from + i) % 7);
    return days.join(',');
  }
  const list = text.split(',').map(weekday);
  return list.every((day) => day !== undefined) ? list.join(',') : undefined;
}

const UNITS: Readonly<Record<string, number>> = { m: 1, h: 60, d: 1440, w: 10_080 };

function unitOf(word: string): number | undefined {
  const name = /^(m|min|mins|minute|minutes|h|hr|hrs|hour|hours|d|day|days|w|week|weeks)$/.exec(
    word.toLowerCase(),
  )?.[1];
  return name === undefined ? undefined : UNITS[name.charAt(0)];
}

/** Minutes of `30m`, `1h30m`, `2d`; undefined for anything else. */
export function minutesOf(word: string): number | undefined {
  const pieces = [...word.matchAll(/(\d{1,5})([a-z]+)/gi)];
  if (pieces.length === 0 || pieces.map(([all]) => all).join('') !== word) return undefined;
  let sum = 0;
  for (const [, count, unit] of pieces) {
    const minutes = unitOf(unit ?? '');
    if (minutes === undefined) return undefined;
    sum += Number(count) * minutes;
  }
  return sum;
}

/** Minutes of two words, `30 minutes`; undefined for anything else. */
export function minutesOfTwo(count: string, unit: string): number | undefined {
  const minutes = /^\d{1,5}$/.test(count) ? unitOf(unit) : undefined;
  return minutes === undefined ? undefined : Number(count) * minutes;
}
