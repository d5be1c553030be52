import type { PlatformsConfig } from '../../gateway/config/schema.ts';
import type { PaceLimit } from '../kit/pacer.ts';
import type { Way } from '../kit/way.ts';

/** `platforms.slack` of the configuration, and how the platform is reached. */
export type SlackSettings = NonNullable<PlatformsConfig['slack']> & {
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
