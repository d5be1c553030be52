import type { Adapter } from '../gateway/adapter.ts';
import { configKeys } from '../gateway/config/access.ts';
import type { PlatformsConfig } from '../gateway/config/schema.ts';
import { resolveSecrets } from '../gateway/config/secrets.ts';
import { GatewayError } from '../gateway/errors.ts';
import type { Platform } from '../gateway/model.ts';

const SECRET_KEYS = new Set(configKeys().flatMap(({ key, secret }) => (secret ? [key] : [])));

type LibraryPlatform = Exclude<Platform, 'websocket'>;

/** Platform name to lazy import: a platform's library is loaded only when its adapter is made. */
const LOADERS: { [P in LibraryPlatform]: (settings: NonNullable<PlatformsConfig[P]>) => Promise<Adapter> } = {
  telegram: async (settings) =>
    (await import('./telegram/index.ts')).createTelegramAdapter({
      mode: 'polling',
      ...settings,
      token: need('telegram', 'token', settings.token),
    }),
  discord: async (settings) =>
    (await import('./discord/index.ts')).createDiscordAdapter({
      ...settings,
      botToken: need('discord', 'botToken', settings.botToken),
    }),
  slack: async (settings) => (await import('./slack/index.ts')).createSlackAdapter(settings),
  whatsapp: async (settings) => (await import('./whatsapp/index.ts')).createWhatsAppAdapter(settings),
  twitch: async (settings) =>
    (await import('./twitch/index.ts')).createTwitchAdapter({
      ...settings,
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
): Promise<Adapter> {
  const resolved = await resolveSecrets(settings, `platforms.${platform}`, env);
  for (const [key, value] of Object.entries(resolved))
    if (typeof value === 'string' && SECRET_KEYS.has(`platforms.${platform}.${key}`)) secret(value);
  return LOADERS[platform](resolved);
}

function need(platform: string, key: string, value: string | undefined): string {
  if (value !== undefined) return value;
  throw new GatewayError('adapter_unconfigured', `platforms.${platform}.${key} is not set`, {
    status: 409,
    hint: `Set platforms.${platform}.${key} in config.json; docs/adapters/${platform}.md says where it comes from.`,
  });
}
