import type { PlatformsConfig } from '../../gateway/config/schema.ts';
import type { Way } from '../kit/way.ts';

export const DISCORD_API_URL = 'https://discord.com/api';

/** `platforms.discord` of the configuration, and how the platform is reached. */
export type DiscordSettings = NonNullable<PlatformsConfig['discord']> & {
  readonly botToken: string;
  /** How the platform is reached; default: directly. */
  readonly way?: Way;
};
