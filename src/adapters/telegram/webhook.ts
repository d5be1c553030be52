import { createHash, timingSafeEqual } from 'node:crypto';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { within } from '../../base/async.ts';
import type { Logger } from '../../base/log.ts';
import type { AdapterRoute } from '../../gateway/adapter.ts';
import { ParkedError, pause } from '../kit/supervisor.ts';
import type { BotClient } from './client.ts';
import type { UpdateTaker } from './updates.ts';
import { ALLOWED_UPDATES, UpdateId } from './wire.ts';

const DEFAULT_PATH = '/webhooks/telegram';
const MAX_BODY_BYTES = 1024 * 1024;
/**
 * Telegram waits for the answer before it delivers the next update: one that cannot be stored soon is refused, and
 * comes again later. In the meantime it stays in hand and is joined by its next delivery.
 */
const TAKE_TIMEOUT_MS = 3000;
/** How soon an operator learns that Telegram is away. */
const WATCH_EVERY_MS = 4000;
/** A silent server shows within 10 s. */
const WATCH_TIMEOUT_MS = 4500;

const WebhookInfo = Type.Object({
  url: Type.String(),
  last_error_date: Type.Optional(Type.Integer()),
  last_error_message: Type.Optional(Type.String()),
});

/** The address Telegram calls: a bare host gets our path. Undefined when the setting is not an address. */
export function webhookAddress(webhookUrl: string | undefined): URL | undefined {
  const url = URL.parse(webhookUrl ?? '');
  if (url === null || !/^https?:$/.test(url.protocol)) return undefined;
  if (url.pathname === '/') url.pathname = DEFAULT_PATH;
  return url;
}

/** The route of the webhook. `taker` answers undefined while the adapter is not running. */
export function webhookRoute(
  path: string,
  secret: string,
  taker: () => UpdateTaker | undefined,
): AdapterRoute {
  return {
    path,
    handle: async (request) => {
      if (request.method !== 'POST') return answer(405);
      if (!sameSecret(request.headers.get('x-telegram-bot-api-secret-token'), secret)) return answer(401);
      const update = await readJson(request);
      if (!Value.Check(UpdateId, update)) return answer(400);
      const taken = await within(taker()?.take(update) ?? Promise.resolve(false), TAKE_TIMEOUT_MS);
      // Anything but 2xx makes Telegram deliver the update again.
      return answer(taken === true ? 200 : 503);
    },
  };
}

export interface WebhookOptions {
  readonly client: BotClient;
  readonly address: URL | undefined;
  readonly secret: string;
  readonly log: Logger;
  /** Telegram answered and still has our address. */
  readonly onSeen: () => void;
}

/** Registers the webhook and watches it until `signal` aborts or a call fails. */
export async function keepWebhook(
  { client, address, secret, log, onSeen }: WebhookOptions,
  connected: () => void,
  signal: AbortSignal,
): Promise<void> {
  if (address === undefined)
    throw new ParkedError(
      'webhook mode without an address',
      'Set platforms.telegram.webhookUrl to the public https:// address of this gateway, or mode to "polling".',
      'valid',
    );
  const url = address.href;
  await client.call(
    'setWebhook',
    // One connection keeps the updates in order.
    { url, secret_token: secret, allowed_updates: ALLOWED_UPDATES, max_connections: 1 },
    { signal },
  );
  connected();
  let reported = 0;
  while (!signal.aborted) {
    const info = await client.call('getWebhookInfo', {}, { signal, timeoutMs: WATCH_TIMEOUT_MS });
    if (Value.Check(WebhookInfo, info)) {
      if (info.url !== url) throw new Error('another program has changed the webhook of this bot');
      if (info.last_error_date !== undefined && info.last_error_date > reported) {
        reported = info.last_error_date;
        log.warn(
          `Telegram could not deliver to the webhook: ${info.last_error_message ?? 'no reason given'}`,
        );
      }
      onSeen();
    }
    await pause(WATCH_EVERY_MS, signal);
  }
}

/** In constant time, whatever the lengths are. */
function sameSecret(given: string | null, expected: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given ?? ''), digest(expected)) && given !== null && expected !== '';
}

async function readJson(request: Request): Promise<unknown> {
  if (Number(request.headers.get('content-length') ?? 0) > MAX_BODY_BYTES) return undefined;
  try {
    const text = await request.text();
    return text.length > MAX_BODY_BYTES ? undefined : JSON.parse(text);
  } catch {
    // Not JSON, or the sender went away: answered as a bad request.
    return undefined;
  }
}

function answer(status: number): Response {
  return Response.json({ ok: status === 200 }, { status });
}
