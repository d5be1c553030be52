import { existsSync } from 'node:fs';
import type { AgentSession } from '@earendil-works/pi-coding-agent';
import type { Pi } from './load-pi.ts';

/**
 * Makes a new session file that ends before a user message. The session itself stays as it is: whoever asked opens the
 * new file instead. Extensions may refuse.
 */
export async function forkBefore(
  pi: Pi,
  session: AgentSession,
  entryId: string,
): Promise<{ readonly cancelled: boolean; readonly sessionFile?: string }> {
  const { sessionManager, sessionFile: file } = session;
  const entry = sessionManager.getEntry(entryId);
  if (entry === undefined || file === undefined) throw new Error('Invalid entry ID for forking');
  const runner = session.extensionRunner;
  if (runner.hasHandlers('session_before_fork')) {
    const answer = await runner.emit({ type: 'session_before_fork', entryId, position: 'before' });
    if (answer?.cancel) return { cancelled: true };
  }
  if (!existsSync(file)) throw new Error('This session has not been saved yet.');
  const folder = sessionManager.getSessionDir();
  if (entry.parentId === null) {
    const empty = pi.SessionManager.create(sessionManager.getCwd(), folder, { parentSession: file });
    return forked(empty.getSessionFile());
  }
  return forked(pi.SessionManager.open(file, folder).createBranchedSession(entry.parentId));
}

function forked(sessionFile: string | undefined) {
  if (sessionFile === undefined) throw new Error('Failed to create forked session');
  return { cancelled: false, sessionFile };
}
