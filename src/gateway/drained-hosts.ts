/** Which hosts the operator has drained: it holds over a restart, until it is undone. */
import type { Database } from '../store/database.ts';
import type { Agent, Drain } from './agent/agent.ts';
import type { AgentHostView } from './model.ts';

const DRAINED = 'drained_hosts';

/** What the operator has said so far, whether or not agent.hosts still names them. */
function drainedHosts(db: Pick<Database, 'get'>): Readonly<Record<string, Drain>> {
  const stored = db.get('SELECT value FROM facts WHERE name = ?', [DRAINED])?.['value'];
  return typeof stored === 'string' ? JSON.parse(stored) : {};
}

/** Tells the agent again after a start. */
export function restoreDrains(db: Pick<Database, 'get'>, agent: Pick<Agent, 'drain'> | undefined): void {
  for (const [host, drain] of Object.entries(drainedHosts(db))) agent?.drain?.(host, drain);
}

/** There are hosts, and the operator has drained every one: nobody can start a session. */
export function allDrained(hosts: readonly Pick<AgentHostView, 'draining'>[]): boolean {
  return hosts.length > 0 && hosts.every(({ draining }) => draining === true);
}

/** Resolves when it is durable. */
export async function keepDrain(db: Database, host: string, drain: Drain | undefined): Promise<void> {
  const { [host]: _, ...others } = drainedHosts(db);
  const drained = { ...others, ...(drain === undefined ? {} : { [host]: drain }) };
  await db.write((tx) =>
    tx.run('INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)', [DRAINED, JSON.stringify(drained)]),
  );
}
