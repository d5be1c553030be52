/** The stretch of time that a limit counts. Pure. */
import { dayNumber, wallTime } from '../time-zone.ts';

export const PERS = ['turn', 'hour', 'day', 'week', 'month'] as const;
export type Per = (typeof PERS)[number];

export interface Window {
  /** The same for every moment of one window. */
  readonly id: string;
  /** When it ends; undefined for a turn. */
  readonly endsAt: number | undefined;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** Longer than any month. */
const SEARCHED_MS = 32 * 24 * HOUR_MS;

/** The window of a moment, by the calendar of `zone`: days begin at midnight there, weeks on Monday. */
export function windowAt(per: Per, at: number, zone: string, turn: string): Window {
  if (per === 'turn') return { id: turn, endsAt: undefined };
  const key = `${per} ${zone}`;
  const last = lately.get(key);
  if (last !== undefined && at >= last.from && at < last.endsAt) return last;
  const id = idAt(per, at, zone);
  const found = { id, from: at, endsAt: endOf(per, at, zone, id) };
  lately.set(key, found);
  return found;
}

/** The last answers: nearly every question is about the present, and finding an end takes about a millisecond. */
const lately = new Map<string, { readonly id: string; readonly from: number; readonly endsAt: number }>();

function idAt(per: Exclude<Per, 'turn'>, at: number, zone: string): string {
  if (per === 'hour') {
    // By the instant at which the hour began: an hour that clocks repeat is two.
    const { minute } = wallTime(at, zone);
    return String(Math.floor(at / MINUTE_MS) - minute);
  }
  const day = dayNumber(at, zone);
  if (per === 'day') return `d${day}`;
  // Day 0 was a Thursday.
  if (per === 'week') return `w${day - ((((day + 3) % 7) + 7) % 7)}`;
  const { year, month } = wallTime(at, zone);
  return `${year}-${String(month).padStart(2, '0')}`;
}

/** The first minute that belongs to another window. */
function endOf(per: Exclude<Per, 'turn'>, at: number, zone: string, id: string): number {
  let low = Math.floor(at / MINUTE_MS);
  let high = low + SEARCHED_MS / MINUTE_MS;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (idAt(per, middle * MINUTE_MS, zone) === id) low = middle;
    else high = middle;
  }
  return high * MINUTE_MS;
}
