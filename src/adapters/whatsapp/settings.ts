import { type Static, Type } from 'typebox';

/** `platforms.whatsapp` of the configuration, beside the keys that every platform shares. */
export const WhatsAppSettings = Type.Object({
  sessionPath: Type.Optional(
    Type.String({
      description:
        'Folder of the linked session (private keys, 0600). Default: a private folder in the data folder. A session left there by a baileys multi-file store is taken over.',
    }),
  ),
  url: Type.Optional(
    Type.String({
      description: 'WebSocket address of the server. Default: WhatsApp itself. For a local test server.',
      pattern: '^wss?://',
    }),
  ),
  pairingPhone: Type.Optional(
    Type.String({
      description:
        'Phone number of the account, with country code. When set, a pairing code to type on the phone is shown beside the QR code. Default: QR code only.',
      pattern: '^\\+?[0-9 ().-]{6,24}$',
    }),
  ),
  version: Type.Optional(
    Type.String({
      description:
        'WhatsApp Web version to report, for instance "2.3000.1043857760". Default: the one baileys was built for. Only needed when WhatsApp refuses that one as too old.',
      pattern: '^\\d+\\.\\d+\\.\\d+$',
    }),
  ),
  readReceipts: Type.Optional(
    Type.Boolean({
      description:
        'Mark messages as read (blue ticks) once they are taken. Default: false, so that a phone in private use keeps its unread counters.',
      default: false,
    }),
  ),
  markOnline: Type.Optional(
    Type.Boolean({
      description:
        'Show the account as online while connected. Default: false: the phone gets no notifications while a linked device is online.',
      default: false,
    }),
  ),
  maxMessageAgeHours: Type.Optional(
    Type.Number({
      description:
        'Messages that waited longer than this while the gateway was off are not answered. Default: 24.',
      default: 24,
      minimum: 0,
    }),
  ),
});

export type WhatsAppSettings = Static<typeof WhatsAppSettings>;
