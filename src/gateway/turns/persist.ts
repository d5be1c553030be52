import { GatewayError, messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Database, Tx } from '../../store/database.ts';

const MIN_WAIT_MS = 250;
const MAX_WAIT_MS = 10_000;
/** Not `leader_lost`: another gateway continues with what is stored. */
const PASSING: ReadonlySet<string> = new Set(['storage_full', 'storage_failed', 'storage_unreachable']);

/**
 * Stores something that must not be lost: tries until the store takes it (a full disk may be emptied any moment, a
 * database comes back).
 * Rejects when `signal` aborts, and with whatever `body` throws: that does not get better by itself.
 */
export async function persist<T>(
  db: Pick<Database, 'write'>,
  body: (tx: Tx) => T,
  signal: AbortSignal,
  log: Pick<Logger, 'error'>,
): Promise<T> {
  for (let waitMs = MIN_WAIT_MS; ; waitMs = Math.min(MAX_WAIT_MS, waitMs * 2)) {
    try {
      return await db.write(body);
    } catch (error) {
      if (signal.aborted || !mayPass(error)) throw error;
      log.error('the store does not take a change; trying again', {
        error: messageOf(error),
        retryInMs: waitMs,
      });
      await new Promise<void>((resolve) => {
        const done = (): void => {
          clearTimeout(timer);
          signal.removeEventListener('abort', done);
          resolve();
        };
        const timer = setTimeout(done, waitMs);
        signal.addEventListener('abort', done);
      });
    }
  }
}

function mayPass(error: unknown): boolean {
  return error instanceof GatewayError && PASSING.has(error.code);
}
