import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPiRpcAgent, type PiRpcAgentOptions } from '../../../src/agents/pi-rpc/pi-rpc.ts';
import { silentLogger } from '../../../src/base/log.ts';
import type { Agent, ConversationSpec } from '../../../src/gateway/agent/agent.ts';

export interface FakePi {
  readonly agent: Agent;
  readonly folder: string;
  readonly spec: ConversationSpec;
  stop(): Promise<void>;
}

/** An agent whose pi is `fake-pi.mjs` in the given mode. */
export async function startFakePi(
  mode: string,
  options: Partial<PiRpcAgentOptions> = {},
  over: Partial<ConversationSpec> = {},
): Promise<FakePi> {
  const folder = await mkdtemp(join(tmpdir(), 'fake-pi-'));
  const agent = createPiRpcAgent({
    command: [process.execPath, join(import.meta.dirname, '../fake-pi.mjs'), mode],
    cwd: folder,
    sessionDir: join(folder, 'sessions'),
    maxChildren: 4,
    idleMs: 60_000,
    log: silentLogger,
    ...options,
  });
  return {
    agent,
    folder,
    spec: { id: 's1', kind: 'chat', cwd: folder, ...over },
    stop: async () => {
      await agent.stop();
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** Whether a process runs; one that is dead and only not yet buried does not. */
export function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return !stat.slice(stat.lastIndexOf(')')).startsWith(') Z');
  } catch {
    return process.platform !== 'linux' && exists(pid);
  }
}

function exists(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Living processes that this process has started, on Linux. Their arguments cannot be trusted: pi renames itself. */
export function children(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
        const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
        return Number(parent) === process.pid && state !== 'Z';
      } catch {
        return false; // ended meanwhile
      }
    });
}
