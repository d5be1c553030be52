import { SocketModeReceiver } from '@slack/bolt';
import { within } from '../../base/async.ts';
import { defined } from '../../base/defined.ts';
import { messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { LruMap } from '../kit/state-file.ts';
import { ParkedError, RetryAfterError } from '../kit/supervisor.ts';
import { type Fields, fieldsOf, listOf, numberOf, textOf } from './mrkdwn.ts';
import {
  platformCode,
  rateLimitMs,
  type SlackSettings,
  type SlackTiming,
  unauthorisedCode,
  wayOf,
  webClientOptions,
} from './web-client.ts';

/** One delivery of Slack's. It is delivered again unless `ack` is called within a few seconds. */
export interface Envelope {
  /** `events_api`, `slash_commands` or `interactive`. */
  readonly type: string;
  readonly body: unknown;
  /** Rejects when the connection has gone; Slack then delivers again. */
  readonly ack: () => Promise<void>;
}

interface SocketOptions {
  readonly settings: SlackSettings;
  readonly timing: SlackTiming;
  readonly log: Logger;
  /** Slack said hello; `connections` counts the sockets this app has open. */
  readonly connected: (connections: number | undefined) => void;
  readonly envelope: (envelope: Envelope) => void;
  /** The peer answered a ping, at this time. */
  readonly heartbeat: (at: number) => void;
}

type Client = SocketModeReceiver['client'];

/** Slack names the real address only when it is asked; all of them are hosts of it. */
const SOCKET_URL = 'wss://wss-primary.slack.com';
const HEARTBEAT_MS = 15_000;
/** A connection that Slack ends sooner than this is not followed by another one at once. */
const STEADY_MS = 10_000;

/**
 * One socket-mode connection, from opening to its end; settles when it has ended and nothing of it is left. Bolt's own
 * app would acknowledge an event before its handler has run, and its automatic reconnect crashes the process on an
 * authorization error, so the receiver's client is used with its acknowledgement in our hands and without reconnect.
 */
export async function holdSocket(options: SocketOptions, signal: AbortSignal): Promise<void> {
  const { settings, timing, log } = options;
  const requests = new AbortController();
  const dispatcher = wayOf(settings).dispatcher(SOCKET_URL);
  const receiver = new SocketModeReceiver({
    appToken: settings.appToken ?? '',
    autoReconnectEnabled: false,
    ...defined({ dispatcher }),
    clientPingTimeout: timing.pingTimeoutMs,
    logger: webClientOptions(settings, timing, log).logger,
    installerOptions: { clientOptions: webClientOptions(settings, timing, log, requests.signal) },
  });
  const client: Client = receiver.client;
  const over = Promise.withResolvers<void>();
  const startedAt = performance.now();
  let connections: number | undefined;

  guardFrames(client, log, (frame) => {
    if (textOf(frame, 'type') === 'hello') connections = numberOf(frame, 'num_connections');
    if (textOf(frame, 'type') !== 'disconnect') return;
    over.reject(requestedEnd(textOf(frame, 'reason') ?? 'no reason', performance.now() - startedAt));
  });
  client.on('disconnected', (error: unknown) => over.reject(error ?? new Error('the connection was closed')));
  client.on('slack_event', (event: unknown) => {
    const envelope = readEnvelope(event);
    if (envelope !== undefined && !signal.aborted) options.envelope(envelope);
  });

  const stop = (): void => over.resolve();
  signal.addEventListener('abort', stop);
  if (signal.aborted) stop();
  const deadline = setTimeout(() => over.reject(new Error('Slack did not say hello')), timing.helloTimeoutMs);
  const heartbeat = setInterval(() => {
    const at = lastPong(client);
    if (at !== undefined) options.heartbeat(at);
  }, HEARTBEAT_MS);
  const started = client.start().then(
    () => {
      clearTimeout(deadline);
      options.connected(connections);
    },
    (error: unknown) => over.reject(startFailure(error)),
  );
  try {
    await over.promise;
  } finally {
    clearTimeout(deadline);
    clearInterval(heartbeat);
    signal.removeEventListener('abort', stop);
    requests.abort();
    await tearDown(client);
    await within(started, 1000);
    // A start that was still asking for its address opens a socket after the first teardown.
    await tearDown(client);
  }
}

/**
 * Puts itself between the socket and the library: a frame that the library cannot digest (no inner event, as in
 * `app_rate_limited`; JSON that is no object) would be an unhandled rejection and end the process.
 */
function guardFrames(client: Client, log: Logger, seen: (frame: Fields) => void): void {
  const originals = client.listeners('ws_message');
  client.removeAllListeners('ws_message');
  client.on('ws_message', async (data: unknown, isBinary: unknown) => {
    try {
      const frame = typeof data === 'string' ? parseFrame(data) : undefined;
      if (frame === undefined) return;
      seen(frame);
      if (textOf(frame, 'type') === 'disconnect') return;
      const digestible = JSON.stringify(withInnerEvent(frame));
      for (const original of originals) await original.call(client, digestible, isBinary);
    } catch (error) {
      log.warn(`a frame from Slack was dropped: ${messageOf(error)}`);
    }
  });
}

function parseFrame(data: string): Fields | undefined {
  const frame = fieldsOf(JSON.parse(data));
  return textOf(frame, 'type') === undefined ? undefined : frame;
}

/** Gives an `events_api` frame without an inner event one that is named after its payload, so that it gets its ack. */
function withInnerEvent(frame: Fields): Fields {
  if (textOf(frame, 'type') !== 'events_api') return frame;
  const payload = fieldsOf(frame['payload']);
  const event = fieldsOf(payload['event']);
  if (textOf(event, 'type') !== undefined) return frame;
  return {
    ...frame,
    payload: { ...payload, event: { ...event, type: textOf(payload, 'type') ?? 'unknown' } },
  };
}

function readEnvelope(event: unknown): Envelope | undefined {
  const fields = fieldsOf(event);
  const type = textOf(fields, 'type');
  const ack: unknown = fields['ack'];
  if (type === undefined || typeof ack !== 'function') return undefined;
  return { type, body: fields['body'], ack: async () => void (await ack()) };
}

/** Slack ends connections every few hours and needs a new one at once; other reasons get the usual back-off. */
function requestedEnd(reason: string, livedMs: number): Error {
  if (reason === 'link_disabled')
    return new ParkedError(
      'socket mode was switched off',
      'Switch on Socket Mode in the settings of the Slack app, then start the adapter again.',
      'revoked',
    );
  const routine = reason === 'warning' || reason === 'refresh_requested';
  const message = `Slack asked for a new connection (${reason})`;
  return routine && livedMs > STEADY_MS ? new RetryAfterError(message, 0) : new Error(message);
}

/** Why `apps.connections.open` or the handshake failed, and whether a retry can fix it. */
function startFailure(error: unknown): Error {
  const code = platformCode(error);
  if (unauthorisedCode(error) !== undefined)
    return new ParkedError(
      `Slack refuses the app token (${code})`,
      'Generate an app-level token with the scope connections:write and put it into platforms.slack.appToken.',
      'revoked',
    );
  if (code === 'missing_scope' || code === 'not_allowed_token_type' || code === 'no_permission')
    return new ParkedError(
      `the app token may not open a connection (${code})`,
      'Generate an app-level token (xapp-…) with the scope connections:write and put it into platforms.slack.appToken.',
      'unknown',
    );
  const retryAfterMs = rateLimitMs(error);
  if (retryAfterMs !== undefined)
    return new RetryAfterError('Slack asks to wait before connecting', retryAfterMs);
  return error instanceof Error ? error : new Error('the connection was closed before Slack said hello');
}

/**
 * Ends the client and every timer of it. The first call sends a close frame, the second cuts a peer that does not
 * answer it, the third clears the close timer that the library forgets when the socket dies in between.
 */
async function tearDown(client: Client): Promise<void> {
  for (let round = 0; round < 3; round += 1) {
    await within(client.disconnect(), 500);
  }
}

/** When the peer last answered a ping: the library keeps it to itself. */
function lastPong(client: Client): number | undefined {
  if (client.websocket === undefined) return undefined;
  const at: unknown = Reflect.get(client.websocket, 'lastPongReceivedTimestamp');
  return typeof at === 'number' ? at : undefined;
}

/** A mention comes as two events, a moment apart. */
const APART_MS = 300;
const MAX_KEPT = 500;

interface Twin {
  readonly came: PromiseWithResolvers<Fields>;
  body?: Fields;
}

/**
 * Slack tells a mention in a channel twice: as `message`, and as `app_mention`, which need not have the files, blocks and
 * attachments. The one that comes first is taken, so it gets what the other one has.
 */
export class Twins {
  readonly #kept = new LruMap<string, Twin>(MAX_KEPT);

  /** An event has arrived. */
  note(body: unknown): void {
    const event = fieldsOf(fieldsOf(body)['event']);
    const key = keyOf(event);
    if (key === undefined || textOf(event, 'type') !== 'message') return;
    const twin = this.#of(key);
    twin.body = fieldsOf(body);
    twin.came.resolve(twin.body);
  }

  /** The event itself, or, for a bare mention, the same message as the other event has it. */
  async fuller(body: unknown): Promise<unknown> {
    const event = fieldsOf(fieldsOf(body)['event']);
    const key = keyOf(event);
    if (key === undefined || textOf(event, 'type') !== 'app_mention' || !isBare(event)) return body;
    const twin = this.#of(key);
    const other = twin.body ?? (await within(twin.came.promise, APART_MS));
    return other === undefined
      ? body
      : { ...other, event: { ...fieldsOf(other['event']), type: 'app_mention' } };
  }

  #of(key: string): Twin {
    const known = this.#kept.get(key);
    if (known !== undefined) return known;
    const twin: Twin = { came: Promise.withResolvers<Fields>() };
    this.#kept.set(key, twin);
    return twin;
  }
}

function keyOf(event: Fields): string | undefined {
  const [channel, ts] = [textOf(event, 'channel'), textOf(event, 'ts')];
  const direct = channel?.startsWith('D') === true || textOf(event, 'channel_type') === 'im';
  return channel === undefined || ts === undefined || direct ? undefined : `${channel}:${ts}`;
}

function isBare(event: Fields): boolean {
  return (
    ['files', 'blocks', 'attachments'].every((key) => listOf(event, key).length === 0) && !('edited' in event)
  );
}
