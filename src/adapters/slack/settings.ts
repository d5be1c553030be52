import { type Static, Type } from 'typebox';
import type { PaceLimit } from '../kit/pacer.ts';
import type { Way } from '../kit/way.ts';

/** The keys of `platforms.slack` that the adapter itself reads. */
export const slackSettingsSchema = Type.Object({
  botToken: Type.Optional(
    Type.String({
      description: 'Bot token of the Slack app (xoxb-…): sends, edits, downloads files.',
      default: '',
    }),
  ),
  appToken: Type.Optional(
    Type.String({
      description:
        'App-level token (xapp-…) with the scope connections:write: receives events in socket mode.',
      default: '',
    }),
  ),
  webhookUrl: Type.Optional(
    Type.String({
      description:
        'Incoming webhook. Used only without botToken: the adapter then posts to that one channel and receives nothing.',
      default: '',
    }),
  ),
  apiUrl: Type.Optional(
    Type.String({
      description: "Base address of the Web API; for a self-hosted or local server. Empty means Slack's own.",
      default: 'https://slack.com/api/',
    }),
  ),
});
export type SlackSettings = Static<typeof slackSettingsSchema> & {
  /** How the platform is reached; default: directly. */
  readonly way?: Way;
};

/** Waits and paces of the adapter; tests shorten them. */
export interface SlackTiming {
  /** Between two tries to connect: first and longest. */
  readonly minDelayMs: number;
  readonly maxDelayMs: number;
  /** From opening the socket to Slack's `hello`. */
  readonly helloTimeoutMs: number;
  /** One call of the Web API. */
  readonly requestTimeoutMs: number;
  /** Without a pong for this long the socket counts as dead. */
  readonly pingTimeoutMs: number;
  /** How long a message waits for the names in it before ids are shown instead. */
  readonly nameTimeoutMs: number;
  /** How long a message waits for what stands above it in its thread, and for what Slack hears in a recording. */
  readonly threadTimeoutMs: number;
  /** Messages to one channel; edits in all channels together. */
  readonly channelPace: PaceLimit;
  readonly editPace: PaceLimit;
}

export const SLACK_TIMING: SlackTiming = {
  minDelayMs: 1000,
  maxDelayMs: 60_000,
  helloTimeoutMs: 20_000,
  requestTimeoutMs: 30_000,
  pingTimeoutMs: 5000,
  nameTimeoutMs: 1500,
  threadTimeoutMs: 2500,
  // "1 per second" a channel with short bursts; chat.update is a tier 3 method (50 and more a minute).
  // https://docs.slack.dev/apis/web-api/rate-limits
  channelPace: { burst: 5, everyMs: 1000 },
  editPace: { burst: 50, everyMs: 1200 },
};
