import { LONGEST_TIMER_MS } from '../../base/async.ts';
import { ConfigError, GatewayError, messageOf } from '../../base/errors.ts';
import type { Language, LanguageSetting } from '../language/languages.ts';
import type { ChatKind, ChatRef, Platform } from '../model.ts';
import { PLATFORMS } from '../model.ts';
import { checkAddresses, type Owner, readOwners } from '../notify/owners.ts';
import { parseTarget } from '../send/outbound.ts';
import { readLimits, type SpendLimit } from '../spending/limit.ts';
import { machineZone } from '../time-zone.ts';
import {
  type AgentHostSettings,
  agentHosts,
  type ChatAgent,
  capOf,
  chatAgent,
  copiedBytes,
  sharedSessionDir,
} from './agent-settings.ts';
import { misses } from './meaning.ts';
import type { BusyMode, Config, PlatformsConfig, SessionsConfig } from './schema.ts';
import type { HeartbeatConfig, NotifyConfig } from './section-schemas.ts';
import {
  type PairingLimits,
  pairingConflict,
  pairingLimits,
  type Retention,
  readRetention,
} from './section-schemas.ts';

/** Minutes that a timer waits: anyone who writes a year means that nothing is to be ended. */
const timed = (minutes: number): number => Math.min(minutes * 60_000, LONGEST_TIMER_MS);

/** Values given on the command line; each wins over environment and file. */
export interface Overrides {
  readonly port?: number;
  readonly host?: string;
  readonly backend?: 'auto' | 'pi-rpc' | 'pi-sdk' | 'scripted';
  readonly noAgent?: boolean;
}

export interface ResetSettings {
  readonly policy: 'idle' | 'daily' | 'both' | 'none';
  readonly dailyHour: number;
  readonly idleMinutes: number;
  readonly timeZone: string;
}

/** What one platform's chats are held to. */
export interface ChatPolicy {
  readonly dmPolicy: 'pairing' | 'allowlist' | 'open' | 'disabled';
  readonly groupPolicy: 'allowlist' | 'open' | 'disabled';
  readonly groups: readonly string[];
  readonly requireMention: boolean;
  readonly allowFrom: readonly string[];
  readonly groupSessionsPerUser: boolean;
  readonly toolActivity: 'off' | 'brief' | 'verbose';
}

/** The configuration with every default filled in: what the core reads. */
/** Bytes of text that may be queued. */
export interface TextBudget {
  readonly personBytes: number;
  readonly chatBytes: number;
  readonly totalBytes: number;
}

