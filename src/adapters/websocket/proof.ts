import { DeliveryError, messageOf } from '../../gateway/errors.ts';

/**
 * Waits for the proof of a frame that was sent. When it does not come, the frame may still have been read: the
 * failure is `unknown`, so that a repetition is marked as one.
 */
export async function provenBy(proof: Promise<void>, signal: AbortSignal): Promise<void> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(new Error('the time for the delivery is over'));
  signal.addEventListener('abort', abort, { once: true });
  try {
    await Promise.race([proof, aborted]);
  } catch (error) {
    throw new DeliveryError('unknown', `the client did not confirm the message: ${messageOf(error)}`, {
      hint: 'It is sent again, marked as a possible repeat, when the client is back.',
      cause: error,
    });
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
