/**
 * Reads what people write after `/every` and `/at`: first when, then what. Forgiving about spelling, strict in doubt:
 * a time that could mean two things is asked for again instead of guessed.
 */
import { say } from '../language/chat-text.ts';
import { wallTime } from '../time-zone.ts';
import {
  badSchedule,
  checkCron,
  DAY_MS,
  findZone,
  MINUTE_MS,
  nextRun,
  type ScheduleSpec,
} from './next-run.ts';

/** Words for times and days, as people write them in a chat. What could mean two things is not read. */

interface TimeOfDay {
  readonly hour: number;
  readonly minute: number;
}

/** `09:00`, `9.30`, `9am`, `9:30 pm`, `noon`, `midnight`; undefined for anything else, a bare number included. */
function timeOfDay(word: string): TimeOfDay | undefined {
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
function weekday(word: string): number | undefined {
  const text = word.toLowerCase().replace(/\.$/, '');
  const short = text.endsWith('s') && !DAYS.includes(text) ? text.slice(0, -1) : text; // "mondays"
  const at = DAYS.findIndex(
    (day) => day === short || (text.length >= 2 && text.length <= 4 && day.startsWith(text)),
  );
  return at < 0 ? undefined : at;
}

/** The weekday field of `day`, `weekday`, `weekend`, `monday`, `mon,wed,fri`, `mon-fri`. */
function dayField(word: string): string | undefined {
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
function minutesOf(word: string): number | undefined {
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
function minutesOfTwo(count: string, unit: string): number | undefined {
  const minutes = /^\d{1,5}$/.test(count) ? unitOf(unit) : undefined;
  return minutes === undefined ? undefined : Number(count) * minutes;
}

export interface ParsedSchedule {
  readonly spec: ScheduleSpec;
  readonly zone: string;
  /** The time as it was written; undefined where the spec says it better. */
  readonly words: string | undefined;
  /** What is to be done, as it was written. */
  readonly prompt: string;
}

/** The furthest that `/at` looks ahead. */
const AHEAD_MS = 2 * 366 * DAY_MS;
const QUOTES: Readonly<Record<string, string>> = {
  '"': '"',
  "'": "'",
  '“': '”',
  '„': '“',
  '«': '»',
  '`': '`',
};

const EVERY_HINT = say('schedule.everyHint');
const AT_HINT = say('schedule.atHint');

/** The words of a text, one at a time; what is left keeps its line breaks. */
class Words {
  readonly #all: string;
  #rest: string;

  constructor(text: string) {
    this.#all = text.trim();
    this.#rest = this.#all;
  }

  /** What was taken so far. */
  get taken(): string {
    return this.#all
      .slice(0, this.#all.length - this.#rest.length)
      .trim()
      .replace(/\s+/g, ' ');
  }

  get rest(): string {
    return this.#rest;
  }

  peek(index = 0): string {
    return this.#rest.split(/\s+/, index + 1)[index] ?? '';
  }

  take(count = 1): void {
    for (let i = 0; i < count; i += 1) this.#rest = this.#rest.replace(/^\S+\s*/, '');
  }

  /** A text in quotes at the beginning. */
  quoted(): string | undefined {
    const close = QUOTES[this.#rest.charAt(0)];
    if (close === undefined) return undefined;
    const end = this.#rest.indexOf(close, 1);
    if (end < 0) return undefined;
    const inside = this.#rest.slice(1, end);
    this.#rest = this.#rest.slice(end + 1).trimStart();
    return inside;
  }

  /** A time of day, with or without "at" before it, in one word or two ("9 am"). */
  time(): TimeOfDay | undefined {
    const at = /^at$/i.test(this.peek()) ? 1 : 0;
    const two = /^(am|pm)$/i.test(this.peek(at + 1))
      ? timeOfDay(`${this.peek(at)} ${this.peek(at + 1)}`)
      : undefined;
    const found = two ?? timeOfDay(this.peek(at));
    if (found !== undefined) this.take(at + (two === undefined ? 1 : 2));
    return found;
  }

  /** A time zone, with or without "in" before it. */
  zone(): string | undefined {
    const at = /^in$/i.test(this.peek()) ? 1 : 0;
    const found = findZone(this.peek(at));
    if (found !== undefined) this.take(at + 1);
    return found;
  }
}

/** `/every <when> <prompt>`. `zone` counts when none is named. Throws GatewayError `bad_schedule`. */
export function parseEvery(text: string, zone: string, now: number): ParsedSchedule {
  const words = new Words(text);
  const quoted = words.quoted();
  if (quoted !== undefined) {
    const inner = new Words(quoted);
    if (/^[@\d*]/.test(quoted.trim()) && (quoted.trim().startsWith('@') || inner.peek(4) !== '')) {
      const where = words.zone() ?? zone;
      return done(words, { kind: 'cron', cron: checkCron(quoted, where, now) }, where);
    }
    const { spec, zone: inside } = every(inner, zone, now);
    if (inner.rest !== '') throw unread(quoted);
    return { ...done(words, spec, inside), words: inner.taken };
  }
  const { spec, zone: where } = every(words, zone, now);
  return { ...done(words, spec, where), words: words.taken };
}

function every(words: Words, zone: string, now: number): { spec: ScheduleSpec; zone: string } {
  const word = words.peek();
  if (word.startsWith('@')) {
    words.take();
    const where = words.zone() ?? zone;
    return { spec: { kind: 'cron', cron: checkCron(word, where, now) }, zone: where };
  }
  if (/^(hour|minute)$/i.test(word)) {
    words.take();
    return interval(words, /^hour$/i.test(word) ? 60 : 1, zone, now);
  }
  const compact = minutesOf(word);
  const minutes = compact ?? minutesOfTwo(word, words.peek(1));
  if (minutes !== undefined) {
    words.take(compact === undefined ? 2 : 1);
    return interval(words, minutes, zone, now);
  }
  const days = dayField(word);
  if (days === undefined) throw unread(word);
  words.take();
  const time = words.time();
  if (time === undefined) {
    const hint = say('schedule.everyAtWhatHint', { word });
    throw /^\d{1,2}:\d/.test(words.peek())
      ? unread(words.peek(), hint)
      : badSchedule(say('schedule.everyAtWhat', { word }), hint);
  }
  const where = words.zone() ?? zone;
  return { spec: { kind: 'cron', cron: `${time.minute} ${time.hour} * * ${days}` }, zone: where };
}

/** Whole days stay at their time on the wall; anything shorter is a distance in time. */
function interval(words: Words, minutes: number, zone: string, now: number) {
  if (minutes < 1) throw badSchedule(say('schedule.tooOften'), EVERY_HINT);
  if (minutes > 366 * 1440) throw badSchedule(say('schedule.overYear'), EVERY_HINT);
  const days = minutes % 1440 === 0 ? minutes / 1440 : undefined;
  if (days !== undefined) {
    const time = words.time();
    const where = words.zone() ?? zone;
    const anchor = time === undefined ? now : anchorAt(time, where, now);
    return { spec: { kind: 'days', every: days, anchor } as const, zone: where };
  }
  const where = words.zone() ?? zone;
  return { spec: { kind: 'interval', everyMs: minutes * MINUTE_MS, anchor: now } as const, zone: where };
}

/** The first run is the next time the wall shows that. */
function anchorAt(time: TimeOfDay, zone: string, now: number): number {
  return cronAt(time, '* * *', zone, now) ?? now;
}

/** `/at <when> <prompt>`. Throws GatewayError `bad_schedule`. */
export function parseAt(text: string, zone: string, now: number): ParsedSchedule {
  const words = new Words(text);
  const quoted = words.quoted();
  if (quoted !== undefined) {
    const inner = new Words(quoted);
    const { at, zone: where } = moment(inner, zone, now);
    if (inner.rest !== '') throw unread(quoted, AT_HINT);
    return done(words, { kind: 'at', at }, where, AT_HINT);
  }
  const { at, zone: where } = moment(words, zone, now);
  return done(words, { kind: 'at', at }, where, AT_HINT);
}

/** `2026-12-24 09:00`, whether it has ended or not. Throws GatewayError `bad_schedule`. */
export function parseMoment(text: string, zone: string): number {
  const match = /^(\d{4})-(\d{1,2})-(\d{1,2})[T ]+(\S.*)$/.exec(text.trim());
  const time = timeOfDay(match?.[4] ?? '');
  const at =
    match === null || time === undefined
      ? undefined
      : onDate(Number(match[1]), Number(match[2]), Number(match[3]), time, zone, 0);
  if (at === undefined)
    throw badSchedule(say('schedule.notDate', { text: text.slice(0, 40) }), say('schedule.dateHint'));
  return at;
}

function moment(words: Words, zone: string, now: number): { at: number; zone: string } {
  const word = words.peek();
  const plus = /^\+(\S+)$/.exec(word)?.[1];
  const relative = /^in$/i.test(word) ? 1 : plus === undefined ? undefined : 0;
  if (relative !== undefined) {
    const first = relative === 1 ? words.peek(1) : (plus ?? '');
    const compact = minutesOf(first);
    const minutes = compact ?? minutesOfTwo(first, words.peek(relative + 1));
    if (minutes === undefined || minutes < 1) throw unread(words.peek(relative), AT_HINT);
    words.take(relative + (compact === undefined ? 2 : 1));
    return within(now + minutes * MINUTE_MS, zone, now, words);
  }
  const date = /^(\d{4})-(\d{1,2})-(\d{1,2})(?:T(\d{1,2}:\d{2}))?$/.exec(word);
  if (date !== null) {
    words.take();
    const time = date[4] === undefined ? words.time() : timeOfDay(date[4]);
    if (time === undefined) throw noTime(word);
    const where = words.zone() ?? zone;
    return within(
      onDate(Number(date[1]), Number(date[2]), Number(date[3]), time, where, now),
      where,
      now,
      words,
    );
  }
  const tomorrow = /^tomorrow$/i.test(word);
  const today = /^today$/i.test(word);
  const day = tomorrow || today ? undefined : weekday(word);
  if (tomorrow || today || day !== undefined) {
    words.take();
    const time = words.time();
    if (time === undefined) throw noTime(word);
    const where = words.zone() ?? zone;
    if (day !== undefined) return within(cronAt(time, `* * ${day}`, where, now), where, now, words);
    const { year, month, day: date } = wallTime(now, where);
    const to = new Date(Date.UTC(year, month - 1, date + (tomorrow ? 1 : 0)));
    return within(
      onDate(to.getUTCFullYear(), to.getUTCMonth() + 1, to.getUTCDate(), time, where, now),
      where,
      now,
      words,
    );
  }
  const time = words.time();
  if (time === undefined) throw unread(word, AT_HINT);
  const after = words.peek();
  if (/^(today|tomorrow)$/i.test(after) || weekday(after) !== undefined)
    throw badSchedule(say('schedule.dayOrText', { word: after }), say('schedule.dayFirst'));
  const where = words.zone() ?? zone;
  return within(cronAt(time, '* * *', where, now), where, now, words);
}

/** A moment within the time that `/at` looks ahead. */
function within(at: number | undefined, zone: string, now: number, words: Words) {
  const where = words.zone() ?? zone;
  if (at === undefined || at <= now) throw badSchedule(say('schedule.passed'), AT_HINT);
  if (at > now + AHEAD_MS) throw badSchedule(say('schedule.tooFar'), AT_HINT);
  return { at, zone: where };
}

function cronAt({ hour, minute }: TimeOfDay, days: string, zone: string, now: number): number | undefined {
  return nextRun({ kind: 'cron', cron: `${minute} ${hour} ${days}` }, zone, now);
}

function onDate(
  year: number,
  month: number,
  day: number,
  time: TimeOfDay,
  zone: string,
  now: number,
): number | undefined {
  const real = new Date(Date.UTC(year, month - 1, day));
  if (real.getUTCMonth() !== month - 1 || real.getUTCDate() !== day)
    throw badSchedule(say('schedule.noSuchDate', { date: `${year}-${month}-${day}` }), AT_HINT);
  // From a day and a half before that date: the pattern's next match is the one of this year.
  const from = Math.max(now, real.getTime() - 1.5 * DAY_MS);
  const at = cronAt(time, `${day} ${month} *`, zone, from);
  return at !== undefined && wallTime(at, zone).year === year ? at : undefined;
}

function done(words: Words, spec: ScheduleSpec, zone: string, hint = EVERY_HINT): ParsedSchedule {
  if (words.rest === '') throw badSchedule(say('schedule.noPrompt'), hint);
  return { spec, zone, words: undefined, prompt: words.rest };
}

function unread(word: string, hint = EVERY_HINT): Error {
  return badSchedule(
    word === ''
      ? say('schedule.noTimeNoPrompt')
      : say('schedule.notTime', { word: word.slice(0, 40).toWellFormed() }),
    hint,
  );
}

function noTime(word: string): Error {
  return badSchedule(say('schedule.atWhat', { word }), AT_HINT);
}
