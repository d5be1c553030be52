import type { Adapter } from '../gateway/adapter.ts';
import type { PlatformsConfig } from '../gateway/config/schema.ts';
import { resolveSecrets } from '../gateway/config/secrets.ts';
import { GatewayError } from '../gateway/errors.ts';
import type { Platform } from '../gateway/model.ts';

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

/** Makes the adapter of a platform from its settings; `$ENV` and `!command` secrets are resolved first. */
export async function createPlatformAdapter<P extends LibraryPlatform>(
  platform: P,
  settings: NonNullable<PlatformsConfig[P]>,
  env: NodeJS.ProcessEnv,
): Promise<Adapter> {
  return LOADERS[platform](await resolveSecrets(settings, `platforms.${platform}`, env));
}

function need(platform: string, key: string, value: string | undefined): string {
  if (value !== undefined) return value;
  throw new GatewayError('adapter_unconfigured', `platforms.${platform}.${key} is not set`, {
    status: 409,
    hint: `Set platforms.${platform}.${key} in config.json; docs/adapters/${platform}.md says where it comes from.`,
  });
}
