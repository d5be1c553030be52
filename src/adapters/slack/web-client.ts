import { type Logger as BoltLogger, LogLevel, webApi } from '@slack/bolt';
import { defined } from '../../base/defined.ts';
import { DeliveryError, type DeliveryFailure, messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { PlatformsConfig } from '../../gateway/config/schema.ts';
import type { PaceLimit } from '../kit/pacer.ts';
import { DIRECT, type Way } from '../kit/way.ts';

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

export type WebClient = webApi.WebClient;

/** Base address of the Web API with its trailing slash. */
export function apiUrlOf(settings: SlackSettings): string {
  const url = settings.apiUrl || 'https://slack.com/api/';
  return url.endsWith('/') ? url : `${url}/`;
}

/**
 * Options that keep the client from doing what the gateway does itself: no retries (a retried post may be doubled, the
 * outbox decides), no waiting inside the client on 429. Never `headers`: bolt would send the bot token in place of the
 * app token. A new object for each client, because bolt writes into it.
 */
export function webClientOptions(
  settings: SlackSettings,
  timing: SlackTiming,
  log: Logger,
  signal?: AbortSignal,
): webApi.WebClientOptions {
  return {
    slackApiUrl: apiUrlOf(settings),
    retryConfig: { retries: 0 },
    rejectRateLimitedCalls: true,
    timeout: timing.requestTimeoutMs,
    logger: boltLogger(log),
    fetch: signal === undefined ? wayOf(settings).fetch : abortable(signal, wayOf(settings).fetch),
  };
}

/** How Slack is reached. */
export function wayOf({ way = DIRECT }: SlackSettings): Way {
  return way;
}

export function createWebClient(settings: SlackSettings, timing: SlackTiming, log: Logger): WebClient {
  return new webApi.WebClient(settings.botToken, webClientOptions(settings, timing, log));
}

/** The libraries' log lines in ours. Debug is dropped: it holds whole messages and the address of the socket. */
function boltLogger(log: Logger): BoltLogger {
  const line = (parts: readonly unknown[]): string => parts.map(String).join(' ');
  return {
    debug() {},
    info: (...parts: unknown[]) => log.debug(line(parts)),
    warn: (...parts: unknown[]) => log.debug(line(parts)),
    error: (...parts: unknown[]) => log.warn(line(parts)),
    setLevel() {},
    getLevel: () => LogLevel.INFO,
    setName() {},
  };
}

/** `fetch` that also ends with `signal`, so that a call in flight does not outlive its connection. */
function abortable(signal: AbortSignal, fetch: Way['fetch']): NonNullable<webApi.WebClientOptions['fetch']> {
  return (url, init) => {
    const own = init?.signal;
    return fetch(url, { ...init, signal: own ? AbortSignal.any([own, signal]) : signal });
  };
}

/** A token that can be put into a header; anything else would be quoted in the error of the HTTP client. */
export function isUsableToken(token: string): boolean {
  return /^[\x21-\x7e]+$/.test(token);
}

/** Errors that say the token itself is worth nothing anymore. */
const UNAUTHORISED = new Set([
  'account_inactive',
  'invalid_auth',
  'not_authed',
  'token_expired',
  'token_revoked',
  'team_disabled',
  'user_removed_from_team',
]);

/** The platform's error codes of sending, by what they mean for the message. */
const FAILURES: Readonly<Record<string, DeliveryFailure>> = {
  channel_not_found: 'gone',
  is_archived: 'gone',
  not_in_channel: 'gone',
  restricted_action: 'gone',
  restricted_action_read_only_channel: 'gone',
  restricted_action_thread_only_channel: 'gone',
  restricted_action_non_threadable_channel: 'gone',
  messages_tab_disabled: 'gone',
  cannot_dm_bot: 'gone',
  user_not_found: 'gone',
  user_disabled: 'gone',
  team_access_not_granted: 'gone',
  invalid_blocks: 'markup',
  invalid_blocks_format: 'markup',
  msg_blocks_too_long: 'markup',
  metadata_too_large: 'markup',
  ratelimited: 'rate-limited',
  rate_limited: 'rate-limited',
  message_limit_exceeded: 'rate-limited',
  service_unavailable: 'unreachable',
  team_added_to_org: 'unreachable',
  request_timeout: 'unreachable',
  // Slack's own words for these two: parts of the operation may have succeeded before the error was raised.
  fatal_error: 'unknown',
  internal_error: 'unknown',
};

const HINTS: Readonly<Record<string, string>> = {
  not_in_channel: 'Invite the bot into the channel: /invite @<bot>.',
  messages_tab_disabled: 'Switch on the Messages tab under App Home in the settings of the Slack app.',
  missing_scope: 'Add the scope to the Slack app (OAuth & Permissions) and install it again.',
};

/** Where no wait is named. Slack's limits count by the minute. */
const DEFAULT_RETRY_MS = 30_000;

/** The request never reached Slack. */
const NEVER_SENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** Slack's error code, for an answer that Slack gave with `ok: false`. */
export function platformCode(error: unknown): string | undefined {
  return error instanceof webApi.WebAPIPlatformError ? error.data.error : undefined;
}

/** The scope that Slack says is missing; undefined for every other error. */
export function missingScope(error: unknown): string | undefined {
  if (platformCode(error) !== 'missing_scope') return undefined;
  const needed: unknown =
    error instanceof webApi.WebAPIPlatformError ? Reflect.get(error.data, 'needed') : undefined;
  return typeof needed === 'string' && needed !== '' ? needed : 'to read messages (…:history)';
}

/** The code when the error means that the token is worth nothing anymore. */
export function unauthorisedCode(error: unknown): string | undefined {
  const code = platformCode(error);
  return code !== undefined && UNAUTHORISED.has(code) ? code : undefined;
}

/** Slack's wait, for an answer 429. */
export function rateLimitMs(error: unknown): number | undefined {
  if (error instanceof webApi.WebAPIRateLimitedError) return Math.max(1, error.retryAfter) * 1000;
  // web-api reports a 429 without a usable header as a plain Error.
  return error instanceof Error && error.message.startsWith('Retry header') ? DEFAULT_RETRY_MS : undefined;
}

/** Why a call of the Web API did not deliver. Never carries a token: only codes and Slack's words. */
export function toDeliveryError(method: string, error: unknown): DeliveryError {
  if (error instanceof DeliveryError) return error;
  const retryAfterMs = rateLimitMs(error);
  if (retryAfterMs !== undefined)
    return new DeliveryError('rate-limited', `${method}: Slack asks to wait`, { retryAfterMs });
  const code = platformCode(error);
  if (code !== undefined) return refused(method, code);
  if (error instanceof webApi.WebAPIHTTPError)
    return new DeliveryError(
      error.statusCode >= 500 ? 'unknown' : 'rejected',
      `${method}: HTTP ${error.statusCode}`,
    );
  const network = networkCode(error);
  return new DeliveryError(
    NEVER_SENT.has(network) ? 'unreachable' : 'unknown',
    `${method}: ${network === '' ? messageOf(error) : network}`,
  );
}

function refused(method: string, code: string): DeliveryError {
  const hint = HINTS[code];
  // A dead token says nothing about the message: it goes out once the operator has put a new one in.
  const failure = UNAUTHORISED.has(code) ? 'unreachable' : (FAILURES[code] ?? 'rejected');
  return new DeliveryError(failure, `${method}: ${code}`, {
    ...defined({ hint }),
    ...(failure === 'rate-limited' ? { retryAfterMs: DEFAULT_RETRY_MS } : {}),
  });
}

/** The system's error code at the bottom of the chain of causes; empty where there is none. */
export function networkCode(error: unknown): string {
  for (let at = error; at instanceof Error; at = at.cause) {
    const code: unknown = Reflect.get(at, 'code');
    if (typeof code === 'string' && /^[A-Z][A-Z_]+$/.test(code)) return code;
    if (at.name === 'TimeoutError') return 'ETIMEDOUT';
  }
  return '';
}
