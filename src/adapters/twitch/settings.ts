import { type Static, Type } from 'typebox';
import { PULSE } from '../kit/pulse.ts';
import { REACH_MS } from '../kit/supervisor.ts';
import type { Way } from '../kit/way.ts';
import { TWITCH } from './endpoints.ts';

/** The keys of `platforms.twitch` that the adapter itself reads. */
export const twitchSettingsSchema = Type.Object({
  username: Type.String({ description: "Login name of the bot's Twitch account.", default: '' }),
  token: Type.String({
    description:
      'User access token of that account with the scopes chat:read and chat:edit (with or without "oauth:").',
    default: '',
  }),
  clientId: Type.Optional(
    Type.String({
      description: 'Client id of the Twitch application; needed to refresh the token.',
      default: '',
    }),
  ),
  clientSecret: Type.Optional(
    Type.String({
      description:
        'Client secret of the Twitch application; needed to refresh the token of a confidential client.',
      default: '',
    }),
  ),
  refreshToken: Type.Optional(
    Type.String({
      description: 'Refresh token that came with the token. Later ones are kept in the data directory.',
      default: '',
    }),
  ),
  channels: Type.Array(Type.String(), {
    description: 'Channels to join, by login name, with or without "#". The bot writes nowhere else.',
    default: [],
  }),
  notices: Type.Optional(
    Type.Array(Type.String(), {
      description:
        'Chats that get a notice when a stream of a joined channel begins or ends, as <platform>:<chat>[:<thread>] or home:<platform>. Needs clientId.',
      default: [],
    }),
  ),
  server: Type.Optional(
    Type.String({
      description: 'Host of the chat server; for a local server.',
      default: TWITCH.chat,
    }),
  ),
  port: Type.Optional(
    Type.Integer({ description: 'Port of the chat server. Default 443, or 80 without TLS.', default: 443 }),
  ),
  secure: Type.Optional(
    Type.Boolean({ description: 'TLS. Default true, or false when `server` is another one.', default: true }),
  ),
  authUrl: Type.Optional(
    Type.String({
      description: 'Base address of the OAuth endpoints (validate, refresh); for a local server.',
      default: TWITCH.auth,
    }),
  ),
  apiUrl: Type.Optional(
    Type.String({
      description: 'Base address of the Helix API, asked about streams; for a local server.',
      default: TWITCH.api,
    }),
  ),
  eventSubUrl: Type.Optional(
    Type.String({
      description:
        'EventSub WebSocket that reports when streams begin and end; for a local server. Used when clientId is set.',
      default: TWITCH.eventSub,
    }),
  ),
});
export type TwitchSettings = Static<typeof twitchSettingsSchema> & {
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
