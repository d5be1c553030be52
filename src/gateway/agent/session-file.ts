import { createHash } from 'node:crypto';
import { join } from 'node:path';

/**
 * The session file of a new session, chosen by us: pi would choose its own name, which a crash before the first answer
 * could lose. The same session id always means the same file.
 */
export function sessionFileFor(sessionDir: string, id: string): string {
  const safe = /^\w[\w.-]{0,99}$/.test(id) ? id : createHash('sha256').update(id).digest('hex');
  return join(sessionDir, `${safe}.jsonl`);
}
