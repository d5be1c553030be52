import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from '../base/log.ts';
import type { Agent } from '../gateway/agent/agent.ts';
import type { Settings } from '../gateway/config/settings.ts';
import type { DataFolder } from '../store/data-folder.ts';
import { type CopiesElsewhere, SessionCopies } from '../store/session-copies.ts';
import { DATA_VARIABLE } from './approval/place.ts';
import type { AutoAgentOptions } from './auto.ts';
import type { ScriptedAgentOptions } from './scripted/scripted.ts';

const AGENT_BACKENDS = ['auto', 'pi-rpc', 'pi-sdk', 'scripted'] as const;
export type AgentBackend = (typeof AGENT_BACKENDS)[number];

/** Everything that one of the backends may need; each takes its part. */
export interface CreateAgentOptions extends AutoAgentOptions {
  /** For `scripted`. */
  readonly script?: ScriptedAgentOptions;
}

/** Makes the agent of a backend. Only the chosen backend is loaded, and nothing is started. */
export async function createAgent(backend: AgentBackend, options: CreateAgentOptions): Promise<Agent> {
  switch (backend) {
    case 'auto': {
      const { createAutoAgent } = await import('./auto.ts');
      return createAutoAgent(options);
    }
    case 'pi-rpc': {
      const { createPiRpcAgent } = await import('./pi-rpc/pi-rpc.ts');
      return createPiRpcAgent(options);
    }
    case 'pi-sdk': {
      const { createPiSdkAgent } = await import('./pi-sdk/pi-sdk.ts');
      return createPiSdkAgent(options);
    }
    case 'scripted': {
      const { createScriptedAgent } = await import('./scripted/scripted.ts');
      return createScriptedAgent(options.script);
    }
  }
}

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
  const copies =
    agent.copiedBytes === undefined
      ? undefined
      : new SessionCopies(folder.agentSessions, agent.copiedBytes, elsewhere);
  await copies?.removeParts();
  if (agent.sessionDir !== undefined && !existsSync(folder.agentSessions)) {
    mkdirSync(folder.agentSessions, { recursive: true, mode: 0o700 });
    log.warn(`agent.sessionDir did not exist and was created: ${folder.agentSessions}`, {
      hint: 'If it is on shared storage, check that the storage is mounted: no session file was found in it.',
    });
  }
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
    ...(copies === undefined ? {} : { copies, filesExtension: extensionFile('files-extension') }),
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
