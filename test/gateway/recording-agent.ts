import { createScriptedAgent, type ScriptedAgentOptions } from '../../src/agents/scripted/scripted.ts';
import type { Agent, ConversationSpec } from '../../src/gateway/agent/agent.ts';

/** The scripted agent, and what its conversations were opened with. */
export interface RecordingAgent extends Agent {
  readonly specs: ConversationSpec[];
}

export function recordingAgent(options: ScriptedAgentOptions = {}): RecordingAgent {
  const inner = createScriptedAgent(options);
  const specs: ConversationSpec[] = [];
  return {
    specs,
    backend: inner.backend,
    check: (signal) => inner.check(signal),
    open: (spec) => {
      specs.push(spec);
      return inner.open(spec);
    },
    words: async (cwd, signal) => (await inner.words?.(cwd, signal)) ?? [],
    stop: () => inner.stop(),
  };
}
