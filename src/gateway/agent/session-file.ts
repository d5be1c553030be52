import { createHash, randomBytes } from 'node:crypto';
import { basename, dirname, join } from 'node:path';

/**
 * The session file of a new session, chosen by us: pi would choose its own name, which a crash before the first answer
 * could lose. The same session id always means the same file.
 */
export function sessionFileFor(sessionDir: string, id: string): string {
  const safe = /^\w[\w.-]{0,99}$/.test(id) ? id : createHash('sha256').update(id).digest('hex');
  return join(sessionDir, `${safe}.jsonl`);
}

/** A name next to it for a copy in which the session continues. */
export function movedSessionFile(file: string): string {
  return join(dirname(file), `${sessionStem(file)}.m${randomBytes(4).toString('hex')}.jsonl`);
}

/** The beginning that a session file has in common with its copies. */
export function sessionStem(file: string): string {
  return basename(file, '.jsonl').replace(/\.m[0-9a-f]{8}$/, '');
}
