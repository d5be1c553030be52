import type { Adapter } from '../../gateway/adapter.ts';
import { TwitchAdapter } from './adapter.ts';
import { TWITCH_TIMING, type TwitchSettings, type TwitchTiming } from './settings.ts';

export { type TwitchSettings, type TwitchTiming, twitchSettingsSchema } from './settings.ts';

/**
 * The Twitch chat adapter.
 *
 * @example
 * createTwitchAdapter({ username: 'mybot', token: 'oauth:…', channels: ['mychannel'] });
 */
export function createTwitchAdapter(settings: TwitchSettings, timing: Partial<TwitchTiming> = {}): Adapter {
  return new TwitchAdapter(settings, { ...TWITCH_TIMING, ...timing });
}
