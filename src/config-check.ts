/** What only the whole program can say about a configuration: directories, keys of the console, times of schedules. */
import { statSync } from 'node:fs';
import { homedir } from 'node:os';
import { resolve } from 'node:path';
import { ConfigError } from './base/errors.ts';
import { agentHosts, agentSharesFiles } from './gateway/config/agent-settings.ts';
import type { Config } from './gateway/config/schema.ts';
import { type Overrides, resolveSettings, type Settings } from './gateway/config/settings.ts';
import { checkAddresses, readOwners } from './gateway/notify/owners.ts';
import { checkEntries } from './gateway/schedules/requests.ts';

/** What counts at a start besides the file. */
export interface StartSurroundings {
  readonly overrides: Overrides;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
}

/** Judges as a start does, so that nothing is stored that the next start refuses. Throws ConfigError. */
export async function checkStart(
  config: Config,
  origin: string,
  { overrides, env, cwd }: StartSurroundings,
): Promise<Settings> {
  const settings = resolveSettings(config, overrides, env, cwd);
  await checkWholeConfig(config, origin);
  return settings;
}

/** Throws ConfigError that names key, value and fix. `origin` names the file or surface. */
export async function checkWholeConfig(config: Config, origin: string): Promise<void> {
  checkEntries(config.schedules ?? []);
  readOwners(config.owners, () => 'UTC');
  checkAddresses(config.notify, config.heartbeat?.url);
  checkDirectories(config, origin);
  const keys = config.console?.keys;
  if (keys === undefined) return;
  const { bindKeys } = await import('./tui/keys/bindings.ts');
  const [problem] = bindKeys(keys).problems;
  if (problem !== undefined)
    throw new ConfigError(
      `${origin}: console.${problem}`,
      'docs/keys.md lists the actions and their keys. Correct the entry, or remove it.',
    );
}

/** An agent that runs elsewhere has directories of its own. */
function checkDirectories({ agent, platforms }: Config, origin: string): void {
  const session = platforms?.whatsapp?.sessionPath;
  if (session !== undefined) {
    const path = resolve(session.replace(/^~(?=$|\/)/, homedir()));
    let isDirectory: boolean;
    try {
      isDirectory = statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? true; // it will be made
    } catch {
      isDirectory = false; // a name that is too long, a parent that is a file
    }
    if (!isDirectory)
      throw new ConfigError(
        `${origin}: platforms.whatsapp.sessionPath: ${JSON.stringify(session.slice(0, 200))} is not a directory`,
        'Name a directory, or remove the key: the session is then in the data directory.',
      );
  }
  const hosts = agentHosts(agent, undefined);
  if (!agentSharesFiles({ sharesFiles: agent?.sharesFiles, command: agent?.command, hosts })) return;
  const named: (readonly [string, string | undefined])[] = [['agent.cwd', agent?.cwd]];
  for (const [platform, own] of Object.entries(platforms ?? {})) {
    named.push([`platforms.${platform}.agent.cwd`, own.agent?.cwd]);
    for (const [chat, settings] of Object.entries(own.chats ?? {}))
      named.push([`platforms.${platform}.chats.${chat}.agent.cwd`, settings.agent?.cwd]);
  }
  for (const [key, path] of named) if (path !== undefined) checkDirectory(path, key, origin);
}

function checkDirectory(path: string, key: string, origin: string): void {
  let isDirectory: boolean | undefined;
  try {
    isDirectory = statSync(path, { throwIfNoEntry: false })?.isDirectory();
  } catch {
    isDirectory = undefined; // a parent that is a file, or that may not be searched
  }
  if (isDirectory === true) return;
  throw new ConfigError(
    `${origin}: ${key}: ${JSON.stringify(path)} is ${isDirectory === false ? 'not a directory' : 'not there, or cannot be read'}`,
    `Create it, or set ${key} to a directory of this machine. "agent.sharesFiles": false says that the agent runs elsewhere.`,
  );
}
