/** Limits as people see them. Pure. */

import { defined } from '../../base/defined.ts';
import { type ChatText, joined, moment, raw, say } from '../language/chat-text.ts';
import type { Notice } from '../notify/notice.ts';
import { visible } from '../questions/dialog.ts';
import { type Applied, type Decision, type Ledger, shareOf } from './ledger.ts';
import {
  type Amount,
  type Caller,
  falls,
  NANO,
  type Per,
  type Scope,
  type SpendLimit,
  subjectOf,
  windowAt,
} from './limit.ts';

const PER_WORDS: Readonly<Record<Per, string>> = {
  turn: 'per message',
  hour: 'per hour',
  day: 'per day',
  week: 'per week',
  month: 'per month',
};

function dollars(nano: number): string {
  const usd = nano / NANO;
  if (nano === 0 || usd >= 0.01) return `$${usd.toFixed(2)}`;
  return nano < 0 ? `-${dollars(-nano)}` : '<$0.01';
}

const tokens = (count: number): string => `${Math.round(count).toLocaleString('en-US')} tokens`;

/** `$5.00 and 1,000,000 tokens`. */
export function amountWords(amount: {
  readonly tokens?: number | undefined;
  readonly nano?: number | undefined;
}): string {
  const parts = [
    ...(amount.nano === undefined ? [] : [dollars(amount.nano)]),
    ...(amount.tokens === undefined ? [] : [tokens(amount.tokens)]),
  ];
  return parts.join(' and ');
}

/** `$5.00 per day`, with what the operator has added. */
export function maxWords({ limit, cell }: Applied): string {
  const { tokens, nano } = limit;
  const all = {
    tokens: tokens === undefined ? undefined : tokens + cell.raised.tokens,
    nano: nano === undefined ? undefined : nano + cell.raised.nano,
  };
  return `${amountWords(all)} ${PER_WORDS[limit.per]}`;
}

/** The same units that the limit has. */
export function usedWords({ limit, cell }: Applied): string {
  return amountWords({
    tokens: limit.tokens === undefined ? undefined : cell.spent.tokens + cell.held.tokens,
    nano: limit.nano === undefined ? undefined : cell.spent.nano + cell.held.nano,
  });
}

/** Amounts for a chat, in its own way of writing numbers. */
function amountText(amount: {
  readonly tokens?: number | undefined;
  readonly nano?: number | undefined;
}): ChatText {
  const money = amount.nano === undefined ? undefined : dollars(amount.nano);
  const count = amount.tokens === undefined ? undefined : Math.round(amount.tokens);
  if (money !== undefined && count !== undefined) return say('limit.moneyAndTokens', { money, n: count });
  return count === undefined ? raw(money ?? '') : say('limit.tokens', { n: count });
}

/** `$5.00 per day`, for a chat. */
function maxText({ limit, cell }: Applied): ChatText {
  const { tokens, nano } = limit;
  const amount = amountText({
    tokens: tokens === undefined ? undefined : tokens + cell.raised.tokens,
    nano: nano === undefined ? undefined : nano + cell.raised.nano,
  });
  return say(`limit.per_${limit.per}`, { amount });
}

/** The same units that the limit has, for a chat. */
function usedText({ limit, cell }: Applied): ChatText {
  return amountText({
    tokens: limit.tokens === undefined ? undefined : cell.spent.tokens + cell.held.tokens,
    nano: limit.nano === undefined ? undefined : cell.spent.nano + cell.held.nano,
  });
}

/** The one sentence for the chat. */
function refusalSentence(by: Applied): ChatText {
  const { limit, cell } = by;
  const values = {
    whose: say(
      limit.scope === 'person' && limit.per === 'turn' ? 'limit.of_turn' : `limit.of_${limit.scope}`,
    ),
    max: maxText(by),
    used: usedText(by),
  };
  const { endsAt } = cell.window;
  return endsAt === undefined
    ? say('limit.reached', values)
    : say('limit.reachedUntil', { ...values, time: moment(endsAt, limit.zone), zone: limit.zone });
}

/** `person telegram:1 (Ada) [match]`: whose limit it is, and that it is for this one only. For operators. */
function subjectWords({ limit, cell }: Applied): string {
  const subject = cell.subject === limit.scope || limit.scope === 'task' ? '' : ` ${cell.subject}`;
  const name = cell.name === '' ? '' : ` (${cell.name})`;
  return `${limit.scope}${subject}${name}${limit.match === undefined ? '' : ' [match]'}`;
}

