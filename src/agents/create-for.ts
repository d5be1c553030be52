/** The part of `compose` that makes the agent. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from '../base/log.ts';
import type { Agent } from '../gateway/agent/agent.ts';
import type { Settings } from '../gateway/config/settings.ts';
import type { DataFolder } from '../store/data-folder.ts';
import { type CopiesElsewhere, SessionCopies } from '../store/session-copies.ts';
import { DATA_VARIABLE } from './approval/place.ts';

/** The file of an extension for the agent: bundled next to this module, or its source. */
function extensionFile(
  name:
    | 'hosted-extension'
    | 'files-extension'
    | 'approvals-extension'
    | 'resume-extension'
    | 'spending-extension',
): string {
  const built = join(import.meta.dirname, `${name}.js`);
  return existsSync(built) ? built : join(import.meta.dirname, '../extension', `${name}.ts`);
}

/** The agent that the settings name, loaded only when it is needed. */
export async function createAgentFor(
  settings: Settings,
  folder: DataFolder,
  log: Logger,
  env: NodeJS.ProcessEnv,
  elsewhere?: CopiesElsewhere,
): Promise<Agent> {
  const { agent } = settings;
  const { createAgent } = await import('./create.ts');
  return createAgent(agent.backend, {
    command: agent.command,
    sharesFiles: agent.sharesFiles,
    pool: agent.hosts.map(({ name, command, maxConcurrent, weight, sessionDir, sharesFiles }) => ({
      name,
      weight,
      command,
      maxConcurrent,
      sessionDir,
      sharesFiles,
    })),
    sharedSessions: agent.sessionDir !== undefined,
    ...(agent.copiedBytes === undefined
      ? {}
      : {
          copies: new SessionCopies(folder.agentSessions, agent.copiedBytes, elsewhere),
          filesExtension: extensionFile('files-extension'),
        }),
    isolation: agent.isolation,
    cwd: agent.cwd,
    sessionDir: folder.agentSessions,
    model: agent.model,
    thinking: agent.thinking,
    tools: agent.tools,
    maxChildren: agent.maxConcurrent,
    idleMs: agent.idleMs,
    startTimeoutMs: agent.startMs,
    // A configured command may run elsewhere, where our files are not.
    ...(agent.command === undefined && agent.hosts.length === 0
      ? { taskExtension: extensionFile('hosted-extension') }
      : {}),
    ...(agent.resume === 'off' ? {} : { resumeExtension: extensionFile('resume-extension') }),
    // Wherever the agent runs: one that cannot load it must not run at all while approvals are on. Where sessions move, an
    // agent that was given up may live on behind a dead line: without an answer of the gateway its tools do not run.
    ...(agent.approvals === 'off' && agent.sessionDir === undefined && agent.copiedBytes === undefined
      ? {}
      : { approvalsExtension: extensionFile('approvals-extension') }),
    ...(settings.limits.spend.length === 0 ? {} : { spendingExtension: extensionFile('spending-extension') }),
    script: { approvals: agent.approvals !== 'off' },
    log,
    // The extension that asks before tool calls knows by it which files are the gateway's own.
    env: { ...env, [DATA_VARIABLE]: folder.root },
  });
}
