/**
 * `config.json` as plain types, for programs: they have no schema library. `complete.ts` proves that these are the types
 * of the schema.
 */

type Thinking = 'off' | 'minimal' | 'low' | 'medium' | 'high' | 'xhigh' | 'max';
type Busy = 'steer' | 'queue' | 'interrupt';
type LanguageOption = 'auto' | 'en' | 'de' | 'fr' | 'es' | 'pt' | 'zh' | 'ja' | 'ru';
type AnswerFiles = 'off' | 'ask' | 'session';
type AgentContext = 'off' | 'brief' | 'full';

interface SessionsOptions {
  resetPolicy?: 'idle' | 'daily' | 'both' | 'none';
  dailyHour?: number;
  idleMinutes?: number;
  timeZone?: string;
}

interface PlatformSessionsOptions extends SessionsOptions {
  dm?: SessionsOptions;
  group?: SessionsOptions;
}

/** What a platform or one of its chats may have of its own. */
interface ChatAgentOptions {
  model?: string;
  thinking?: Thinking;
  tools?: string[];
  cwd?: string;
  systemPrompt?: string;
  context?: AgentContext;
  files?: AnswerFiles;
}

/** Keys that every platform takes. */
interface PlatformOptions {
  enabled?: boolean;
  dmPolicy?: 'pairing' | 'allowlist' | 'open' | 'disabled';
  groupPolicy?: 'allowlist' | 'open' | 'disabled';
  groups?: string[];
  requireMention?: boolean;
  allowFrom?: string[];
  groupSessionsPerUser?: boolean;
  busyMode?: Busy;
  toolActivity?: 'off' | 'brief' | 'verbose';
  language?: LanguageOption;
  sessions?: PlatformSessionsOptions;
  agent?: ChatAgentOptions;
  chats?: Record<string, { agent?: ChatAgentOptions; language?: LanguageOption }>;
  proxy?: string;
  homeChat?: string;
}

interface DiscordOptions extends PlatformOptions {
  botToken?: string;
  guildId?: string;
  apiUrl?: string;
}

interface TelegramOptions extends PlatformOptions {
  token?: string;
  mode?: 'polling' | 'webhook';
  webhookUrl?: string;
  webhookSecret?: string;
  sendLimits?: boolean;
  apiRoot?: string;
}

interface SlackOptions extends PlatformOptions {
  botToken?: string;
  appToken?: string;
  webhookUrl?: string;
  apiUrl?: string;
}

interface WhatsAppOptions extends PlatformOptions {
  sessionPath?: string;
  pairingPhone?: string;
  version?: string;
  readReceipts?: boolean;
  markOnline?: boolean;
  maxMessageAgeHours?: number;
  url?: string;
}

interface TwitchOptions extends PlatformOptions {
  username?: string;
  token?: string;
  clientId?: string;
  clientSecret?: string;
  refreshToken?: string;
  channels?: string[];
  notices?: string[];
  server?: string;
  port?: number;
  secure?: boolean;
  authUrl?: string;
  apiUrl?: string;
  eventSubUrl?: string;
}

interface PlatformsOptions {
  discord?: DiscordOptions;
  telegram?: TelegramOptions;
  slack?: SlackOptions;
  whatsapp?: WhatsAppOptions;
  twitch?: TwitchOptions;
  websocket?: PlatformOptions;
}

interface SecurityOptions {
  allowAll?: boolean;
  requirePairing?: boolean;
  openLoopback?: boolean;
  rateLimit?: { maxRequests?: number; windowMs?: number };
  botLoop?: { messages?: number; minutes?: number; muteMinutes?: number };
}

interface AgentOptions {
  backend?: 'auto' | 'pi-rpc' | 'pi-sdk' | 'scripted';
  command?: string[];
  cwd?: string;
  model?: string;
  thinking?: Thinking;
  tools?: string[];
  maxConcurrent?: number;
  idleMinutes?: number;
  busyMode?: Busy;
}

/** What `config.json` may hold: every key is optional. Keys that are not named here are in docs/configuration.md. */
export interface GatewayConfigFile {
  port?: number;
  host?: string;
  language?: LanguageOption;
  tokens?: string[];
  corsOrigins?: string[];
  enableWebSocket?: boolean;
  proxy?: string;
  enableHttp?: boolean;
  security?: SecurityOptions;
  sessions?: SessionsOptions;
  platforms?: PlatformsOptions;
  agent?: AgentOptions;
}

type Filled<T, K extends keyof T> = T & { [P in K]-?: T[P] };

/** The same with every default filled in: what `getConfig()` returns. */
export interface GatewayConfig extends GatewayConfigFile {
  port: number;
  host: string;
  tokens: string[];
  corsOrigins: string[];
  enableWebSocket: boolean;
  enableHttp: boolean;
  security: Filled<SecurityOptions, 'allowAll' | 'requirePairing' | 'openLoopback'>;
  sessions: Filled<SessionsOptions, 'resetPolicy' | 'dailyHour' | 'idleMinutes'>;
  platforms: {
    discord: Filled<DiscordOptions, 'enabled'>;
    telegram: Filled<TelegramOptions, 'enabled'>;
    slack: Filled<SlackOptions, 'enabled'>;
    whatsapp: Filled<WhatsAppOptions, 'enabled'>;
    twitch: Filled<TwitchOptions, 'enabled'>;
    websocket: Filled<PlatformOptions, 'enabled'>;
  };
  agent: Filled<AgentOptions, 'backend' | 'maxConcurrent' | 'idleMinutes'>;
}
