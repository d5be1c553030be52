import type { Adapter } from '../../gateway/adapter.ts';
import { WhatsAppAdapter, type WhatsAppTuning } from './adapter.ts';
import type { WhatsAppSettings } from './settings.ts';

export { BAILEYS_VERSION } from './baileys.ts';
export { type WhatsAppSettings, whatsappSettingsSchema } from './settings.ts';

/** WhatsApp as a linked device, through baileys. `tuning` is for tests. */
export function createWhatsAppAdapter(settings: WhatsAppSettings, tuning?: WhatsAppTuning): Adapter {
  return new WhatsAppAdapter(settings, tuning);
}
