/** Which limits there are, which stretch of time each counts, and which of them a call falls under. Pure. */
import { ConfigError } from '../../base/errors.ts';
import { canonicalId, idFault } from '../chat.ts';
import { isPlatform, type Platform } from '../model.ts';
import { dayNumber, wallTime } from '../time-zone.ts';

export const SCOPES = ['person', 'chat', 'platform', 'schedule', 'task', 'all'] as const;
export type Scope = (typeof SCOPES)[number];

/** Tokens, and billionths of a US dollar: whole numbers, so that sums are exact. */
export interface Amount {
  readonly tokens: number;
  readonly nano: number;
}

export const NOTHING: Amount = { tokens: 0, nano: 0 };
export const NANO = 1_000_000_000;

export const plus = (a: Amount, b: Amount): Amount => ({
  tokens: a.tokens + b.tokens,
  nano: a.nano + b.nano,
});

export const minus = (a: Amount, b: Amount): Amount => ({
  tokens: a.tokens - b.tokens,
  nano: a.nano - b.nano,
});

export interface SpendLimit {
  readonly scope: Scope;
  /** The one subject that it is for; undefined: each subject has a limit of its own. */
  readonly match: string | undefined;
  readonly per: Per;
  readonly zone: string;
  /** Undefined: not limited in this unit. */
  readonly tokens: number | undefined;
  readonly nano: number | undefined;
  /** Part of the limit from which on it is near. */
  readonly warnAt: number;
  readonly asks: boolean;
}

/** Whose call it is. */
export interface Caller {
  /** Undefined: a task of the operator. */
  readonly chat: { readonly platform: Platform; readonly chatId: string } | undefined;
  readonly sender:
    | { readonly id: string; readonly name: string; readonly aliases?: readonly string[] | undefined }
    | undefined;
  readonly taskId?: string | undefined;
  readonly scheduleId?: string | undefined;
}

/** One for every spelling of the id. */
function personSubject(platform: Platform, id: string): string {
  return `${platform}:${canonicalId(platform, id)}`;
}

/** The same for a subject as an operator writes it. */
export function canonicalSubject(scope: Scope, subject: string): string {
  const [platform, ...rest] = subject.split(':');
  return scope === 'person' && isPlatform(platform) ? personSubject(platform, rest.join(':')) : subject;
}

/** What a call counts for under a limit of this scope; undefined: nothing. */
export function subjectOf(scope: Scope, { chat, sender, taskId, scheduleId }: Caller): string | undefined {
  switch (scope) {
    case 'person':
      return chat === undefined || sender === undefined ? undefined : personSubject(chat.platform, sender.id);
    case 'chat':
      return chat === undefined ? undefined : `${chat.platform}:${chat.chatId}`;
    case 'platform':
      return chat?.platform;
    case 'schedule':
      return scheduleId;
    case 'task':
      return taskId === undefined ? undefined : 'tasks';
    case 'all':
      return 'all';
  }
}

/** The subject of the caller under this limit; undefined when it does not apply. */
export function falls({ scope, match }: SpendLimit, caller: Caller): string | undefined {
  const subject = subjectOf(scope, caller);
  if (match === undefined || subject === undefined || match === subject) return subject;
  // An operator may name a person by another id than the one under which they write: their phone number, for example.
  const { chat, sender } = caller;
  if (scope !== 'person' || chat === undefined || sender === undefined) return undefined;
  const named = canonicalSubject(scope, match);
  const ids = [sender.id, ...(sender.aliases ?? [])];
  return ids.some((id) => named === personSubject(chat.platform, id)) ? match : undefined;
}

/** As the configuration has it. */
export interface SpendConfig {
  readonly scope: Scope;
  readonly match?: string;
  readonly per: Per;
  readonly max: { readonly usd?: number; readonly tokens?: number };
  readonly warnAt?: number;
  readonly then?: 'refuse' | 'ask';
  readonly timezone?: string;
}

/** Throws ConfigError for a limit that could never do what it says. */
export function readLimits(list: readonly SpendConfig[], localZone: () => string): readonly SpendLimit[] {
  return list.map((each, index) => {
    const name = `limits.spend.${index}`;
    const { scope, match, per, max } = each;
    if (max.usd === undefined && max.tokens === undefined)
      throw new ConfigError(`${name}.max: nothing is limited`, 'Give "usd", "tokens" or both.');
    if (match !== undefined) checkMatch(`${name}.match`, scope, match);
    return {
      scope,
      match,
      per,
      zone: each.timezone ?? (per === 'turn' ? 'UTC' : localZone()),
      tokens: max.tokens,
      nano: max.usd === undefined ? undefined : Math.floor(max.usd * NANO),
      warnAt: each.warnAt ?? 0.8,
      asks: each.then === 'ask',
    };
  });
}

function checkMatch(name: string, scope: Scope, match: string): void {
  if (scope === 'task' || scope === 'all')
    throw new ConfigError(
      `${name}: a limit with the scope "${scope}" takes no match`,
      'Remove the key: this limit is one for everything of that scope.',
    );
  if (scope === 'schedule') return;
  const [platform, ...rest] = match.split(':');
  const id = rest.join(':');
  const expected = scope === 'platform' ? 'the name of a platform' : `<platform>:<${scope} id>`;
  if (!isPlatform(platform) || (scope === 'platform' ? match.includes(':') : id === ''))
    throw new ConfigError(
      `${name}: ${JSON.stringify(match)} is invalid: expected ${expected}`,
      scope === 'platform' ? 'For example "telegram".' : 'For example "telegram:12345".',
    );
  if (scope === 'platform') return;
  const fault = idFault(platform, scope === 'person' ? 'user' : 'chat', id);
  if (fault === undefined) return;
  throw new ConfigError(
    `${name}: ${JSON.stringify(match)} can never match`,
    `Expected ${fault.expected}. ${fault.advice}`,
  );
}

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
