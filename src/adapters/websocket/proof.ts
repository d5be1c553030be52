import { DeliveryError, messageOf } from '../../gateway/errors.ts';
import type { ChatSocket } from '../../gateway/server/chat-sockets.ts';

/**
 * Resolves when the client has answered a ping behind everything sent so far. A frame whose pong does not come may
 * still have been read: the failure is `unknown`, so a repetition is marked as one.
 */
export async function provenBy(socket: ChatSocket, signal: AbortSignal): Promise<void> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(new Error('the time for the delivery is over'));
  signal.addEventListener('abort', abort, { once: true });
  try {
    await Promise.race([socket.ping(), aborted]);
  } catch (error) {
    throw new DeliveryError('unknown', `the client did not confirm the message: ${messageOf(error)}`, {
      hint: 'It is sent again, marked as a possible repeat, when the client is back.',
      cause: error,
    });
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
