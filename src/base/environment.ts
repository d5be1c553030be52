import { chmodSync, lstatSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

/** What was found for a directory: asked once, since every agent process needs it. */
const known = new Map<string, boolean>();

/**
 * Where agent processes keep compiled code. Node's own default is a directory for temporary files, where every user of the
 * machine may put code for others to run. Without a directory of our own nothing is kept.
 */
function compileCacheVariables(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  if (env['NODE_COMPILE_CACHE'] || env['NODE_DISABLE_COMPILE_CACHE']) return {};
  const base = env['XDG_CACHE_HOME'] || env['LOCALAPPDATA'] || (env['HOME'] && join(env['HOME'], '.cache'));
  if (!base) return { NODE_DISABLE_COMPILE_CACHE: '1' };
  const own = join(base, 'pi-gateway-tui', 'agents');
  let usable = known.get(own);
  if (usable === undefined) {
    usable = makePrivate(join(base, 'pi-gateway-tui')) && makePrivate(own);
    known.set(own, usable);
  }
  return usable ? { NODE_COMPILE_CACHE: own } : { NODE_DISABLE_COMPILE_CACHE: '1' };
}

/** A directory of this user alone, whatever the umask; false where that cannot be. */
function makePrivate(path: string): boolean {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    const stat = lstatSync(path);
    if (!stat.isDirectory() || (process.getuid !== undefined && stat.uid !== process.getuid())) return false;
    chmodSync(path, 0o700);
    return true;
  } catch {
    return false; // a home that cannot be written
  }
}

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