/** `person telegram:1, $5.00 per day`: for operators. */
export function limitWords(applied: Applied): string {
  return `${subjectWords(applied)}, ${maxWords(applied)}`;
}

/** What owners read when a limit is near or reached: once for each raise of it. */
export function limitNotice(what: 'near' | 'reached', applied: Applied): Notice {
  const { limit, cell } = applied;
  return {
    key: `limit:${what}:${cell.key}:${describe(limit)}:${cell.raised.tokens}:${cell.raised.nano}`,
    kind: 'limit',
    title: say(`notice.limit_${what}`, { limit: limitText(limit) }),
    text: say('notice.limitUsed', {
      limit: visible(subjectWords(applied)),
      max: maxText(applied),
      used: usedText(applied),
    }),
  };
}

/** What a raise has changed, limit by limit. */
export function raisedWords(raised: readonly Applied[], by: Amount): string {
  const amount = amountWords({
    tokens: by.tokens > 0 ? by.tokens : undefined,
    nano: by.nano > 0 ? by.nano : undefined,
  });
  const each = raised.map((applied) => `${limitWords(applied)} (${usedWords(applied)} used)`);
  return `raised by ${amount} until ${each.length === 1 ? 'it resets' : 'they reset'}: ${each.join('; ')}`;
}

function refusalHint(by: Applied): string {
  // No one can name a turn from outside of it.
  const step =
    by.limit.per === 'turn'
      ? 'Change limits.spend, or set "then": "ask" to be asked while the turn waits.'
      : `Raise it until it resets: pi-gateway-tui limits raise ${raiseWords(by)}`;
  return `Spending limit reached: ${limitWords(by)}, ${usedWords(by)} used. ${step}`;
}

/** How the cell is named in `limits raise`. */
function raiseWords({ limit, cell }: Applied): string {
  return `${limit.scope} ${limit.per}${limit.scope === 'task' || limit.scope === 'all' ? '' : ` ${cell.subject}`}`;
}

function unpricedHint(model: string, by: Applied): string {
  return `${model} has no price, and this limit is in dollars: ${limitWords(by)}. Set "cost" of the model in models.json of pi (dollars per million tokens: input, output, cacheRead, cacheWrite), or limit tokens instead of dollars.`;
}

/** A decision that ends a call, in words. */
export function refusalOf(decision: Extract<Decision, { by: Applied }>, model: string) {
  return decision.kind === 'unpriced'
    ? { sentence: say('limit.unpriced'), hint: unpricedHint(model, decision.by) }
    : { sentence: refusalSentence(decision.by), hint: refusalHint(decision.by) };
}

const BAR_CELLS = 20;

/** `█████░░░░░  52 %`. */
export function bar(share: number): string {
  const full = Math.max(0, Math.min(BAR_CELLS, Math.round(share * BAR_CELLS)));
  return `${'█'.repeat(full)}${'░'.repeat(BAR_CELLS - full)} ${String(Math.floor(share * 100)).padStart(3)} %`;
}

type LimitState = 'ok' | 'near' | 'reached';

/** `reached`: hardly any call fits anymore. */
function stateOf(applied: Applied): LimitState {
  const share = shareOf(applied);
  if (share >= 0.98) return 'reached';
  return share >= applied.limit.warnAt ? 'near' : 'ok';
}

/** `person: $5.00 per day`, for an owner. */
function limitText(limit: SpendLimit): ChatText {
  const match = limit.match === undefined ? '' : ` ${limit.match}`;
  return joined(
    [raw(`${limit.scope}${match}`), say(`limit.per_${limit.per}`, { amount: amountText(limit) })],
    ': ',
  );
}

export function describe(limit: SpendLimit): string {
  const match = limit.match === undefined ? '' : ` ${limit.match}`;
  return `${limit.scope}${match}: ${amountWords(limit)} ${PER_WORDS[limit.per]}`;
}

/** Rows that are shown; the fullest are the first. */
const SHOWN = 500;

/** One limit in its present window. */
export interface LimitView {
  readonly scope: Scope;
  /** "telegram:123", "websocket", the id of a schedule, "tasks" or "all". */
  readonly subject: string;
  /** Of a person, as last seen. */
  readonly name?: string;
  /** The limit is for this subject only; absent: each subject has one. */
  readonly match?: string;
  readonly per: Per;
  readonly timezone: string;
  /** When it resets; absent for a limit per turn. */
  readonly endsAt?: number;
  readonly max: { readonly usd?: number; readonly tokens?: number };
  readonly spent: { readonly usd: number; readonly tokens: number };
  /** Reserved by calls that run now. */
  readonly held: { readonly usd: number; readonly tokens: number };
  /** Of the limit, from 0 to 1; reserved amounts included. */
  readonly share: number;
  readonly state: LimitState;
  readonly asks: boolean;
  /** In words: `person telegram:7 (Ada)  $1.20 of $5.00 per day`. */
  readonly text: string;
}