export interface Settings {
  readonly port: number;
  readonly host: string;
  readonly tokens: readonly string[];
  readonly corsOrigins: readonly string[];
  readonly enableHttp: boolean;
  readonly enableWebSocket: boolean;
  readonly allowAll: boolean;
  readonly openLoopback: boolean;
  readonly rateLimit: { readonly maxRequests: number; readonly windowMs: number };
  /** Messages of one bot within a time that mute a chat. */
  readonly botLoop: { readonly messages: number; readonly windowMs: number; readonly muteMs: number };
  readonly pairing: PairingLimits;
  readonly retention: Retention;
  readonly backup: { readonly daily: boolean; readonly keep: number };
  readonly limits: TextBudget & { readonly keptRows: number; readonly spend: readonly SpendLimit[] };
  readonly noAgent: boolean;
  /** Follow-ups in a thread in which the bot was called need no mention. */
  readonly followThreads: boolean;
  /** Messages of groups are kept in memory for the next call of the bot. */
  readonly listenToGroups: boolean;
  readonly schedules: NonNullable<Config['schedules']>;
  /** `sessions.bindings` of the older package. */
  readonly olderBindings: Readonly<Record<string, string>>;
  /** Who gets notices in a chat, and what they may do there. */
  readonly owners: readonly Owner[];
  /** Other ways for notices; secrets are still `$NAME` or `!command`. */
  readonly notify: NotifyConfig;
  readonly heartbeat: HeartbeatConfig;
  readonly agent: {
    readonly backend: 'auto' | 'pi-rpc' | 'pi-sdk' | 'scripted';
    readonly isolation: 'shared' | 'person' | 'session';
    readonly command: readonly string[] | undefined;
    readonly sharesFiles: boolean | undefined;
    readonly hosts: readonly AgentHostSettings[];
    /** Shared by the gateway and all hosts. */
    readonly sessionDir: string | undefined;
    /** Largest session file of which the gateway has a copy, in bytes; undefined: it has none. */
    readonly copiedBytes: number | undefined;
    readonly cwd: string;
    readonly model: string | undefined;
    readonly thinking: string | undefined;
    readonly tools: readonly string[] | undefined;
    readonly maxConcurrent: number;
    readonly maxTasks: number;
    readonly startMs: number;
    readonly idleMs: number;
    readonly turnMs: number;
    readonly silenceMs: number;
    readonly maxWaiting: number;
    readonly approvals: 'off' | 'dangerous' | 'all';
    readonly resume: 'auto' | 'ask' | 'off';
    /** How long a question of the agent waits, in milliseconds. */
    readonly questionMs: number;
  };
  enabled(platform: Platform): boolean;
  chats(platform: Platform): ChatPolicy;
  /** What the agent of a chat works with; of no one's chat (a task of the operator): the general settings. */
  agentOf(chat: Pick<ChatRef, 'platform' | 'chatId'> | undefined): ChatAgent;
  busyMode(platform: Platform, kind: ChatKind): BusyMode;
  /** In which language a chat is written to, as far as its people have not chosen; `used`: all that are configured. */
  language(chat?: Pick<ChatRef, 'platform' | 'chatId'>): {
    readonly setting: LanguageSetting;
    readonly used: readonly Language[];
  };
  reset(platform: Platform, kind: ChatKind): ResetSettings;
  platform<P extends Platform>(platform: P): NonNullable<PlatformsConfig[P]>;
}

