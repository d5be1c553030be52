import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import type { PlatformsConfig } from '../../gateway/config/schema.ts';
import type { Way } from '../kit/way.ts';

/** Where baileys connects to on its own. */
export const WHATSAPP_URL = 'wss://web.whatsapp.com/ws/chat';

/** `platforms.whatsapp` of the configuration, and how the platform is reached. */
export type WhatsAppSettings = NonNullable<PlatformsConfig['whatsapp']> & {
  /** How the platform is reached; default: directly. */
  readonly way?: Way;
};

/** The directory, address, number or version that was set; undefined for the default. */
export function chosen(value: string | undefined): string | undefined {
  return value === undefined || value === '' || value === WHATSAPP_URL ? undefined : value;
}

/** The directory of the linked session. */
export function sessionFolder(settings: WhatsAppSettings, stateDir: string): string {
  const path = chosen(settings.sessionPath);
  return path === undefined ? join(stateDir, 'session') : resolve(path.replace(/^~(?=$|\/)/, homedir()));
}
