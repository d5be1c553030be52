import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { type Static, Type } from 'typebox';
import type { Way } from '../kit/way.ts';

/** Where baileys connects to by itself. */
export const WHATSAPP_URL = 'wss://web.whatsapp.com/ws/chat';

/** What `platforms.whatsapp` of config.json says about the connection itself. */
export const whatsappSettingsSchema = Type.Object({
  sessionPath: Type.Optional(
    Type.String({
      description:
        'Directory of the linked session (private keys, 0600). Empty: a private directory in the data directory. An existing session of @0xkobold/pi-gateway is imported.',
      default: '',
    }),
  ),
  url: Type.Optional(
    Type.String({
      description: 'WebSocket address of the server, for a local one.',
      default: WHATSAPP_URL,
      pattern: '^wss?://',
    }),
  ),
  pairingPhone: Type.Optional(
    Type.String({
      description:
        'Phone number of the account with country code: a pairing code to type on the phone is shown next to the QR code. Empty: QR code only.',
      default: '',
      pattern: '^(?:\\+?[0-9 ().-]{6,24})?$',
    }),
  ),
  version: Type.Optional(
    Type.String({
      description:
        'WhatsApp Web version to report, for example "2.3000.1043857760". Only needed when WhatsApp refuses this client as too old. Empty: the one baileys was built for.',
      default: '',
      pattern: '^(?:\\d+\\.\\d+\\.\\d+)?$',
    }),
  ),
  readReceipts: Type.Optional(
    Type.Boolean({
      description:
        'Mark messages as read (blue ticks) once they are taken. False keeps the unread counters of a phone in private use.',
      default: false,
    }),
  ),
  markOnline: Type.Optional(
    Type.Boolean({
      description:
        'Show the account as online while connected. The phone gets no notifications while a linked device is online.',
      default: false,
    }),
  ),
  maxMessageAgeHours: Type.Optional(
    Type.Number({
      description: 'Messages older than this when the gateway starts are not answered.',
      default: 24,
      minimum: 0,
    }),
  ),
});

export type WhatsAppSettings = Static<typeof whatsappSettingsSchema> & {
  /** How the platform is reached; default: directly. */
  readonly way?: Way;
};

/** The folder, address, number or version that was set; undefined for the default. */
export function chosen(value: string | undefined): string | undefined {
  return value === undefined || value === '' || value === WHATSAPP_URL ? undefined : value;
}

/** The folder of the linked session. */
export function sessionFolder(settings: WhatsAppSettings, stateDir: string): string {
  const path = chosen(settings.sessionPath);
  return path === undefined ? join(stateDir, 'session') : resolve(path.replace(/^~(?=$|\/)/, homedir()));
}