/** Fills in defaults: flag over environment over file over default. Throws ConfigError for an unsafe combination. */
export function resolveSettings(
  config: Config,
  overrides: Overrides,
  env: NodeJS.ProcessEnv,
  cwd: string,
): Settings {
  const platforms = config.platforms ?? {};
  const allowAll = config.security?.allowAll ?? false;
  const requirePairing = config.security?.requirePairing ?? true;
  const chats = new Map<Platform, ChatPolicy>();
  for (const platform of PLATFORMS) {
    const own = platforms[platform];
    chats.set(platform, {
      dmPolicy: own?.dmPolicy ?? (requirePairing ? 'pairing' : 'allowlist'),
      groupPolicy: own?.groupPolicy ?? 'allowlist',
      groups: own?.groups ?? [],
      requireMention: own?.requireMention ?? true,
      allowFrom: own?.allowFrom ?? [],
      groupSessionsPerUser: own?.groupSessionsPerUser ?? true,
      toolActivity: own?.toolActivity ?? 'brief',
    });
  }
  let zone: string | undefined;
  const localZone = (): string => {
    zone ??= machineZone(env); // asked once: it costs about 50 µs
    return zone;
  };
  const hosts = agentHosts(config.agent, overrides.backend);
  const languages = languagesOf(config); // asked for with every text
  const sessionDir = sharedSessionDir(config.agent);
  checkNotices(platforms.twitch?.notices ?? []);
  checkAddresses(config.notify, config.heartbeat?.url);
  const settings: Settings = {
    port: givenPort(overrides.port) ?? envPort(env) ?? config.port ?? 3847,
    host:
      givenHost(overrides.host, 'host') ??
      givenHost(env['PI_GATEWAY_HOST'], 'PI_GATEWAY_HOST') ??
      config.host ??
      'localhost',
    tokens: config.tokens ?? [],
    corsOrigins: config.corsOrigins ?? ['*'],
    enableHttp: config.enableHttp ?? true,
    enableWebSocket: config.enableWebSocket ?? true,
    allowAll,
    openLoopback: config.security?.openLoopback ?? false,
    limits: {
      personBytes: config.limits?.personBytes ?? 2_000_000,
      chatBytes: config.limits?.chatBytes ?? 8_000_000,
      totalBytes: config.limits?.totalBytes ?? 64_000_000,
      keptRows: config.limits?.keptRows ?? 20_000,
      spend: readLimits(config.limits?.spend ?? [], localZone),
    },
    retention: readRetention(config.retention),
    backup: { daily: config.backup?.daily ?? true, keep: config.backup?.keep ?? 7 },
    rateLimit: {
      maxRequests: config.security?.rateLimit?.maxRequests ?? 60,
      windowMs: config.security?.rateLimit?.windowMs ?? 60_000,
    },
    botLoop: {
      messages: config.security?.botLoop?.messages ?? 20,
      windowMs: (config.security?.botLoop?.minutes ?? 5) * 60_000,
      muteMs: (config.security?.botLoop?.muteMinutes ?? 10) * 60_000,
    },
    pairing: pairingLimits(config.pairing),
    noAgent: overrides.noAgent ?? false,
    followThreads: config.threads?.follow ?? true,
    listenToGroups: config.groups?.listen ?? false,
    schedules: config.schedules ?? [],
    olderBindings: config.sessions?.bindings ?? {},
    owners: readOwners(config.owners, localZone),
    notify: config.notify ?? {},
    heartbeat: config.heartbeat ?? {},
    agent: {
      backend: overrides.backend ?? config.agent?.backend ?? 'auto',
      isolation: config.agent?.isolation ?? 'shared',
      command: config.agent?.command,
      sharesFiles: config.agent?.sharesFiles,
      hosts,
      sessionDir,
      copiedBytes: copiedBytes(config.agent),
      cwd: config.agent?.cwd ?? cwd,
      model: config.agent?.model,
      thinking: config.agent?.thinking,
      tools: config.agent?.tools,
      maxConcurrent: config.agent?.maxConcurrent ?? (capOf(hosts) || 4),
      maxTasks: config.agent?.maxTasks ?? 2,
      startMs: (config.agent?.startSeconds ?? 20) * 1000,
      idleMs: timed(config.agent?.idleMinutes ?? 5),
      turnMs: timed(config.agent?.turnMinutes ?? 30),
      silenceMs: timed(config.agent?.silenceMinutes ?? 10),
      maxWaiting: config.agent?.maxWaiting ?? 20,
      approvals: config.agent?.approvals ?? 'off',
      resume: config.agent?.resume ?? 'auto',
      questionMs: timed(config.agent?.questionMinutes ?? 10),
    },
    enabled: (platform) => platforms[platform]?.enabled ?? platform === 'websocket',
    chats: (platform) => chats.get(platform) ?? fail(platform),
    agentOf: (chat) => {
      const own = chat === undefined ? undefined : platforms[chat.platform];
      const general = { ...config.agent, cwd: config.agent?.cwd ?? cwd };
      return chatAgent(
        general,
        own?.agent,
        chat === undefined ? undefined : own?.chats?.[chat.chatId]?.agent,
      );
    },
    busyMode: (platform, kind) =>
      platforms[platform]?.busyMode ?? config.agent?.busyMode ?? (kind === 'dm' ? 'steer' : 'queue'),
    language: (chat) => {
      const own = chat === undefined ? undefined : platforms[chat.platform];
      return {
        setting: own?.chats?.[chat?.chatId ?? '']?.language ?? own?.language ?? config.language ?? 'auto',
        used: languages,
      };
    },
    reset: (platform, kind) => {
      const own = platforms[platform]?.sessions;
      const layers: readonly (SessionsConfig | undefined)[] = [own?.[kind], own, config.sessions];
      const policy = first(layers, 'resetPolicy') ?? 'idle';
      return {
        policy,
        dailyHour: first(layers, 'dailyHour') ?? 4,
        idleMinutes: first(layers, 'idleMinutes') ?? 1440,
        // Only a daily boundary needs the zone, and asking for it loads a lot.
        timeZone: first(layers, 'timeZone') ?? (policy === 'idle' || policy === 'none' ? 'UTC' : localZone()),
      };
    },
    platform: (platform) => platforms[platform] ?? {},
  };
  const conflict = pairingConflict(settings.pairing);
  if (conflict !== undefined)
    throw new ConfigError(
      `${conflict.key} is invalid: ${conflict.text}`,
      'Change one of the two in config.json, or remove both for the defaults.',
    );
  if (!isLoopbackHost(settings.host) && settings.tokens.length === 0)
    throw new ConfigError(
      `host: "${settings.host}" is reachable from other machines, but tokens is empty`,
      'Set "tokens" in config.json to at least one long random text, or set host to "localhost".',
    );
  return settings;
}

