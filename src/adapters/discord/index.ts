import type { Adapter } from '../../gateway/adapter.ts';
import { DiscordAdapter, type DiscordTuning } from './adapter.ts';
import type { DiscordSettings } from './settings.ts';

export { type DiscordSettings, discordSettingsSchema } from './settings.ts';

/** A Discord bot through discord.js. `tuning` is for tests. */
export function createDiscordAdapter(settings: DiscordSettings, tuning?: DiscordTuning): Adapter {
  return new DiscordAdapter(settings, tuning);
}
