import { GatewayError } from '../base/errors.ts';
import type { Adapter } from '../gateway/adapter.ts';
import { configKeys } from '../gateway/config/access.ts';
import type { PlatformsConfig } from '../gateway/config/schema.ts';
import { passwordsOf, resolveSecret, resolveSecrets } from '../gateway/config/secrets.ts';
import type { Platform } from '../gateway/model.ts';
import { DIRECT, namesProxy, type Way } from './kit/way.ts';

const SECRET_KEYS = new Set(configKeys().flatMap(({ key, secret }) => (secret ? [key] : [])));

type LibraryPlatform = Exclude<Platform, 'websocket'>;

/** A platform's library is loaded only when its adapter is made, or is to be made soon. */
const MODULES = {
  telegram: () => import('./telegram/definition.ts'),
  discord: () => import('./discord/definition.ts'),
  slack: () => import('./slack/definition.ts'),
  whatsapp: () => import('./whatsapp/definition.ts'),
  twitch: () => import('./twitch/definition.ts'),
} as const satisfies Record<LibraryPlatform, () => Promise<unknown>>;

/** Loads what the adapters of these platforms need, so that they start quickly later. Connects to nothing. */
export async function loadAdapters(platforms: PlatformsConfig): Promise<void> {
  for (const [platform, load] of Object.entries(MODULES))
    if (platforms[platform as LibraryPlatform]?.enabled === true) await load();
}

const LOADERS: {
  [P in LibraryPlatform]: (settings: NonNullable<PlatformsConfig[P]>, way: Way) => Promise<Adapter>;
} = {
  telegram: async (settings, way) =>
    (await MODULES.telegram()).createTelegramAdapter({
      mode: 'polling',
      ...settings,
      way,
      token: need('telegram', 'token', settings.token),
    }),
  discord: async (settings, way) =>
    (await MODULES.discord()).createDiscordAdapter({
      ...settings,
      way,
      botToken: need('discord', 'botToken', settings.botToken),
    }),
  slack: async (settings, way) => (await MODULES.slack()).createSlackAdapter({ ...settings, way }),
  whatsapp: async (settings, way) => (await MODULES.whatsapp()).createWhatsAppAdapter({ ...settings, way }),
  twitch: async (settings, way) =>
    (await MODULES.twitch()).createTwitchAdapter({
      ...settings,
      way,
      username: need('twitch', 'username', settings.username),
      token: need('twitch', 'token', settings.token),
      channels: settings.channels ?? [],
    }),
};

/**
 * Makes the adapter of a platform from its settings; `$ENV` and `!command` secrets are resolved first. `secret` hears
 * each of them before anything else can.
 */
export async function createPlatformAdapter<P extends LibraryPlatform>(
  platform: P,
  settings: NonNullable<PlatformsConfig[P]>,
  env: NodeJS.ProcessEnv,
  secret: (value: string) => void,
  /** Of all platforms; that of the platform comes before it. */
  proxy?: string,
): Promise<Adapter> {
  const resolved = await resolveSecrets(settings, `platforms.${platform}`, env);
  const general = settings.proxy === undefined && proxy !== undefined;
  if (general) resolved.proxy = await resolveSecret(proxy, 'proxy', env);
  for (const [key, value] of Object.entries(resolved)) {
    const name = `platforms.${platform}.${key}`;
    if (typeof value !== 'string' || !SECRET_KEYS.has(name)) continue;
    const bare = value.trim();
    // Of a proxy only the password is a secret: its host, or the word "direct", may stand anywhere.
    for (const hidden of key === 'proxy' ? passwordsOf(bare) : [bare]) secret(hidden);
    checkSecret(key === 'proxy' && general ? key : name, bare);
    Object.assign(resolved, { [key]: bare });
  }
  const proxySettings = { proxy: resolved.proxy, env };
  // Anyone who has no proxy loads nothing for it.
  const way = namesProxy(proxySettings)
    ? (await import('./kit/proxied.ts')).proxiedWay(proxySettings)
    : DIRECT;
  return LOADERS[platform](resolved, way);
}

const QUOTED = /^(["'`]).*\1$|^[\u2018\u201c\u201e].*[\u2018\u2019\u201c\u201d]$/s;

/** A copied secret brings along what stands around it; the platform would only say that it refuses the token. */
function checkSecret(name: string, value: string): void {
  const fault =
    value === ''
      ? 'is blank'
      : QUOTED.test(value)
        ? 'is in quotes'
        : /[\s\p{Cc}]/u.test(value)
          ? 'has a space or a line break inside'
          : undefined;
  if (fault === undefined) return;
  throw new GatewayError('secret_malformed', `${name}: its value ${fault}`, {
    status: 409,
    hint: `Set ${name}, or the variable or command it names, to the secret alone.`,
  });
}

function need(platform: string, key: string, value: string | undefined): string {
  if (value !== undefined) return value;
  throw new GatewayError('adapter_unconfigured', `platforms.${platform}.${key} is not set`, {
    status: 409,
    hint: `Set platforms.${platform}.${key} in config.json; docs/adapters/${platform}.md says where it comes from.`,
  });
}
