import type { PlatformsConfig } from '../../gateway/config/schema.ts';
import { PULSE, REACH_MS } from '../kit/supervisor.ts';
import type { Way } from '../kit/way.ts';

/** `platforms.twitch` of the configuration, and how the platform is reached. */
export type TwitchSettings = NonNullable<PlatformsConfig['twitch']> & {
  readonly username: string;
  readonly token: string;
  readonly channels: readonly string[];
  /** How the platform is reached; default: directly. */
  readonly way?: Way;
};

/** Waits and limits of the adapter; tests shorten them. */
export interface TwitchTiming {
  /** Between two tries to connect: first and longest. */
  readonly minDelayMs: number;
  readonly maxDelayMs: number;
  /** From opening the socket to the end of Twitch's welcome. */
  readonly loginTimeoutMs: number;
  /** Without any line for how long Twitch is pinged, and how long it has to answer before it counts as gone. */
  readonly quietMs: number;
  readonly answerMs: number;
  /** How long the joins may hold up the state "connected". */
  readonly joinTimeoutMs: number;
  /** Between two tries to join what could not be joined. */
  readonly rejoinMs: number;
  /** For Twitch to confirm a message. */
  readonly confirmTimeoutMs: number;
  /** Messages in `rateWindowMs`: elsewhere, and where the bot is moderator or broadcaster. */
  readonly messages: number;
  readonly moderatorMessages: number;
  readonly rateWindowMs: number;
}

/** https://dev.twitch.tv/docs/chat/#rate-limits; beyond them messages are ignored for half an hour. */
export const TWITCH_TIMING: TwitchTiming = {
  minDelayMs: 1000,
  maxDelayMs: 60_000,
  loginTimeoutMs: REACH_MS,
  // tmi.js itself pings once a minute: too rare for the console to tell the truth.
  ...PULSE,
  joinTimeoutMs: 5000,
  rejoinMs: 60_000,
  confirmTimeoutMs: 10_000,
  messages: 20,
  moderatorMessages: 100,
  // A little more than Twitch's 30 s: its clock starts when the message gets there.
  rateWindowMs: 30_500,
};

/** Login names of people and channels. */
export const NAME = /^\w{1,25}$/;

/** The name of a channel as Twitch writes it: lower case, no `#`. */
export function channelName(channel: string): string {
  return channel.trim().replace(/^#/, '').toLowerCase();
}

/** Twitch's own addresses: what an empty setting means. */
export const TWITCH = {
  chat: 'irc-ws.chat.twitch.tv',
  auth: 'https://id.twitch.tv/oauth2',
  api: 'https://api.twitch.tv/helix',
  eventSub: 'wss://eventsub.wss.twitch.tv/ws',
} as const;

interface Addresses {
  readonly server?: string;
  readonly port?: number;
  readonly secure?: boolean;
  readonly authUrl?: string;
  readonly apiUrl?: string;
  readonly eventSubUrl?: string;
  readonly clientId?: string;
}

/** Address of the chat. Off Twitch TLS is used only when asked for. */
export function chatUrlOf(settings: Addresses): string {
  const secure = settings.secure ?? atTwitch(settings);
  return `${secure ? 'wss' : 'ws'}://${settings.server || TWITCH.chat}:${settings.port ?? (secure ? 443 : 80)}/`;
}

export function authUrlOf(settings: Addresses): string {
  return (settings.authUrl || TWITCH.auth).replace(/\/$/, '');
}

export function apiUrlOf(settings: Addresses): string {
  return (settings.apiUrl || TWITCH.api).replace(/\/$/, '');
}

/** Address of the stream notices; undefined without an application, and where the chat is not Twitch's own. */
export function eventSubUrlOf(settings: Addresses): string | undefined {
  const url = settings.eventSubUrl || TWITCH.eventSub;
  return settings.clientId && (atTwitch(settings) || url !== TWITCH.eventSub) ? url : undefined;
}

function atTwitch(settings: Addresses): boolean {
  return !settings.server || settings.server === TWITCH.chat;
}
