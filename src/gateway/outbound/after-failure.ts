import { DeliveryError, GatewayError, messageOf } from '../errors.ts';
import type { OutboundRow } from './outbound-row.ts';

export const RETRY = { minMs: 1000, maxMs: 60_000 } as const;

/** What becomes of a row whose sending failed, and why. */
export type AfterFailure =
  | { readonly next: 'abandon'; readonly reason: string; readonly chatIsDead: boolean }
  | { readonly next: 'fail'; readonly reason: string }
  /** The platform refused the markup: the plain text goes out at once. */
  | { readonly next: 'plain' }
  /** The platform does not take this part, who knows why: plain text in smaller parts goes out at once. */
  | { readonly next: 'smaller'; readonly reason: string }
  | {
      readonly next: 'retry';
      readonly reason: string;
      /** Infinity: whoever brings the chat back wakes it. */
      readonly inMs: number;
      readonly mayRepeat: boolean;
      /** The platform said how long the whole chat has to rest. */
      readonly restMs: number | undefined;
    };

export interface FailureFacts {
  readonly row: OutboundRow;
  readonly error: unknown;
  /** A socket client that is away comes back by itself: no timer runs for it. */
  readonly comesBackByItself: boolean;
  /** In [0, 1): spreads the retries of many chats. */
  readonly random: () => number;
}

/** Pure: one failure, one consequence. Anything that is no DeliveryError may have been delivered. */
export function afterFailure({ row, error, comesBackByItself, random }: FailureFacts): AfterFailure {
  if (isPermanent(error, row.attempts)) return { next: 'fail', reason: messageOf(error) };
  const failure = error instanceof DeliveryError ? error : new DeliveryError('unknown', messageOf(error));
  const reason = failure.message;
  switch (failure.failure) {
    case 'gone':
      return { next: 'abandon', reason, chatIsDead: true };
    case 'rejected':
      return refused(row, reason);
    case 'markup': {
      const part = row.parts[row.done];
      return part === undefined || part.text === part.plain ? refused(row, reason) : { next: 'plain' };
    }
    case 'unknown':
    case 'unreachable':
    case 'rate-limited': {
      const { retryAfterMs } = failure;
      const waits = comesBackByItself && retryAfterMs === undefined;
      return {
        next: 'retry',
        reason,
        inMs: waits ? Number.POSITIVE_INFINITY : (retryAfterMs ?? backOff(row.attempts, random)),
        mayRepeat: row.mayRepeat || failure.failure === 'unknown',
        restMs: failure.failure === 'rate-limited' ? retryAfterMs : undefined,
      };
    }
  }
}

/** What was made smaller already is not made smaller again. */
function refused({ done, smallerUpTo }: OutboundRow, reason: string): AfterFailure {
  return done < smallerUpTo ? { next: 'fail', reason } : { next: 'smaller', reason };
}

/** Tries of something that fails in a way that no adapter has a word for: about a quarter of an hour. */
const UNKNOWN_TRIES = 20;

/** A request that cannot be carried out (4xx), or a fault that stays: another try changes nothing. */
function isPermanent(error: unknown, attempts: number): boolean {
  if (error instanceof DeliveryError) return false;
  if (error instanceof GatewayError && error.status >= 400 && error.status < 500 && error.status !== 429)
    return true;
  return attempts >= UNKNOWN_TRIES;
}

/** Doubles from one second to one minute; between half and the whole of it, so that chats do not retry in step. */
export function backOff(attempts: number, random: () => number): number {
  const step = Math.min(RETRY.maxMs, RETRY.minMs * 2 ** Math.min(attempts, 10));
  return Math.round(step * (0.5 + random() / 2));
}
