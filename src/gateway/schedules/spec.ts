import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { ChatError, type ChatText, raw, say } from '../language/chat-text.ts';

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
