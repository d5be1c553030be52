import { createHash, timingSafeEqual } from 'node:crypto';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { within } from '../../base/async.ts';
import { messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { AdapterRoute } from '../../gateway/adapter.ts';
import { chatKey } from '../../gateway/model.ts';
import type { Intake } from '../kit/run-adapter.ts';
import { LruMap, readState, writeState } from '../kit/state-file.ts';
import { ParkedError, pause } from '../kit/supervisor.ts';
import type { BotClient } from './client.ts';
import type { OwnName } from './contents.ts';
import { readUpdate } from './receive.ts';
import { ALLOWED_UPDATES, UpdateId } from './wire.ts';

interface UpdateTakerOptions {
  readonly intake: Intake;
  readonly migrations: Migrations;
  readonly log: Logger;
  /** A message of the update is durable. */
  readonly onTaken: () => void;
  /** A button was pressed: Telegram shows a clock on it until it is answered. */
  readonly onButton: (callbackId: string) => void;
}

/** Makes updates durable, whatever way they came. */
export class UpdateTaker {
  readonly #options: UpdateTakerOptions;
  /** Names of topics, by their chats. */
  readonly #topics = new LruMap<string, string>(1000);
  readonly #inHand = new Map<number, Promise<boolean>>();
  /** Known after login; nothing can be taken before. */
  own: OwnName | undefined;

  constructor(options: UpdateTakerOptions) {
    this.#options = options;
  }

  /**
   * Resolves with true once the update is durable or knowingly ignored, with false when it was not accepted and has to
   * come again. Never rejects. An update that is in hand already is joined, not taken twice.
   */
  take(raw: unknown): Promise<boolean> {
    if (!Value.Check(UpdateId, raw)) {
      this.#options.log.warn('skipped an update without an id');
      return Promise.resolve(true);
    }
    const id = raw.update_id;
    const running = this.#inHand.get(id);
    if (running !== undefined) return running;
    const taking = this.#take(raw)
      .catch((error: unknown) => {
        this.#options.log.error(`update ${id} was not taken: ${messageOf(error)}`);
        return false;
      })
      .finally(() => this.#inHand.delete(id));
    this.#inHand.set(id, taking);
    return taking;
  }

  async #take(raw: { readonly update_id: number }): Promise<boolean> {
    const { intake, migrations, log, onTaken, onButton } = this.#options;
    if (this.own === undefined) return false;
    const reading = readUpdate(raw, {
      own: this.own,
      knownAs: (id) => migrations.knownAs(id),
      topicName: (chat) => this.#topics.get(chatKey(chat)),
    });
    switch (reading.type) {
      case 'ignored':
        log.debug(`update ${raw.update_id} ignored: ${reading.reason}`);
        if (reading.reason === 'malformed update')
          log.warn(`skipped update ${raw.update_id}: it is malformed`);
        return true;
      case 'migrated':
        if (await migrations.record(reading.from, reading.to))
          log.info('a group became a supergroup; the gateway keeps its old id', {
            chatId: reading.from,
            newChatId: reading.to,
          });
        return true;
      case 'topic':
        this.#topics.set(chatKey(reading.chat), reading.name);
        return true;
      case 'message': {
        const { message, callbackId } = reading;
        if (message.threadName !== undefined) this.#topics.set(chatKey(message.chat), message.threadName);
        const taken = await intake.take(message.chat, () => Promise.resolve(message));
        if (!taken) return false;
        onTaken();
        if (callbackId !== undefined) onButton(callbackId);
        return true;
      }
    }
  }
}

const FILE = 'telegram-migrations.json';
const Stored = Type.Record(Type.String(), Type.String());

/**
 * A group that becomes a supergroup gets a new id. The gateway goes on knowing it by the old one, so that sessions,
 * permissions and waiting answers of the group survive; only the calls to Telegram use the new id.
 */
export class Migrations {
  /** Old id -> new id. */
  readonly #moved = new Map<string, string>();
  #folder: string | undefined;

  async load(folder: string): Promise<void> {
    this.#folder = folder;
    const stored = await readState(folder, FILE);
    if (Value.Check(Stored, stored))
      for (const [from, to] of Object.entries(stored)) this.#moved.set(from, to);
  }

  /** Resolves once it is stored. True when this was news: Telegram reports a migration in both groups. */
  async record(from: string, to: string): Promise<boolean> {
    if (from === to || this.#moved.get(from) === to) return false;
    this.#moved.set(from, to);
    if (this.#folder !== undefined) await writeState(this.#folder, FILE, Object.fromEntries(this.#moved));
    return true;
  }

  /** The id Telegram knows now. */
  current(chatId: string): string {
    return this.#moved.get(chatId) ?? chatId;
  }

  /** The id under which the gateway knows the chat. */
  knownAs(chatId: string): string {
    for (const [from, to] of this.#moved) if (to === chatId) return from;
    return chatId;
  }
}

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

interface WebhookOptions {
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
