/** Limits as people see them. Pure. */
import { defined } from '../../base/defined.ts';
import { type ChatText, say } from '../language/chat-text.ts';
import { type Applied, type Ledger, shareOf } from './ledger.ts';
import {
  type Caller,
  falls,
  NANO,
  type Per,
  type Scope,
  type SpendLimit,
  subjectOf,
  windowAt,
} from './limit.ts';
import { bar, dollars, type LimitState, maxText, stateOf, subjectWords, usedText } from './wording.ts';

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
