/**
 * The guided setup: what it says about each platform, and what keys do in it. Esc skips from every step; nothing here
 * keeps the gateway waiting.
 */

import type { AdapterView, Platform } from '../../gateway/model.ts';
import type { ActionContext } from '../actions/action.ts';
import { openInvite } from '../actions/pairing.ts';
import { type Mode, withoutMode } from '../state/view.ts';
import { openSettings } from './save.ts';

interface PlatformGuide {
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

/** How a new user writes the first message on that platform, with the bot's own name where it is known. */
export function firstMessageStep(platform: Platform, row: AdapterView | undefined): string {
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

type SetupMode = Extract<Mode, { kind: 'setup' }>;

export const FIRST_STEP: SetupMode = { kind: 'setup', step: 'agent', index: 0 };

function go(context: ActionContext, next: Partial<SetupMode>): void {
  context.update((view) => ({
    ...view,
    modes: view.modes.map((mode) => (mode.kind === 'setup' ? { ...mode, ...next } : mode)),
  }));
}

export function setupKey(context: ActionContext, mode: SetupMode, key: string): void {
  if (key === 'esc' || key === 'q') {
    context.update(withoutMode);
    if (mode.step !== 'done') context.toast('Skipped. : setup opens it again.');
    return;
  }
  if (mode.step === 'agent') agentKey(context, key);
  else if (mode.step === 'platform') platformKey(context, mode, key);
  else doneKey(context, mode, key);
}

function agentKey(context: ActionContext, key: string): void {
  if (key === 'enter') go(context, { step: 'platform' });
  else if (key === 'c') context.run({ type: 'doctor' }, { pending: 'doctor', after: () => {} });
}

const STEPS: Readonly<Record<string, number>> = { down: 1, j: 1, tab: 1, up: -1, k: -1, 'shift+tab': -1 };

function platformKey(context: ActionContext, mode: SetupMode, key: string): void {
  const step = STEPS[key];
  if (step !== undefined) go(context, { index: (mode.index + step + GUIDES.length) % GUIDES.length });
  else if (key === 'left' || key === 'h' || key === 'backspace') go(context, { step: 'agent' });
  else if (key === 'enter') {
    const platform = GUIDES[mode.index]?.[0];
    if (platform !== undefined) choose(context, platform);
  } else {
    const digit = GUIDES[Number(key) - 1];
    if (digit !== undefined) go(context, { index: GUIDES.indexOf(digit) });
  }
}

function choose(context: ActionContext, platform: Platform): void {
  const guide = GUIDES.find(([name]) => name === platform)?.[1];
  if (guide === undefined) return;
  const saved = (said: readonly string[]): void => go(context, { step: 'done', platform, said });
  if (guide.fields.length === 0) {
    context.run(
      { type: 'config.set', key: `platforms.${platform}`, value: { enabled: true } },
      { pending: platform, after: ({ message }) => saved([message]) },
    );
    return;
  }
  openSettings(context, {
    platform,
    only: guide.fields,
    required: guide.fields.filter((field) => guide.optional?.includes(field) !== true),
    title: `Set up ${platform}`,
    intro: [
      ...guide.from,
      'You can also enter $ENV_NAME or !command. The value is tested before it is saved.',
    ],
    always: { enabled: true },
    saved,
  });
}

function doneKey(context: ActionContext, mode: SetupMode, key: string): void {
  if (key === 'a') go(context, { step: 'platform' });
  else if (key === 'p') {
    context.update(withoutMode);
    openInvite(context);
  } else if (key === 'enter') {
    context.update(withoutMode);
    const row = context.slices.adapters.find((entry) => entry.platform === mode.platform);
    // There is something to be done there: a code to scan, or a step that a person has to take.
    if (
      row !== undefined &&
      (row.qr !== undefined || row.pairingCode !== undefined || row.state === 'parked')
    )
      context.open({ kind: 'page', page: 'adapter', subject: row.platform, top: 0 });
  }
}
