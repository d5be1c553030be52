import type { PlatformsConfig } from '../../gateway/config/schema.ts';
import { PULSE } from '../kit/pulse.ts';
import { REACH_MS } from '../kit/supervisor.ts';
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
