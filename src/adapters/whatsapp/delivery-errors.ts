import { DeliveryError, messageOf } from '../../gateway/errors.ts';
import type { ServerAck } from './acks.ts';
import { property } from './close-reason.ts';

const RATE_LIMIT_MS = 60_000;

/** The server's refusal of a message (a "nack"): it was certainly not delivered. Undefined when it was taken. */
export function refusalOf(ack: ServerAck): DeliveryError | undefined {
  if (ack.error === undefined) return undefined;
  const code = Number(ack.error);
  const text = `WhatsApp refused the message (${ack.error})`;
  switch (code) {
    // Restricted account, or no privacy token for this contact: new chats are closed, known ones stay open.
    case 463:
      return new DeliveryError('gone', `${text}: this account may not write to this person first`, {
        hint: 'Ask the person to write first; check the account in the WhatsApp app for a restriction.',
      });
    case 403:
    case 404:
    case 410:
      return new DeliveryError('gone', `${text}: the chat is closed to this account`);
    case 429:
      return new DeliveryError('rate-limited', `${text}: too many messages`, { retryAfterMs: RATE_LIMIT_MS });
    default:
      return code >= 500 ? new DeliveryError('unreachable', text) : new DeliveryError('rejected', text);
  }
}

/**
 * A failure while baileys prepared or wrote a message. Codes in `data` are the server's answers to questions that come
 * before the message (devices, keys, group members): it had not been sent then.
 */
export function failureOf(error: unknown): DeliveryError {
  if (error instanceof DeliveryError) return error;
  const text = messageOf(error);
  const code = property(error, 'data');
  if (typeof code === 'number') {
    if (code === 429)
      return new DeliveryError('rate-limited', `WhatsApp asks to slow down: ${text}`, {
        retryAfterMs: RATE_LIMIT_MS,
        cause: error,
      });
    if (code === 401 || code === 403 || code === 404 || code === 410)
      return new DeliveryError('gone', `WhatsApp does not let this account write there: ${text}`, {
        cause: error,
      });
    return new DeliveryError('unreachable', `WhatsApp could not prepare the message: ${text}`, {
      cause: error,
    });
  }
  if (text === 'All encryptions failed')
    return new DeliveryError('rejected', 'no device of this person can receive messages', { cause: error });
  return new DeliveryError('unknown', `the message may not have been sent: ${text}`, { cause: error });
}
