import { describe, expect, it } from 'vitest';
import { type FailureKind, TelegramFailure } from '../../../src/adapters/telegram/client.ts';
import { deliveryError, isAlreadyDeleted, isUnchanged } from '../../../src/adapters/telegram/send.ts';
import { DeliveryError } from '../../../src/base/errors.ts';

const refused = (code: number, text: string): TelegramFailure =>
  new TelegramFailure('refused', `sendMessage: ${text}`, { code });

describe('a failed call to Telegram', () => {
  it.each<[FailureKind, string]>([
    ['unsent', 'unreachable'],
    ['cut', 'unknown'],
    ['timeout', 'unknown'],
    ['server', 'unknown'],
    ['aborted', 'unknown'],
  ])('of the kind %s means %s', (kind, failure) => {
    expect(deliveryError(new TelegramFailure(kind, 'x')).failure).toBe(failure);
  });

  it.each([
    [403, 'Forbidden: bot was blocked by the user', 'gone'],
    [403, 'Forbidden: bot was kicked from the supergroup chat', 'gone'],
    [400, 'Bad Request: chat not found', 'gone'],
    [400, 'Bad Request: not enough rights to send text messages to the chat', 'gone'],
    [400, 'Bad Request: message thread not found', 'gone'],
    [400, 'Bad Request: TOPIC_CLOSED', 'gone'],
    [400, `Bad Request: can't parse entities: Unmatched end tag at byte offset 3`, 'markup'],
    [400, 'Bad Request: message is too long', 'rejected'],
    [400, 'Bad Request: message text is empty', 'rejected'],
    [413, 'Request Entity Too Large', 'rejected'],
    [401, 'Unauthorized', 'unreachable'],
  ])('%i %s means %s', (code, text, failure) => {
    expect(deliveryError(refused(code, text)).failure).toBe(failure);
  });

  it('carries the wait of a 429, and a safe one where Telegram gives none', () => {
    const told = new TelegramFailure('refused', 'x', { code: 429, retryAfterMs: 7000 });
    expect(deliveryError(told)).toMatchObject({ failure: 'rate-limited', retryAfterMs: 7000 });
    expect(deliveryError(refused(429, 'Too Many Requests')).retryAfterMs).toBeGreaterThan(0);
  });

  it('passes a DeliveryError on and takes anything else as unknown', () => {
    const error = new DeliveryError('gone', 'x');
    expect(deliveryError(error)).toBe(error);
    expect(deliveryError(new Error('y')).failure).toBe('unknown');
  });

  it('knows refusals that mean success', () => {
    expect(isUnchanged(refused(400, 'Bad Request: message is not modified: same'))).toBe(true);
    expect(isAlreadyDeleted(refused(400, 'Bad Request: message to delete not found'))).toBe(true);
  });
});
