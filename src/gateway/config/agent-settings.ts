/** What the configuration says about agents: where they run, with which settings in which chat, with which variables. */

import { isAbsolute, resolve } from 'node:path';
import { defined } from '../../base/defined.ts';
import { ConfigError } from '../../base/errors.ts';
import type { Database } from '../../store/database.ts';
import type { Agent, Drain } from '../agent/agent.ts';
import { sharesFiles } from '../agent/pi-files.ts';
import type { ChatAgentConfig, Config } from './schema.ts';
import { environmentName } from './secrets.ts';

/** One host of `agent.hosts` with its defaults. */
export interface AgentHostSettings {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  readonly maxConcurrent: number;
  /** How much of the new sessions it gets, compared with the others. */
  readonly weight: number;
  readonly sessionDir: string | undefined;
  readonly sharesFiles: boolean | undefined;
}

/** The pool of hosts; empty when there is none. Throws ConfigError for what no schema can say. */
export function agentHosts(agent: Config['agent'], override: string | undefined): AgentHostSettings[] {
  const hosts = agent?.hosts ?? [];
  const backend = override ?? agent?.backend ?? 'auto';
  if (hosts.length > 0 && backend === 'pi-sdk')
    throw new ConfigError(
      'agent.hosts: the backend pi-sdk runs in this machine only',
      'Set agent.backend to "pi-rpc", or remove agent.hosts.',
    );
  const names = new Set<string>();
  return hosts.map(({ name, command, maxConcurrent, weight, sessionDir, sharesFiles }, i) => {
    const [program, ...args] = command;
    if (program === undefined) throw new ConfigError(`agent.hosts.${i}.command: is empty`, 'Name a program.');
    if (names.has(name))
      throw new ConfigError(
        `agent.hosts.${i}.name: "${name}" is defined twice`,
        'Sessions find their host by its name: give each host its own.',
      );
    names.add(name);
    return {
      name,
      command: [program, ...args],
      maxConcurrent: maxConcurrent ?? 4,
      weight: weight ?? 1,
      sessionDir,
      sharesFiles,
    };
  });
}

/**
 * The directory of session files that the gateway and all hosts share; undefined: there is none, and a session stays where
 * it is. Throws ConfigError for what no schema can say.
 */
export function sharedSessionDir(agent: Config['agent']): string | undefined {
  const { sessionDir, hosts = [] } = agent ?? {};
  if (sessionDir === undefined) return undefined;
  if (hosts.length === 0)
    throw new ConfigError(
      'agent.sessionDir: needs agent.hosts',
      'Name the hosts that share this directory in agent.hosts, or remove agent.sessionDir.',
    );
  if (!isAbsolute(sessionDir))
    throw new ConfigError(
      `agent.sessionDir: "${sessionDir}" is not a full path`,
      'The gateway and the hosts look for it under the same path: write it in full, as in /mnt/pi-sessions.',
    );
  const own = hosts.findIndex((host) => host.sessionDir !== undefined);
  if (own >= 0)
    throw new ConfigError(
      `agent.hosts.${own}.sessionDir: is set together with agent.sessionDir`,
      'With agent.sessionDir every host has its session files there: remove one of the two.',
    );
  return resolve(sessionDir);
}

/** Largest session file of which the gateway keeps a copy; undefined: it keeps none. Throws ConfigError. */
export function copiedBytes(agent: Config['agent']): number | undefined {
  const { sessionFiles, sessionFileMiB = 64, sessionDir, hosts = [] } = agent ?? {};
  if (sessionFiles !== 'store') return undefined;
  if (hosts.length === 0)
    throw new ConfigError(
      'agent.sessionFiles: "store" needs agent.hosts',
      'Name the hosts whose session files are to be copied in agent.hosts, or remove agent.sessionFiles.',
    );
  if (sessionDir !== undefined)
    throw new ConfigError(
      'agent.sessionFiles: "store" is set together with agent.sessionDir',
      'Files on shared storage need no copies: remove one of the two.',
    );
  for (const [i, { command, sessionDir: own }] of hosts.entries()) {
    if (own === undefined || !isAbsolute(own))
      throw new ConfigError(
        `agent.hosts.${i}.sessionDir: is needed with agent.sessionFiles "store", as a full path`,
        'Name a directory of that host, as in /var/lib/pi-sessions. Hosts on one machine need different ones.',
      );
    if (command.some((word) => /\{session(:q)?\}/.test(word)))
      throw new ConfigError(
        `agent.hosts.${i}.command: {session} cannot be used with agent.sessionFiles "store"`,
        'The file is made ready before pi opens it: leave the arguments of pi to {args}.',
      );
  }
  return sessionFileMiB * 1024 * 1024;
}

