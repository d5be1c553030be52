/** Which limit an operator means to raise. Pure. */
import { GatewayError } from '../../base/errors.ts';
import { type Caller, type Scope, type SpendLimit, subjectOf } from './limit.ts';
import type { Per } from './window.ts';

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
