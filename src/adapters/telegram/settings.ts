import { type Static, Type } from 'typebox';
import type { Way } from '../kit/way.ts';

export const TELEGRAM_API_ROOT = 'https://api.telegram.org';

/** What `platforms.telegram` of config.json says about the connection itself. */
export const telegramSettingsSchema = Type.Object({
  token: Type.String({
    description: 'The bot token from @BotFather, for example "123456:ABC…".',
    default: '',
  }),
  mode: Type.Union([Type.Literal('polling'), Type.Literal('webhook')], {
    description:
      'How messages arrive: "polling" works everywhere; "webhook" needs a public HTTPS address (webhookUrl).',
    default: 'polling',
  }),
  webhookUrl: Type.Optional(
    Type.String({
      description:
        'Public HTTPS address that leads to this gateway. A bare host gets the path /webhooks/telegram.',
      default: '',
    }),
  ),
  webhookSecret: Type.Optional(
    Type.String({
      description:
        'Secret that Telegram sends with every webhook request (A-Z a-z 0-9 _ -). Empty: a new one at each start.',
      default: '',
    }),
  ),
  apiRoot: Type.Optional(
    Type.String({
      description: 'Root of the Bot API, for a self-hosted Bot API server.',
      default: TELEGRAM_API_ROOT,
    }),
  ),
  sendLimits: Type.Optional(
    Type.Boolean({
      description:
        "Stay under Telegram's send limits (1 a second per chat, 20 a minute per group, 30 a second in total).",
      default: true,
    }),
  ),
});

export type TelegramSettings = Static<typeof telegramSettingsSchema> & {
  /** How the platform is reached; default: directly. */
  readonly way?: Way;
};
