import type { Platform } from '../model.ts';
import type { Settings } from './settings.ts';

export interface LiveSettings {
  /** What the core reads: one object for the whole run. */
  readonly settings: Settings;
  /** From now on the platforms are held to these. */
  replace(next: Settings): void;
}

/**
 * Settings whose per-platform part can be exchanged while the gateway runs: who may write, how sessions end, what
 * the agent of new conversations works with, how an adapter connects, who is told of what. Port, backend and everything else stay as they were at the start.
 */
export function liveSettings(first: Settings): LiveSettings {
  let current = first;
  const settings: Settings = {
    ...first,
    get owners() {
      return current.owners;
    },
    get notify() {
      return current.notify;
    },
    get heartbeat() {
      return current.heartbeat;
    },
    enabled: (platform) => current.enabled(platform),
    chats: (platform) => current.chats(platform),
    language: (chat) => current.language(chat),
    busyMode: (platform, kind) => current.busyMode(platform, kind),
    reset: (platform, kind) => current.reset(platform, kind),
    platform: (platform) => current.platform(platform),
    agentOf: (chat) => current.agentOf(chat),
  };
  return {
    settings,
    replace(next) {
      current = next;
    },
  };
}

/** The same settings with more platforms enabled. */
export function withEnabled(from: Settings, platforms: readonly Platform[] = []): Settings {
  return { ...from, enabled: (platform) => from.enabled(platform) || platforms.includes(platform) };
}