export function limitViews(limits: readonly SpendLimit[], ledger: Ledger, now: number): readonly LimitView[] {
  const found = limits.flatMap((limit) => presentCells(limit, ledger, now).map((cell) => ({ limit, cell })));
  return found
    .map((applied) => ({ applied, share: shareOf(applied) }))
    .sort((a, b) => b.share - a.share)
    .slice(0, SHOWN)
    .map(({ applied }) => viewOf(applied));
}

/** The cells of a limit's present window; one that no one has used is shown where it is known whose it is. */
function presentCells(limit: SpendLimit, ledger: Ledger, now: number): readonly Applied['cell'][] {
  const { scope, per, zone, match } = limit;
  const present = per === 'turn' ? undefined : windowAt(per, now, zone, '').id;
  const used = [...ledger.cells()].filter(
    (cell) =>
      cell.scope === scope &&
      cell.per === per &&
      cell.zone === zone &&
      (match === undefined || cell.subject === match) &&
      // Of turns, those that run.
      (present === undefined ? cell.held.tokens > 0 : cell.window.id === present),
  );
  const subject = match ?? subjectOf(scope, { chat: undefined, sender: undefined, taskId: '-' });
  if (used.length > 0 || subject === undefined || present === undefined) return used;
  return [ledger.cell({ scope, subject, per, zone, window: windowAt(per, now, zone, '') })];
}

function viewOf(applied: Applied): LimitView {
  const { limit, cell } = applied;
  const { tokens, nano } = limit;
  return {
    scope: limit.scope,
    subject: cell.subject,
    ...(cell.name === '' ? {} : { name: cell.name }),
    ...defined({ match: limit.match }),
    per: limit.per,
    timezone: limit.zone,
    ...defined({ endsAt: cell.window.endsAt }),
    max: {
      ...(nano === undefined ? {} : { usd: (nano + cell.raised.nano) / NANO }),
      ...(tokens === undefined ? {} : { tokens: tokens + cell.raised.tokens }),
    },
    spent: { usd: cell.spent.nano / NANO, tokens: cell.spent.tokens },
    held: { usd: cell.held.nano / NANO, tokens: cell.held.tokens },
    share: Math.round(shareOf(applied) * 10_000) / 10_000,
    state: stateOf(applied),
    asks: limit.asks,
    text: textOf(applied),
  };
}

/** For `/usage`: the person's own limits and those of the chat, not how much others use. */
export function ownLines(
  limits: readonly SpendLimit[],
  ledger: Ledger,
  caller: Caller,
  now: number,
): readonly ChatText[] {
  return limits.flatMap((limit) => {
    if ((limit.scope !== 'person' && limit.scope !== 'chat') || limit.per === 'turn') return [];
    if (falls(limit, caller) === undefined) return [];
    return ledger.apply([limit], caller, '', now).map((applied) => {
      const key = limit.scope === 'person' ? 'limit.yours' : 'limit.ofChat';
      return say(key, { bar: bar(shareOf(applied)), max: maxText(applied), used: usedText(applied) });
    });
  });
}

function textOf(applied: Applied): string {
  const { limit, cell } = applied;
  const { per, tokens, nano } = limit;
  const parts = [
    ...(nano === undefined ? [] : [`${dollars(cell.spent.nano)} of ${dollars(nano + cell.raised.nano)}`]),
    ...(tokens === undefined
      ? []
      : [`${count(cell.spent.tokens)} of ${count(tokens + cell.raised.tokens)} tokens`]),
  ];
  return `${subjectWords(applied)}  ${parts.join(', ')} per ${per}`;
}

const count = (n: number): string => n.toLocaleString('en-US');

/** What the first call of a session with pi's own instructions and tools is reserved as. */
const LEAST_USEFUL = 20_000;

/** For `doctor`: what is set, and whether it could work. */
export function finding(limit: SpendLimit): string {
  const small = limit.tokens !== undefined && limit.tokens < LEAST_USEFUL;
  const note = small
    ? ` This is less than most first calls need (about ${LEAST_USEFUL.toLocaleString('en-US')} tokens are reserved for one): raise it.`
    : '';
  return `limit: ${describe(limit)}.${note}`;
}
