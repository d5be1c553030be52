/** What the guided setup says about each platform: what is needed, where it comes from, how people get in. */
import type { AdapterView, Platform } from '../../gateway/model.ts';

export interface PlatformGuide {
  /** One phrase for the list. */
  readonly needs: string;
  /** Settings that are asked for; all but the optional ones must be given. */
  readonly fields: readonly string[];
  readonly optional?: readonly string[];
  /** Where the answers come from. */
  readonly from: readonly string[];
}

/** In the order in which they are offered. */
export const GUIDES: readonly (readonly [Platform, PlatformGuide])[] = [
  [
    'telegram',
    {
      needs: 'a bot token',
      fields: ['token'],
      from: ['Write to @BotFather in Telegram: /newbot, choose a name, and copy the token it sends you.'],
    },
  ],
  [
    'discord',
    {
      needs: 'a bot token',
      fields: ['botToken'],
      from: [
        'discord.com/developers: New Application, Bot, Reset Token; switch Message Content Intent on there.',
        'Then invite the bot to your server (OAuth2, URL Generator, scope bot).',
      ],
    },
  ],
  [
    'slack',
    {
      needs: 'a bot token and an app token',
      fields: ['botToken', 'appToken'],
      from: [
        'api.slack.com/apps: your app needs Socket Mode. The app token (xapp-) has the scope connections:write;',
        'the bot token (xoxb-) is under OAuth & Permissions once the app is installed.',
      ],
    },
  ],
  [
    'whatsapp',
    {
      needs: 'a phone that scans a QR code',
      fields: ['pairingPhone'],
      optional: ['pairingPhone'],
      from: [
        'Leave the number empty to scan a QR code (WhatsApp, Linked devices), or give the phone number with its',
        'country code to type a code there instead.',
      ],
    },
  ],
  [
    'twitch',
    {
      needs: 'a login name, a token and channels',
      fields: ['username', 'token', 'channels'],
      from: ['The token (oauth:…) belongs to the account of the bot; channels are separated by commas.'],
    },
  ],
  ['websocket', { needs: 'nothing: programs and "pi-gateway-tui chat"', fields: [], from: [] }],
];

/** How a new person gets in on that platform, with the bot's own name where it is known. */
export function doorStep(platform: Platform, row: AdapterView | undefined): string {
  const bot = row?.account?.name ?? 'the bot';
  if (platform === 'websocket')
    return 'Write to it with: pi-gateway-tui chat. The first message requests access, as on every platform.';
  if (platform === 'whatsapp')
    return row?.state === 'connected'
      ? `Write to ${bot} from another phone.`
      : 'Link the phone first: Enter shows its QR code. Then write to that number from another phone.';
  return `Write a direct message to ${bot} on ${platform}.`;
}

/** The same from a shell, for each step. */
export function shellWords(platform: Platform): string[] {
  const guide = GUIDES.find(([name]) => name === platform)?.[1];
  const asked = (guide?.fields ?? []).filter((field) => guide?.optional?.includes(field) !== true);
  return [
    ...asked.map((field) => `pi-gateway-tui config set platforms.${platform}.${field} -`),
    `pi-gateway-tui config set platforms.${platform}.enabled true`,
    `pi-gateway-tui doctor ${platform}`,
  ];
}
