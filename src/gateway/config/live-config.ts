/** The configuration of a running gateway: what of it is active at once, and who follows. */

import { isDeepStrictEqual } from 'node:util';
import { messageOf } from '../../base/errors.ts';
import { watchFile } from '../../base/files.ts';
import type { Logger } from '../../base/log.ts';
import type { Gateway } from '../gateway.ts';
import { isPlatform, type Platform } from '../model.ts';
import { ConfigAccess } from './access.ts';
import { withoutPlatformSecrets } from './agent-settings.ts';
import { type ConfigChange, ConfigEdits, isLive } from './edits.ts';
import { loadConfig } from './load.ts';
import type { Config } from './schema.ts';
import { resolveTokens } from './secrets.ts';
import { type Overrides, resolveSettings, type Settings } from './settings.ts';

/** Keys of a platform that are looked up when they are needed: the connection stays unchanged. */
const POLICIES: ReadonlySet<string> = new Set([
  'dmPolicy',
  'groupPolicy',
  'groups',
  'requireMention',
  'allowFrom',
  'groupSessionsPerUser',
  'busyMode',
  'toolActivity',
  'sessions',
  'agent',
  'chats',
  'homeChat',
]);

/**
 * Starts, stops or connects again the adapter whose settings were stored. What goes wrong is the adapter's health, told
 * as a phrase; the settings stay stored.
 */
export async function followConfig(
  gateway: Gateway,
  { key, value }: { readonly key: string; readonly value: unknown },
): Promise<string[]> {
  const [section, platform, name] = key.split('.');
  if (section !== 'platforms' || !isPlatform(platform) || gateway.state !== 'running') return [];
  const changed = name === undefined && typeof value === 'object' ? Object.keys(value ?? {}) : [name ?? ''];
  const { adapters } = gateway;
  if (changed.every((each) => POLICIES.has(each))) {
    gateway.show();
    return [];
  }
  try {
    if (gateway.deps.settings.enabled(platform)) await adapters.renew(platform);
    else await adapters.stop(platform);
  } catch (error) {
    return [`${platform}: ${messageOf(error)}`];
  }
  gateway.show();
  return [`${platform}: ${adapters.view(platform).detail}`];
}

/**
 * Settings whose per-platform part can be exchanged while the gateway is running: who may write, how sessions end, what
 * the agent of new conversations works with, how an adapter connects, who is told of what. Port, backend and everything else stay as they were at the start.
 */
function liveSettings(first: Settings, current: () => Settings): Settings {
  return {
    ...first,
    get owners() {
      return current().owners;
    },
    get notify() {
      return current().notify;
    },
    get heartbeat() {
      return current().heartbeat;
    },
    enabled: (platform) => current().enabled(platform),
    chats: (platform) => current().chats(platform),
    language: (chat) => current().language(chat),
    busyMode: (platform, kind) => current().busyMode(platform, kind),
    reset: (platform, kind) => current().reset(platform, kind),
    platform: (platform) => current().platform(platform),
    agentOf: (chat) => current().agentOf(chat),
  };
}

interface LiveConfigOptions {
  /** The file that is followed. */
  readonly path: string;
  /** The configuration that the gateway starts with, and what follows from it. */
  readonly started: Config;
  readonly settings: Settings;
  readonly overrides: Overrides;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly alsoEnabled: readonly Platform[];
  /** Nothing runs that could follow. */
  readonly offline: boolean;
  /** Throws a ConfigError for what a start refuses. */
  readonly check: (config: Config, origin: string) => Promise<unknown>;
}

export class LiveConfig {
  /** What the core reads: one object for the whole run. */
  readonly settings: Settings;
  readonly access: ConfigAccess;
  /** The environment of agents: what becomes a secret of a platform later leaves it. */
  readonly agentEnv: NodeJS.ProcessEnv;
  readonly #options: LiveConfigOptions;
  #current: Settings;
  #followers: { readonly gateway: Gateway; readonly edits: ConfigEdits } | undefined;

  constructor(options: LiveConfigOptions) {
    const { path, started, overrides, env, cwd, alsoEnabled } = options;
    this.#options = options;
    this.#current = withEnabled(options.settings, alsoEnabled);
    this.settings = liveSettings(this.#current, () => this.#current);
    this.agentEnv = withoutPlatformSecrets(started, env);
    const flags = { port: overrides.port, host: overrides.host, 'agent.backend': overrides.backend };
    this.access = new ConfigAccess(
      path,
      { flags, env, cwd, started },
      (key) => this.#stored(key),
      (now, origin) => this.#check(now, origin),
    );
  }

  /** From now on that gateway follows what is stored. */
  attach(gateway: Gateway, log: Logger): void {
    const { path, started } = this.#options;
    const edits = new ConfigEdits({
      path,
      first: started,
      check: (now) => this.#check(now, path),
      apply: (change) => this.#apply(gateway, change),
      log,
    });
    this.#followers = { gateway, edits };
  }

  /** Follows edits by hand; the result ends that. */
  watch(log: Logger): () => void {
    if (this.#options.offline) return () => {};
    return watchFile(
      this.#options.path,
      () => void this.look(),
      (error) =>
        log.warn('edits of config.json take effect after a restart: its directory cannot be watched', {
          error: messageOf(error),
        }),
    );
  }

  /** Reads the file again and follows it; what is wrong with it is logged and changes nothing. */
  async look(): Promise<void> {
    await this.#followers?.edits.look();
  }

  async #check(now: Config, origin: string): Promise<void> {
    const { check, offline, started, env } = this.#options;
    await check(now, origin);
    // A token may be a command: it is not run for a change of something else.
    if (!offline && !isDeepStrictEqual(now.tokens ?? [], started.tokens ?? []))
      await resolveTokens(now.tokens ?? [], env);
  }

  /** An operator stored a key. Is it in force already? */
  #stored(key: string): boolean {
    const { path, offline } = this.#options;
    const { config: now } = loadConfig(path);
    this.#followers?.edits.stored(now);
    if (key === 'schedules' && !offline) {
      void this.look(); // like an edit by hand, but at once
      return true;
    }
    if (!key.startsWith('platforms.') && !isLive(key)) return false;
    this.#replace(now);
    if (isLive(key)) void this.#followers?.gateway.notify.follow();
    return true;
  }

  async #apply(gateway: Gateway, { config, platforms, live, schedules }: ConfigChange): Promise<void> {
    if (platforms.size > 0 || live.length > 0) this.#replace(config);
    if (live.length > 0) await gateway.notify.follow();
    for (const [platform, names] of platforms)
      await followConfig(gateway, {
        key: `platforms.${platform}`,
        value: Object.fromEntries(names.map((name) => [name, null])),
      });
    if (schedules) await gateway.schedules.follow(config.schedules ?? []);
  }

  #replace(now: Config): void {
    const { overrides, env, cwd, alsoEnabled } = this.#options;
    this.#current = withEnabled(resolveSettings(now, overrides, env, cwd), alsoEnabled);
    const allowed = withoutPlatformSecrets(now, env);
    for (const name of Object.keys(this.agentEnv)) if (!(name in allowed)) delete this.agentEnv[name];
  }
}

/** The same settings with more platforms enabled. */
function withEnabled(from: Settings, platforms: readonly Platform[]): Settings {
  return { ...from, enabled: (platform) => from.enabled(platform) || platforms.includes(platform) };
}
