import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import type { Agent, ConversationSpec } from '../gateway/agent/agent.ts';
import { type PiPackage, piPackage } from '../gateway/agent/pi-files.ts';
import type { FindPlace } from './pi/backend.ts';
import { PiAgent } from './pi/pi-agent.ts';
import { type PiRpcAgentOptions, piRpcParts } from './pi-rpc/pi-rpc.ts';
import { type PiSdkAgentOptions, piSdkParts } from './pi-sdk/pi-sdk.ts';

export interface AutoAgentOptions extends PiRpcAgentOptions, PiSdkAgentOptions {}

/** Sessions that took their host down are remembered, the oldest forgotten first. */
const CRASHED = 1000;

/**
 * pi over its SDK where that is safe, else as a child process. A session gets a process of its own when `isolation` says
 * so, when it has taken a host down before, and when the operator has extensions: their modules keep state that all
 * sessions of one process would share. With a command, a pool of hosts, or without a package whose SDK can be loaded,
 * every session is a child process.
 */
export function createAutoAgent(options: AutoAgentOptions): Agent {
  const env = options.env ?? process.env;
  const configured = (options.command?.length ?? 0) > 0 || (options.pool?.length ?? 0) > 0;
  const found = configured ? undefined : piPackage(env);
  if (found === undefined) return new PiAgent(piRpcParts(options));

  const crashed = new Set<string>();
  const shared = piSdkParts({
    ...options,
    // An update replaces the package while the gateway is running.
    pi: (): PiPackage | undefined => piPackage(env) ?? found,
    crashed: (session) => {
      crashed.add(session);
      const [oldest] = crashed;
      if (crashed.size > CRASHED && oldest !== undefined) crashed.delete(oldest);
    },
  });
  const own = piRpcParts(options);
  const needsOwn = ({ id, cwd }: ConversationSpec): boolean =>
    options.isolation === 'session' || crashed.has(id) || hasExtensions(agentDirectory(env), cwd);
  const choose =
    (which: 'place' | 'placeAside'): FindPlace =>
    (spec, signal) =>
      (needsOwn(spec) ? own : shared).sessions[which](spec, signal);
  return new PiAgent({
    ...shared,
    sessions: { ...shared.sessions, place: choose('place'), placeAside: choose('placeAside') },
    release: async () => {
      await Promise.all([shared.release?.(), own.release?.()]);
    },
  });
}

function agentDirectory(env: NodeJS.ProcessEnv): string {
  return env['PI_CODING_AGENT_DIR'] || join(env['HOME'] ?? homedir(), '.pi/agent');
}

/** Does pi load extensions of the operator or of the project there? Ours does nothing in sessions of the gateway. */
export function hasExtensions(agentDir: string, cwd: string): boolean {
  return [agentDir, join(cwd, '.pi')].some(
    (directory) =>
      hasEntries(join(directory, 'extensions')) || namesPackages(join(directory, 'settings.json')),
  );
}

function hasEntries(directory: string): boolean {
  return existsSync(directory) && readdirSync(directory).some((name) => !name.startsWith('.'));
}

function namesPackages(file: string): boolean {
  if (!existsSync(file)) return false;
  try {
    const settings: unknown = JSON.parse(readFileSync(file, 'utf8'));
    if (typeof settings !== 'object' || settings === null) return false;
    return ['extensions', 'packages'].some((key) => {
      const entries: unknown = Reflect.get(settings, key);
      return Array.isArray(entries) && entries.some((entry) => !isOwn(entry));
    });
  } catch {
    return true; // pi may read what we cannot
  }
}

function isOwn(entry: unknown): boolean {
  const source: unknown = typeof entry === 'object' && entry !== null ? Reflect.get(entry, 'source') : entry;
  return typeof source === 'string' && /^(npm:)?pi-gateway-tui(@.*)?$/.test(basename(source));
}
