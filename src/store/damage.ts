import { defined } from '../base/defined.ts';
import { GatewayError } from '../base/errors.ts';
import { systemCode } from './disk.ts';

/** A file that cannot be trusted: the store stops and leaves every file unchanged. */
export function damaged(path: string, offset: number, what: string, cause?: unknown): GatewayError {
  return new GatewayError('storage_damaged', `${path} is damaged at byte ${offset}: ${what}`, {
    hint: `No file was changed. Restore ${path} and the files of the same name from a backup, or move them all away to start empty.`,
    ...defined({ cause }),
  });
}

/** The snapshot names a segment that is gone: to continue without a word would be to bring back an older state. */
export function journalMissing(path: string, segment: string): GatewayError {
  return new GatewayError(
    'journal_missing',
    `${segment} was removed or emptied: changes made after ${path} was last written are missing`,
    {
      hint: `Restore ${segment} from a backup. To continue without these changes (people who were revoked since may have access again), start once with --accept-lost-changes.`,
    },
  );
}

/** The error a caller gets when the disk did not take what it wanted to store. Nothing of it is kept. */
export function storageFailure(error: unknown, path: string): GatewayError {
  const code = systemCode(error);
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new GatewayError('storage_full', `the disk is full: nothing can be stored in ${path}`, {
      status: 507,
      hint: 'Free some disk space. The gateway resumes automatically.',
      cause: error,
    });
  const detail = error instanceof Error ? error.message : String(error);
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')
    return new GatewayError('storage_failed', `this user cannot write in ${path}: ${detail}`, {
      hint: 'Run it as the user that owns the data directory, give that user the right to write there, or give another one with --data-dir.',
      cause: error,
    });
  return new GatewayError('storage_failed', `the disk refused to store in ${path}: ${detail}`, {
    hint: 'Check the disk and the rights of the data directory; the gateway tries again with the next message.',
    cause: error,
  });
}

export function closedError(path: string): GatewayError {
  return new GatewayError('storage_closed', `${path} is closed`, { status: 503 });
}
