/** Which limit an operator means to raise. Pure. */
import { GatewayError } from '../../base/errors.ts';
import type { ModelCall } from '../agent/model-call.ts';
import { RAISE_LIMIT_TOOL, type ToolCall } from '../agent/question.ts';
import { canonicalJson, toolHash } from '../agent/tool-hash.ts';
import type { Applied } from './ledger.ts';
import { type Caller, type Scope, type SpendLimit, subjectOf } from './limit.ts';
import type { Per } from './window.ts';
import { amountWords, limitWords, usedWords } from './wording.ts';

export interface RaiseTarget {
  readonly scope: Scope;
  readonly per: Per;
  /** As lists show it: "telegram:123", the id of a schedule. Absent: that of the limit itself. */
  readonly subject?: string | undefined;
}

/** Throws GatewayError when there is no such limit, or none that can be raised. */
export function raiseTarget(
  limits: readonly SpendLimit[],
  of: RaiseTarget,
): { readonly limit: SpendLimit; readonly caller: Caller } {
  const limit = limits.find(
    ({ scope, per, match }) =>
      scope === of.scope && per === of.per && (match === undefined || (of.subject ?? match) === match),
  );
  const subject = of.subject ?? limit?.match ?? subjectOf(of.scope, { ...NOBODY, taskId: '-' });
  if (limit === undefined || subject === undefined) throw noLimit(of);
  if (limit.per === 'turn')
    throw new GatewayError('limit_of_turn', 'a limit per turn cannot be raised from outside of its turn', {
      status: 409,
      hint: 'Change limits.spend, or set "then": "ask" to be asked while the turn waits.',
    });
  return { limit: { ...limit, match: undefined }, caller: callerOf(of.scope, subject) };
}

export function noLimit({ scope, per, subject }: RaiseTarget): GatewayError {
  const whose = subject === undefined ? '' : ` ${subject}`;
  return new GatewayError('limit_not_found', `no spending limit is set for ${scope}${whose} per ${per}`, {
    status: 404,
    hint: 'List them with: pi-gateway-tui limits',
  });
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

/** Somebody who falls under a limit of this scope with this subject. */
function callerOf(scope: Scope, subject: string): Caller {
  const [platform, ...rest] = subject.split(':');
  const id = rest.join(':');
  const chat = {
    platform: platform as NonNullable<Caller['chat']>['platform'],
    chatId: scope === 'chat' ? id : '-',
  };
  const placed = scope === 'person' || scope === 'chat' || scope === 'platform';
  return {
    chat: placed ? chat : undefined,
    sender: scope === 'person' ? { id, name: '' } : undefined,
    taskId: scope === 'task' ? '-' : undefined,
    scheduleId: scope === 'schedule' ? subject : undefined,
  };
}