/** Does whatever runs the agent see the gateway's files? Known before there is an agent. */
export function agentSharesFiles(agent: {
  readonly sharesFiles: boolean | undefined;
  readonly command: readonly string[] | undefined;
  readonly hosts: readonly AgentHostSettings[];
}): boolean {
  if (agent.hosts.length === 0) return agent.sharesFiles ?? sharesFiles(agent.command ?? []);
  return agent.hosts.every((host) => host.sharesFiles ?? sharesFiles(host.command));
}

/** Turns that all hosts together take. */
export function capOf(hosts: readonly AgentHostSettings[]): number {
  return hosts.reduce((sum, { maxConcurrent }) => sum + maxConcurrent, 0);
}

/** What the agent of one chat works with. What is undefined is the agent's own choice. */
export interface ChatAgent {
  readonly model: string | undefined;
  readonly thinking: string | undefined;
  readonly tools: readonly string[] | undefined;
  readonly cwd: string;
  readonly systemPrompt: string | undefined;
  /** What the agent is told about each message. */
  readonly context: 'off' | 'brief' | 'full';
  /** Which files its answers may bring along. */
  readonly files: 'off' | 'ask' | 'session';
}

/**
 * The settings of a chat over those of its platform over the general ones, key by key. Only additions to the system
 * prompt add up, the general ones first.
 */
export function chatAgent(
  general: ChatAgentConfig & { readonly cwd: string },
  platform: ChatAgentConfig | undefined,
  chat: ChatAgentConfig | undefined,
): ChatAgent {
  const prompts = [general, platform, chat].flatMap((level) => level?.systemPrompt ?? []);
  return {
    model: chat?.model ?? platform?.model ?? general.model,
    thinking: chat?.thinking ?? platform?.thinking ?? general.thinking,
    tools: chat?.tools ?? platform?.tools ?? general.tools,
    files: chat?.files ?? platform?.files ?? general.files ?? 'session',
    cwd: chat?.cwd ?? platform?.cwd ?? general.cwd,
    context: chat?.context ?? platform?.context ?? general.context ?? 'brief',
    systemPrompt: prompts.length === 0 ? undefined : prompts.join('\n\n'),
  };
}

/** Variables that any program needs, whatever a configuration says about them. */
const BASIC = new Set(['PATH', 'HOME', 'USER', 'LOGNAME', 'SHELL', 'LANG', 'TERM', 'TMPDIR']);

/** With it one could write to the collector of traces. */
const COLLECTOR_TOKEN = /^OTEL_EXPORTER_OTLP_(?:\w+_)?HEADERS$/;

/**
 * The environment for an agent: without the variables that the configuration names (as `$NAME`) for tokens and
 * platforms. An agent runs commands for people in chats, and `env` is a command.
 */
export function withoutPlatformSecrets(config: Config, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const named = new Set<string>();
  collect([config.tokens, config.platforms, config.proxy, config.notify, config.heartbeat], named);
  return Object.fromEntries(
    Object.entries(env).filter(
      ([name]) => BASIC.has(name) || !(named.has(name) || COLLECTOR_TOKEN.test(name)),
    ),
  );
}

function collect(value: unknown, into: Set<string>): void {
  if (typeof value === 'string') {
    const name = environmentName(value);
    if (name !== undefined) into.add(name);
  } else if (typeof value === 'object' && value !== null)
    for (const child of Object.values(value)) collect(child, into);
}

/** Where it is kept which hosts the operator has drained: it holds over a restart, until it is undone. */
const DRAINED = 'drained_hosts';

/** What the operator has said so far, whether or not agent.hosts still names them. */
export function drainedHosts(db: Pick<Database, 'get'>): Readonly<Record<string, Drain>> {
  const stored = db.get('SELECT value FROM facts WHERE name = ?', [DRAINED])?.['value'];
  return typeof stored === 'string' ? JSON.parse(stored) : {};
}

/** Tells the agent again after a start. */
export function restoreDrains(db: Pick<Database, 'get'>, agent: Pick<Agent, 'drain'> | undefined): void {
  for (const [host, drain] of Object.entries(drainedHosts(db))) agent?.drain?.(host, drain);
}

/** Resolves when it is durable. */
export async function keepDrain(db: Database, host: string, drain: Drain | undefined): Promise<void> {
  const { [host]: _, ...others } = drainedHosts(db);
  const drained = { ...others, ...defined({ [host]: drain }) };
  await db.write((tx) =>
    tx.run('INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)', [DRAINED, JSON.stringify(drained)]),
  );
}
