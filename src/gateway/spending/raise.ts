/** Which limit an operator means to raise. Pure. */
import { GatewayError } from '../../base/errors.ts';
import type { ModelCall } from '../agent/agent.ts';
import { canonicalJson, RAISE_LIMIT_TOOL, type ToolCall, toolHash } from '../agent/question.ts';
import { isPlatform } from '../model.ts';
import type { Applied } from './ledger.ts';
import {
  type Amount,
  type Caller,
  canonicalSubject,
  falls,
  NANO,
  type Per,
  type Scope,
  type SpendLimit,
  subjectOf,
} from './limit.ts';
import { amountWords, limitWords, usedWords } from './limit-view.ts';

export interface RaiseTarget {
  readonly scope: Scope;
  readonly per: Per;
  /** As lists show it: "telegram:123", the id of a schedule. Absent: that of the limit itself. */
  readonly subject?: string | undefined;
}

/** Every limit that the raise is for. Throws GatewayError when there is none, or none that can be raised. */
export function raiseTarget(
  limits: readonly SpendLimit[],
  of: RaiseTarget,
  known: (caller: Caller) => Caller = (caller) => caller,
): { readonly limits: readonly SpendLimit[]; readonly caller: Caller } {
  const named = limits.filter(({ scope, per }) => scope === of.scope && per === of.per);
  const matches = new Set(named.map(({ match }) => match));
  const subject =
    of.subject ??
    (matches.size === 1 ? named[0]?.match : undefined) ??
    subjectOf(of.scope, { ...NOBODY, taskId: '-' });
  if (named.length === 0) throw noLimit(of);
  const caller = subject === undefined ? NOBODY : known(callerOf(of.scope, subject));
  if (subject === undefined || subjectOf(of.scope, caller) !== canonicalSubject(of.scope, subject))
    throw notASubject(of);
  const raised = named.filter((limit) => falls(limit, caller) !== undefined);
  if (raised.length === 0) throw noLimit(of);
  if (of.per === 'turn')
    throw new GatewayError('limit_of_turn', 'a limit per turn cannot be raised from outside of its turn', {
      status: 409,
      hint: 'Change limits.spend, or set "then": "ask" to be asked while the turn waits.',
    });
  return { limits: raised, caller };
}

/** What is added. Without amounts, as much as the smallest of the limits is: nothing is more than doubled. */
export function raiseAmount(
  limits: readonly SpendLimit[],
  by: { readonly usd?: number | undefined; readonly tokens?: number | undefined },
): Amount {
  const smallest = (unit: keyof Amount): number => {
    const all = limits.flatMap((limit) => limit[unit] ?? []);
    return all.length === 0 ? 0 : Math.min(...all);
  };
  if (by.usd === undefined && by.tokens === undefined)
    return { tokens: smallest('tokens'), nano: smallest('nano') };
  const amount = { tokens: by.tokens ?? 0, nano: Math.round((by.usd ?? 0) * NANO) };
  if (!limits.some((limit) => isRaised(limit, amount)))
    throw new GatewayError(
      'bad_amount',
      amount.nano > 0 ? 'this limit is in tokens, not in dollars' : 'this limit is in dollars, not in tokens',
      { status: 400, hint: 'Write 5usd for dollars, or 100000 for tokens.' },
    );
  return amount;
}

/** Does the amount change the limit? */
export function isRaised({ tokens, nano }: SpendLimit, by: Amount): boolean {
  return (tokens !== undefined && by.tokens > 0) || (nano !== undefined && by.nano > 0);
}

function noLimit({ scope, per, subject }: RaiseTarget): GatewayError {
  const whose = subject === undefined ? '' : ` ${subject}`;
  return new GatewayError('limit_not_found', `no spending limit is set for ${scope}${whose} per ${per}`, {
    status: 404,
    hint: 'List them with: pi-gateway-tui limits',
  });
}

function notASubject({ scope, per, subject }: RaiseTarget): GatewayError {
  const example = { person: 'telegram:12345', chat: 'telegram:12345', platform: 'telegram' };
  const such = Object.entries(example).find(([each]) => each === scope)?.[1] ?? '<id>';
  return new GatewayError(
    'bad_subject',
    subject === undefined
      ? `it is not clear which ${scope} is meant`
      : `"${subject.slice(0, 40).toWellFormed()}" is not a ${scope} of a limit`,
    {
      status: 400,
      hint: `Name it as the list shows it: pi-gateway-tui limits raise ${scope} ${per} ${such}`,
    },
  );
}

/** The question to the operator, as one about a tool call: every place that asks can show and answer it. */
export function raiseCall(by: Applied, call: ModelCall): ToolCall {
  const { limit, cell } = by;
  const argumentsJson = canonicalJson({
    limit: limitWords(by),
    used: usedWords(by),
    'raise by': amountWords(limit),
    'waiting call': `${call.model}, up to ${call.inputTokens.toLocaleString('en-US')} tokens in`,
  });
  return {
    tool: RAISE_LIMIT_TOOL,
    argumentsJson,
    hash: toolHash(RAISE_LIMIT_TOOL, argumentsJson),
    dangerous: true,
    always: true,
    reason: 'a spending limit is reached',
    // Never the same twice: an approval raises it once.
    groupKey: `${RAISE_LIMIT_TOOL} ${cell.key} ${cell.raised.tokens} ${cell.raised.nano}`,
    group: 'this raise and no other',
  };
}

const NOBODY: Caller = { chat: undefined, sender: undefined };

/** Someone who falls under a limit of this scope with this subject; no one when there can be none. */
function callerOf(scope: Scope, subject: string): Caller {
  if (scope === 'task') return { ...NOBODY, taskId: '-' };
  if (scope === 'schedule') return { ...NOBODY, scheduleId: subject };
  const [platform, ...rest] = subject.split(':');
  const id = rest.join(':');
  if (!isPlatform(platform) || (id === '' && scope !== 'platform')) return NOBODY;
  const sender = scope === 'person' ? { id, name: '' } : undefined;
  return { chat: { platform, chatId: scope === 'chat' ? id : '-' }, sender };
}
