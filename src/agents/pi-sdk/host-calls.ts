/** Who calls a model in a process that many sessions share: what a session starts runs in a context of its own. */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { FindSession, GuardedSession } from '../spending/guard-runtime.ts';

const callers = new AsyncLocalStorage<GuardedSession | 'free'>();

/** Whose call it is, asked where it is made. */
export const callerOf: FindSession = () => callers.getStore();

/** Everything that `job` begins is the session's, also what it leaves behind: timers, questions, requests. */
export function callsOf<T>(session: GuardedSession | undefined, job: () => T): T {
  return callers.run(session ?? 'free', job);
}
