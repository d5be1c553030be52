/** `security audit`: how this installation is set up, judged by what an attacker could do with it. */
import { chmodSync, existsSync, lstatSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { FolderLockedError } from './base/errors.ts';
import { loadConfig } from './gateway/config/load.ts';
import type { Config } from './gateway/config/schema.ts';
import { environmentName } from './gateway/config/secrets.ts';
import { isLoopbackHost, resolveSettings, type Settings } from './gateway/config/settings.ts';
import { PLATFORMS } from './gateway/model.ts';
import type { DataFolder } from './store/data-folder.ts';
import { removeRuntime } from './store/data-folder.ts';
import { FolderLock } from './store/lock.ts';

type Severity = 'critical' | 'high' | 'medium' | 'low';

export interface Finding {
  /** Stable: scripts and documentation name it. */
  readonly id: string;
  readonly severity: Severity;
  /** What is so, and what it lets someone do. */
  readonly what: string;
  readonly fix: string;
  /** `--fix` does it. Throws when it cannot. */
  readonly repair?: () => void;
}

export interface Surroundings {
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** Now, in epoch milliseconds. */
  readonly now: number;
  /** Directories in which service units are looked for. */
  readonly units?: readonly string[];
}

const DAY_MS = 86_400_000;
/** Older operator tokens are worth a rotation. */
const TOKEN_DAYS = 180;
const SHORTEST_TOKEN = 16;
const RANK: Readonly<Record<Severity, number>> = { critical: 0, high: 1, medium: 2, low: 3 };

/** Everything that was found, the worst first. Throws ConfigError for a configuration that cannot be used at all. */
export function securityFindings(folder: DataFolder, around: Surroundings): Finding[] {
  const { config } = loadConfig(folder.config);
  const settings = resolveSettings(config, {}, around.env, around.cwd);
  return [
    ...access(settings),
    ...network(config, settings),
    ...agent(settings, folder),
    ...owners(settings),
    ...files(folder, around),
    ...stale(folder),
    ...units(around.units ?? UNIT_DIRECTORIES),
  ].sort((a, b) => RANK[a.severity] - RANK[b.severity]);
}

/** Repairs what can be repaired safely; the ids of what was. */
export function repair(findings: readonly Finding[]): {
  readonly fixed: readonly string[];
  readonly failed: readonly string[];
} {
  const fixed: string[] = [];
  const failed: string[] = [];
  for (const { id, repair: act } of findings) {
    if (act === undefined) continue;
    try {
      act();
      fixed.push(id);
    } catch {
      failed.push(id); // the file of another user, a read-only disk: the finding stays, with its fix
    }
  }
  return { fixed, failed };
}

function access(settings: Settings): Finding[] {
  const found: Finding[] = [];
  if (settings.allowAll)
    found.push({
      id: 'access.allow-all',
      severity: 'critical',
      what: 'security.allowAll is true: everyone who finds the bot can use the agent',
      fix: 'pi-gateway-tui config set security.allowAll false, then approve users with pair or allow',
    });
  for (const platform of PLATFORMS) {
    if (!settings.enabled(platform)) continue;
    const { dmPolicy, groupPolicy } = settings.chats(platform);
    if (dmPolicy === 'open')
      found.push({
        id: `access.open-dm.${platform}`,
        severity: 'critical',
        what: `${platform}: dmPolicy is open: every user of the platform can use the agent`,
        fix: `pi-gateway-tui config set platforms.${platform}.dmPolicy pairing`,
      });
    if (groupPolicy === 'open')
      found.push({
        id: `access.open-groups.${platform}`,
        severity: 'high',
        what: `${platform}: groupPolicy is open: every member of any group with the bot can use the agent`,
        fix: `pi-gateway-tui config set platforms.${platform}.groupPolicy allowlist, and list groups`,
      });
  }
  return found;
}

function network(config: Config, settings: Settings): Finding[] {
  const found: Finding[] = [];
  if (!isLoopbackHost(settings.host))
    found.push({
      id: 'network.public-address',
      severity: 'medium',
      what: `host is ${settings.host}: other machines reach the API, without TLS`,
      fix: 'Listen on localhost behind a proxy with TLS, or restrict the port in a firewall',
    });
  if (settings.openLoopback)
    found.push({
      id: 'network.open-loopback',
      severity: 'medium',
      what: 'security.openLoopback is true: every local user can read sessions, tasks and the allowlist',
      fix: 'pi-gateway-tui config set security.openLoopback false, and give readers a token',
    });
  if (config.corsOrigins?.includes('*') === true)
    found.push({
      id: 'network.any-origin',
      severity: 'low',
      what: 'corsOrigins contains "*": every web page that has a token can use the API',
      fix: 'List the origins of your pages in corsOrigins',
    });
  for (const [i, token] of (config.tokens ?? []).entries())
    if (environmentName(token) === undefined && !token.startsWith('!') && token.length < SHORTEST_TOKEN)
      found.push({
        id: `network.weak-token.${i}`,
        severity: 'high',
        what: `tokens.${i} has fewer than ${SHORTEST_TOKEN} characters and can be guessed`,
        fix: 'Replace it with the output of: openssl rand -hex 32',
      });
  return found;
}

function agent(settings: Settings, folder: DataFolder): Finding[] {
  const found: Finding[] = [];
  const { approvals, tools, cwd, command, hosts } = settings.agent;
  const shell = tools === undefined || tools.includes('bash');
  const elsewhere = settings.agent.sharesFiles === false || hosts.length > 0 || command !== undefined;
  if (!settings.noAgent && shell && approvals === 'off')
    found.push({
      id: 'agent.shell-without-approvals',
      severity: settings.allowAll ? 'critical' : 'medium',
      what: 'the agent has a shell and no approvals: every approved user can run commands as this user',
      fix: 'pi-gateway-tui config set agent.approvals dangerous, or set agent.tools without "bash"',
    });
  if (elsewhere) return found;
  const place = real(cwd);
  const home = real(homedir());
  if (place === home || place === '/')
    found.push({
      id: 'agent.home-directory',
      severity: 'high',
      what: `the working directory of the agent is ${place}: keys, tokens and start-up files are inside`,
      fix: 'pi-gateway-tui config set agent.cwd <another directory>',
    });
  else if (contains(place, real(folder.root)))
    found.push({
      id: 'agent.data-inside',
      severity: 'high',
      what: `the data directory is inside the working directory of the agent (${place})`,
      fix: 'Move one of them: agent.cwd, or --data-dir',
    });
  const mode = statSync(place, { throwIfNoEntry: false })?.mode ?? 0;
  if ((mode & 0o002) !== 0)
    found.push({
      id: 'agent.shared-directory',
      severity: 'high',
      what: `${place} can be written by every local user: instructions for the agent can be planted there`,
      fix: 'Set agent.cwd to a directory that only this user can write',
    });
  return found;
}

/** What can be decided from a chat is as safe as the account and the phone it is decided from. */
function owners(settings: Settings): Finding[] {
  const found: Finding[] = settings.owners
    .filter(({ may }) => may.length > 0)
    .map(({ name, chat, person, may }) => ({
      id: `owners.rights.${name}`,
      severity: may.includes('pair') || may.includes('approve') ? 'medium' : 'low',
      what: `owner ${name} may ${may.join(', ')}: anyone who can use the ${chat.platform} account ${person} decides like you`,
      fix: 'Protect that account (two-step verification, screen lock), or remove rights from owners[].may',
    }));
  if (settings.notify.webhook?.detail === 'full')
    found.push({
      id: 'notify.full-detail',
      severity: 'medium',
      what: 'notify.webhook.detail is full: what users write and the arguments of tool calls go to that server',
      fix: 'pi-gateway-tui config set notify.webhook.detail brief, or use your own server',
    });
  return found;
}

function files(folder: DataFolder, { now }: Surroundings): Finding[] {
  if (process.platform === 'win32' || !existsSync(folder.root)) return [];
  const found: Finding[] = [];
  const open: string[] = [];
  const own = process.getuid?.();
  for (const path of privateFiles(folder)) {
    const facts = lstatSync(path, { throwIfNoEntry: false });
    if (facts === undefined || facts.isSymbolicLink()) continue;
    if (own !== undefined && facts.uid !== own)
      found.push({
        id: `files.owner.${relative(folder.root, path) || '.'}`,
        severity: 'critical',
        what: `${path} belongs to another user (uid ${facts.uid}), who can read and replace it`,
        fix: `chown it to this user, or remove it`,
      });
    else if ((facts.mode & 0o077) !== 0) open.push(path);
  }
  if (open.length > 0) {
    const writable = open.some((path) => (lstatSync(path).mode & 0o022) !== 0);
    const some = open.slice(0, 3).join(', ');
    found.push({
      id: 'files.rights',
      severity: writable ? 'critical' : 'high',
      what: `other users can ${writable ? 'write' : 'read'} ${some}${open.length > 3 ? ` and ${open.length - 3} more` : ''}`,
      fix: `chmod -R go-rwx ${folder.root}`,
      repair: () => {
        for (const path of open) chmodSync(path, lstatSync(path).mode & 0o700);
      },
    });
  }
  const root = statSync(folder.root);
  if ((root.mode & 0o022) !== 0)
    found.push({
      id: 'files.shared-root',
      severity: 'critical',
      what: `${folder.root} can be written by other users: they can replace what the gateway keeps there`,
      fix: `chmod go-w ${folder.root}`,
      repair: () => chmodSync(folder.root, root.mode & 0o7755),
    });
  const parent = statSync(dirname(folder.root));
  if ((parent.mode & 0o002) !== 0 && (parent.mode & 0o1000) === 0)
    found.push({
      id: 'files.shared-parent',
      severity: 'critical',
      what: `${dirname(folder.root)} can be written by every user: they can replace the data directory`,
      fix: 'Move the data directory (--data-dir) below a directory of this user',
    });
  const token = statSync(folder.operatorToken, { throwIfNoEntry: false });
  if (token !== undefined && token.size < SHORTEST_TOKEN)
    found.push({
      id: 'token.empty',
      severity: 'high',
      what: `${folder.operatorToken} is empty or too short`,
      fix: 'pi-gateway-tui token rotate',
    });
  else if (token !== undefined && now - token.mtimeMs > TOKEN_DAYS * DAY_MS)
    found.push({
      id: 'token.age',
      severity: 'low',
      what: `the operator token is ${Math.floor((now - token.mtimeMs) / DAY_MS)} days old`,
      fix: 'pi-gateway-tui token rotate',
    });
  return found;
}

/** The directories and files of the gateway; what else is in the data directory is not its business. */
function privateFiles(folder: DataFolder): string[] {
  const names = readdirSync(folder.root).filter((name) => name.startsWith('gateway'));
  return names.flatMap((name) => below(join(folder.root, name), 4));
}

function below(path: string, depth: number): string[] {
  if (depth === 0 || lstatSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) return [path];
  return [path, ...readdirSync(path).flatMap((name) => below(join(path, name), depth - 1))];
}

/** A lock that makes no sense is no one's after this time. */
const HALF_WRITTEN_MS = 2_500;

function stale(folder: DataFolder): Finding[] {
  const left = existsSync(join(folder.root, 'gateway.lock'))
    ? FolderLock.isStale(folder.root)
    : existsSync(join(folder.root, 'gateway', 'runtime.json'));
  if (!left) return [];
  const takeOver = (): void => {
    FolderLock.acquire(folder.root).release();
    removeRuntime(folder);
  };
  return [
    {
      id: 'lock.stale',
      severity: 'low',
      what: 'a gateway that no longer runs left its lock or runtime file behind',
      fix: 'The next start replaces it',
      repair: () => {
        try {
          takeOver();
        } catch (error) {
          if (!(error instanceof FolderLockedError)) throw error;
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, HALF_WRITTEN_MS);
          takeOver();
        }
      },
    },
  ];
}

