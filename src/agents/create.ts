import type { Agent } from '../gateway/agent/agent.ts';
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
