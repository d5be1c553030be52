/**
 * Relative times, and when their words change next. The console runs no ticking timer: it asks for one wake-up at the
 * moment the first visible label becomes wrong.
 */
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Width of the step in which an age of that size is shown: seconds first, then coarser. */
function step(ageMs: number): number {
  if (ageMs < 10 * SECOND) return SECOND;
  if (ageMs < MINUTE) return 10 * SECOND;
  if (ageMs < HOUR) return MINUTE;
  if (ageMs < DAY) return HOUR;
  return DAY;
}

/** "4s", "20s", "12m", "3h", "2d". */
export function shortDuration(ms: number): string {
  const value = Math.max(0, ms);
  const size = step(value);
  if (size <= 10 * SECOND) return `${(Math.floor(value / size) * size) / SECOND}s`;
  if (size === MINUTE) return `${Math.floor(value / MINUTE)}m`;
  if (size === HOUR) return `${Math.floor(value / HOUR)}h`;
  return `${Math.floor(value / DAY)}d`;
}

/** "3h12m": minutes and hours, for the uptime. */
export function longDuration(ms: number): string {
  const value = Math.max(0, ms);
  if (value < MINUTE) return '<1m';
  const days = Math.floor(value / DAY);
  const hours = Math.floor((value % DAY) / HOUR);
  const minutes = Math.floor((value % HOUR) / MINUTE);
  if (days > 0) return `${days}d${hours}h`;
  return hours > 0 ? `${hours}h${String(minutes).padStart(2, '0')}m` : `${minutes}m`;
}

/** Collects, while rows are drawn, the earliest moment at which one of their labels changes. */
export class Ticker {
  readonly now: number;
  #next: number | undefined;

  constructor(now: number) {
    this.now = now;
  }

  /** Epoch milliseconds of the next change, or undefined when nothing drawn depends on time. */
  get next(): number | undefined {
    return this.#next;
  }

  at(time: number): void {
    if (time > this.now && (this.#next === undefined || time < this.#next)) this.#next = time;
  }

  /** How long ago `time` was. */
  age(time: number): string {
    const age = Math.max(0, this.now - time);
    const size = step(age);
    this.at(time + (Math.floor(age / size) + 1) * size);
    return shortDuration(age);
  }

  /** How long until `time`; minutes, and steps of ten seconds in the last minute. Rounded up. */
  left(time: number): string {
    const left = time - this.now;
    if (left <= 0) return '0s';
    const size = left > MINUTE ? (left > HOUR ? HOUR / 2 : MINUTE) : 10 * SECOND;
    const steps = Math.ceil(left / size);
    this.at(time - (steps - 1) * size + 1);
    if (left > HOUR) return longDuration(steps * size);
    return left > MINUTE ? `${steps}m` : `${(steps * size) / SECOND}s`;
  }

  uptime(since: number): string {
    const up = Math.max(0, this.now - since);
    this.at(since + (Math.floor(up / MINUTE) + 1) * MINUTE);
    return longDuration(up);
  }
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}

/** Local day, `2026-11-30`. */
export function dayOf(at: number): string {
  const date = new Date(at);
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** The time of today, else the day with it: `14:05:09`, `11-29 14:05`, `2025-11-29`. At most 11 cells. */
export function momentOf(at: number, now: number): string {
  const day = dayOf(at);
  if (day === dayOf(now)) return clockTime(at);
  return day.slice(0, 4) === dayOf(now).slice(0, 4) ? `${day.slice(5)} ${clockTime(at).slice(0, 5)}` : day;
}

const UNITS: Readonly<Record<string, number>> = { s: SECOND, m: MINUTE, h: HOUR, d: DAY };

/** The time that `10m`, `2h`, `3d`, `09:30`, `2026-11-29` or `2026-11-29 09:30` means; undefined for anything else. */
export function sinceOf(text: string, now: number): number | undefined {
  const words = text.trim();
  const age = /^(\d{1,5})([smhd])$/u.exec(words);
  if (age !== null) return now - Number(age[1]) * (UNITS[age[2] ?? ''] ?? 0);
  const moment = /^(?:(\d{4}-\d\d-\d\d)(?:[ T]|$))?(\d{1,2}:\d\d)?$/u.exec(words);
  if (moment === null || words === '') return undefined;
  const day = moment[1] ?? dayOf(now);
  const time = Date.parse(`${day}T${(moment[2] ?? '00:00').padStart(5, '0')}:00`);
  // 23:50 in the first minutes of a day means yesterday.
  return Number.isNaN(time) ? undefined : moment[1] === undefined && time > now ? time - DAY : time;
}

/** Local wall-clock time, `HH:MM:SS`. */
export function clockTime(at: number): string {
  const date = new Date(at);
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}