const UNIT_DIRECTORIES = ['/etc/systemd/system', join(homedir(), '.config/systemd/user')] as const;
const HARDENING = ['NoNewPrivileges', 'PrivateTmp', 'ProtectSystem'] as const;

function units(directories: readonly string[]): Finding[] {
  return directories.flatMap((directory) => {
    if (!existsSync(directory)) return [];
    return readdirSync(directory)
      .filter((name) => name.endsWith('.service'))
      .flatMap((name) => {
        const path = join(directory, name);
        const text = readable(path);
        if (text === undefined || !/^ExecStart=.*pi-gateway-tui/m.test(text)) return [];
        const missing = HARDENING.filter((key) => !new RegExp(`^${key}=`, 'm').test(text));
        return missing.length === 0
          ? []
          : [
              {
                id: `unit.hardening.${name}`,
                severity: 'medium' as const,
                what: `${path} lacks ${missing.join(', ')}: what the agent runs has more rights than it needs`,
                fix: 'Add the lines of docs/service.md, then systemctl daemon-reload and restart',
              },
            ];
      });
  });
}

function readable(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined; // a link to nowhere, or not ours to read
  }
}

function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path);
  }
}

function contains(outer: string, inner: string): boolean {
  const way = relative(outer, inner);
  return way === '' || (!way.startsWith('..') && !way.startsWith('/'));
}
