import { compileCacheVariables } from './compile-cache.ts';

/** Names the gateway's own secrets, which no agent and no tool of an agent may read. */
const OWN_SECRET = /^PI_GATEWAY_.*(TOKEN|SECRET|PASSWORD)/;

/** Lets our extension know that it runs inside a session of the gateway itself, where it stays inert. */
export const HOSTED = 'PI_GATEWAY_HOSTED';
/** Carries the mark by which the processes of a dead agent are found. */
export const MARK = 'PI_GATEWAY_AGENT_MARK';

/** The environment of an agent process: `base` without our secrets, and marked as ours. */
export function agentEnvironment(base: NodeJS.ProcessEnv, mark: string): NodeJS.ProcessEnv {
  const kept = Object.entries(base).filter(([name]) => !OWN_SECRET.test(name));
  return { ...Object.fromEntries(kept), ...compileCacheVariables(base), [HOSTED]: '1', [MARK]: mark };
}
