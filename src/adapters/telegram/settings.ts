import type { PlatformsConfig } from '../../gateway/config/schema.ts';
import type { Way } from '../kit/way.ts';

export const TELEGRAM_API_ROOT = 'https://api.telegram.org';

/** `platforms.telegram` of the configuration, and how the platform is reached. */
export type TelegramSettings = NonNullable<PlatformsConfig['telegram']> & {
  readonly token: string;
  readonly mode: 'polling' | 'webhook';
  /** How the platform is reached; default: directly. */
  readonly way?: Way;
};