/** The languages that the configuration names. */
function languagesOf({ language, platforms = {} }: Config): readonly Language[] {
  const named = Object.values(platforms).flatMap((each) => [
    each?.language,
    ...Object.values(each?.chats ?? {}).map((chat) => chat.language),
  ]);
  return [language, ...named].filter((each) => each !== undefined && each !== 'auto');
}

/** True for names and addresses that only this machine can reach. */
export function isLoopbackHost(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host);
}

/** Badges that stay red as long as the configuration lets new users in. */
export function openBadges(settings: Settings): string[] {
  const badges = settings.allowAll ? ['allowAll: everyone has access'] : [];
  if (settings.openLoopback) badges.push('openLoopback: every local user can read the API');
  for (const platform of PLATFORMS) {
    if (!settings.enabled(platform)) continue;
    const { dmPolicy, groupPolicy } = settings.chats(platform);
    if (dmPolicy === 'open') badges.push(`${platform}: direct messages are open`);
    if (groupPolicy === 'open') badges.push(`${platform}: all groups are open`);
  }
  if (settings.listenToGroups) badges.push('listening: group messages are kept for a day (groups.listen)');
  return badges;
}

function first<K extends keyof SessionsConfig>(
  layers: readonly (SessionsConfig | undefined)[],
  key: K,
): SessionsConfig[K] | undefined {
  for (const layer of layers) if (layer?.[key] !== undefined) return layer[key];
  return undefined;
}

/** Of the caller of the API or the command line. */
function givenPort(port: number | undefined): number | undefined {
  if (port === undefined || (Number.isInteger(port) && port >= 0 && port <= 65_535)) return port;
  throw new ConfigError(
    `port: ${port} is invalid: expected a whole number from 0 to 65535`,
    'Give another port; 0 takes a free one.',
  );
}

/** An empty text means "not set", as in the file. */
function givenHost(host: string | undefined, name: string): string | undefined {
  if (host === undefined || host === '') return undefined;
  const missed = misses('host', host, []);
  if (missed === undefined) return host;
  throw new ConfigError(
    `${name}: ${JSON.stringify(host)} is invalid: expected ${missed.expected}`,
    missed.advice ?? 'Use localhost, or an address of this machine.',
  );
}

function envPort(env: NodeJS.ProcessEnv): number | undefined {
  const text = env['PI_GATEWAY_PORT'];
  if (text === undefined || text === '') return undefined;
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new ConfigError(
      `PI_GATEWAY_PORT: "${text}" is not a port`,
      'Set it to a whole number from 0 to 65535.',
    );
  return port;
}

function fail(platform: string): never {
  throw new ConfigError(`unknown platform "${platform}"`);
}

/** A stream begins at night: a target that leads nowhere has to show now. */
function checkNotices(targets: readonly string[]): void {
  for (const [index, text] of targets.entries()) {
    const name = `platforms.twitch.notices.${index}`;
    try {
      if (parseTarget(text).kind !== 'origin') continue;
    } catch (error) {
      throw new ConfigError(
        `${name}: ${messageOf(error)}`,
        error instanceof GatewayError ? error.hint : undefined,
      );
    }
    throw new ConfigError(`${name}: a stream notice has no origin`, 'Name a chat.');
  }
}
