import type { Adapter } from '../../gateway/adapter.ts';
import { TelegramAdapter, type TelegramTuning } from './adapter.ts';
import type { TelegramSettings } from './settings.ts';

export { type TelegramSettings, telegramSettingsSchema } from './settings.ts';

/** A Telegram bot through telegraf, by long poll or webhook. `tuning` is for tests. */
export function createTelegramAdapter(settings: TelegramSettings, tuning?: TelegramTuning): Adapter {
  return new TelegramAdapter(settings, tuning);
}
