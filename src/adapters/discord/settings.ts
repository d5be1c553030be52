import { type Static, Type } from 'typebox';
import type { Way } from '../kit/way.ts';

export const DISCORD_API_URL = 'https://discord.com/api';

/** What `platforms.discord` of config.json says about the connection itself. */
export const discordSettingsSchema = Type.Object({
  botToken: Type.String({
    description: 'The bot token from the Discord developer portal (Bot > Reset Token).',
    default: '',
  }),
  guildId: Type.Optional(
    Type.String({
      description: 'Only this server is served (direct messages always are). Empty: every server of the bot.',
      default: '',
    }),
  ),
  apiUrl: Type.Optional(
    Type.String({
      description: "Root of Discord's REST API, for a local server.",
      default: DISCORD_API_URL,
    }),
  ),
});

export type DiscordSettings = Static<typeof discordSettingsSchema> & {
  /** How the platform is reached; default: directly. */
  readonly way?: Way;
};
