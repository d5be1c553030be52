import { type Logger as BoltLogger, LogLevel, webApi } from '@slack/bolt';
import type { Logger } from '../../base/log.ts';
import { DIRECT, type Way } from '../kit/way.ts';
import type { SlackSettings, SlackTiming } from './settings.ts';

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
