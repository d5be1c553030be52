import type { Adapter } from '../../gateway/adapter.ts';
import { WhatsAppAdapter, type WhatsAppOptions } from './adapter.ts';
import type { WhatsAppSettings } from './settings.ts';

export type { WhatsAppOptions } from './adapter.ts';
export { BAILEYS_VERSION } from './baileys.ts';
export { WhatsAppSettings } from './settings.ts';

/** The WhatsApp adapter. `settings` have been checked against `WhatsAppSettings`; `options` are for tests. */
export function createWhatsAppAdapter(settings: WhatsAppSettings, options: WhatsAppOptions = {}): Adapter {
  return new WhatsAppAdapter(settings, options);
}
