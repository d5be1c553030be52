import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { WebSocket } from 'ws';
import { within } from '../../base/async.ts';
import { defined } from '../../base/defined.ts';
import { messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { LruMap } from '../kit/state-file.ts';
import { backoffMs, pause } from '../kit/supervisor.ts';
import type { Way } from '../kit/way.ts';
import type { Helix } from './api.ts';

/** https://dev.twitch.tv/docs/eventsub/websocket-reference/ */
const Message = Type.Object({
  metadata: Type.Object({ message_id: Type.String(), message_type: Type.String() }),
  payload: Type.Object({
    session: Type.Optional(
      Type.Object({
        id: Type.String(),
        keepalive_timeout_seconds: Type.Optional(Type.Union([Type.Number(), Type.Null()])),
        reconnect_url: Type.Optional(Type.Union([Type.String(), Type.Null()])),
      }),
    ),
    subscription: Type.Optional(Type.Object({ type: Type.String(), status: Type.Optional(Type.String()) })),
    event: Type.Optional(
      Type.Object({ broadcaster_user_id: Type.String(), broadcaster_user_login: Type.String() }),
    ),
  }),
});

type StreamMessage =
  | { readonly type: 'welcome'; readonly id: string; readonly session: string; readonly keepaliveMs: number }
  | { readonly type: 'moved'; readonly id: string; readonly url: string }
  | { readonly type: 'online' | 'offline'; readonly id: string; readonly broadcaster: string }
  | { readonly type: 'revoked'; readonly id: string; readonly why: string }
  | { readonly type: 'other'; readonly id: string };

/** A frame of EventSub, or undefined for one that is none. */
export function readStreamMessage(text: string): StreamMessage | undefined {
  let frame: unknown;
  try {
    frame = JSON.parse(text);
  } catch {
    // Not JSON, so no message.
    return undefined;
  }
  if (!Value.Check(Message, frame)) return undefined;
  const { metadata, payload } = frame;
  const id = metadata.message_id;
  const { session, subscription, event } = payload;
  if (metadata.message_type === 'session_welcome' && session !== undefined)
    return {
      type: 'welcome',
      id,
      session: session.id,
      keepaliveMs: (session.keepalive_timeout_seconds ?? 10) * 1000,
    };
  if (metadata.message_type === 'session_reconnect' && session?.reconnect_url)
    return { type: 'moved', id, url: session.reconnect_url };
  if (metadata.message_type === 'revocation')
    return { type: 'revoked', id, why: subscription?.status ?? 'unknown' };
  if (metadata.message_type !== 'notification' || event === undefined) return { type: 'other', id };
  const broadcaster = event.broadcaster_user_id;
  if (subscription?.type === 'stream.online') return { type: 'online', id, broadcaster };
  if (subscription?.type === 'stream.offline') return { type: 'offline', id, broadcaster };
  return { type: 'other', id };
}

export interface StreamWatchOptions {
  /** How EventSub is reached; absent: directly. */
  readonly way?: Way | undefined;
  readonly url: string;
  readonly helix: Helix;
  /** Id of a channel's owner -> name of the channel. */
  readonly rooms: ReadonlyMap<string, string>;
  readonly log: Logger;
  /** What is known of the streams; outlives the watch, so that a change while no one watched is one. */
  readonly known: KnownStreams;
  /** The channels that are live, after every change. */
  readonly changed: (live: readonly string[]) => void;
  /** A stream began or ended; `id` names this news. Not called for what was so when the gateway began to look. */
  readonly news: (news: StreamNews) => void;
  readonly now: () => number;
}

export interface KnownStreams {
  readonly live: Set<string>;
  /** Twitch has said once which streams are live. */
  complete: boolean;
}

export interface StreamNews {
  readonly id: string;
  readonly channel: string;
  readonly online: boolean;
}

interface Target {
  readonly url: string;
  /** The connection that the next one replaces. */
  readonly old?: WebSocket;
}

/** On top of the keepalive that Twitch names. */
const SLACK_MS = 5000;
const HANDSHAKE_MS = 15_000;
const MAX_FRAME_BYTES = 1024 * 1024;

/**
 * Tells when streams begin and end, over EventSub. A side show: whatever goes wrong here is logged and tried again, and
 * never touches the chat.
 */
export class StreamWatch {
  readonly #options: StreamWatchOptions;
  /** EventSub may deliver a notice more than once. */
  readonly #seen = new LruMap<string, true>(500);
  /** Broadcasters with a notice since the list of live streams was asked for. */
  readonly #noticed = new Set<string>();

  constructor(options: StreamWatchOptions) {
    this.#options = options;
  }

  /** Until `signal` aborts; leaves neither timer nor socket behind. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { url, log } = this.#options;
    let target: Target = { url };
    let failures = 0;
    while (!signal.aborted) {
      try {
        const moved = await this.#session(target, signal, () => {
          failures = 0;
        });
        if (moved !== undefined) {
          target = moved;
          continue;
        }
      } catch (error) {
        if (!signal.aborted) log.warn(`no stream notices for now: ${messageOf(error)}`);
      }
      target = { url };
      failures += 1;
      await pause(backoffMs(failures, 1000, 300_000, Math.random), signal);
    }
    await close(target.old);
  }

  /** One connection, until it ends or Twitch wants another one: then it stays open until that one is welcome. */
  async #session(target: Target, signal: AbortSignal, works: () => void): Promise<Target | undefined> {
    const over = Promise.withResolvers<Target | undefined>();
    const agent = this.#options.way?.agent(target.url);
    const socket = new WebSocket(target.url, {
      handshakeTimeout: HANDSHAKE_MS,
      maxPayload: MAX_FRAME_BYTES,
      ...defined({ agent }),
    });
    const stop = (): void => over.resolve(undefined);
    let keepaliveMs = HANDSHAKE_MS;
    let timer: NodeJS.Timeout | undefined;
    let watched = true;
    const heard = (): void => {
      clearTimeout(timer);
      if (watched)
        timer = setTimeout(
          () => over.reject(new Error('EventSub stopped responding')),
          keepaliveMs + SLACK_MS,
        );
    };
    socket.on('message', (data) => {
      const message = readStreamMessage(String(data));
      if (message?.type === 'welcome') {
        keepaliveMs = message.keepaliveMs;
        // Over a connection that Twitch asked for the subscriptions come along.
        const ready = target.old === undefined ? this.#subscribe(message.session, signal) : close(target.old);
        ready.then(works, (error: unknown) => over.reject(error));
      } else if (message?.type === 'moved') over.resolve({ url: message.url, old: socket });
      else if (message !== undefined) this.#notice(message);
      heard();
    });
    socket.on('error', (error) => over.reject(error));
    socket.on('close', (code) => over.reject(new Error(`EventSub closed the connection (${code})`)));
    signal.addEventListener('abort', stop);
    heard();
    let next: Target | undefined;
    try {
      if (signal.aborted) stop();
      next = await over.promise;
      return next;
    } finally {
      watched = false;
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
      await Promise.all([close(target.old), next === undefined ? close(socket) : undefined]);
    }
  }

  async #subscribe(session: string, signal: AbortSignal): Promise<void> {
    const { helix, rooms, log, known } = this.#options;
    const without: string[] = [];
    let reason: unknown;
    // Twitch hangs up on a session that has subscribed to nothing within ten seconds, so this comes first.
    for (const [broadcaster, channel] of rooms) {
      try {
        await helix.subscribe('stream.online', broadcaster, session, signal);
        await helix.subscribe('stream.offline', broadcaster, session, signal);
      } catch (error) {
        without.push(channel);
        reason = error;
      }
    }
    if (without.length === rooms.size) throw reason;
    if (without.length > 0) log.warn(`no stream notices for #${without.join(' #')}: ${messageOf(reason)}`);
    this.#noticed.clear();
    const live = await helix.live([...rooms.keys()], signal);
    for (const broadcaster of rooms.keys()) {
      // A notice that came while the list was on its way is newer than the list.
      if (this.#noticed.has(broadcaster)) continue;
      this.#set(
        broadcaster,
        live.includes(broadcaster),
        `${this.#options.now()}:${broadcaster}`,
        known.complete,
      );
    }
    known.complete = true;
    this.#options.changed([...known.live].sort());
  }

  #notice(message: StreamMessage): void {
    if (this.#seen.get(message.id) === true) return;
    this.#seen.set(message.id, true);
    if (message.type === 'revoked') this.#options.log.warn(`Twitch ended a stream notice: ${message.why}`);
    if (message.type === 'online' || message.type === 'offline') {
      this.#noticed.add(message.broadcaster);
      this.#set(message.broadcaster, message.type === 'online', message.id, true);
    }
  }

  #set(broadcaster: string, online: boolean, id: string, isNews: boolean): void {
    const { rooms, known, log, changed, news } = this.#options;
    const channel = rooms.get(broadcaster);
    if (channel === undefined || known.live.has(channel) === online) return;
    if (online) known.live.add(channel);
    else known.live.delete(channel);
    log.info(`#${channel} is ${online ? 'live' : 'offline'}`, { channel });
    changed([...known.live].sort());
    if (isNews) news({ id, channel, online });
  }
}

async function close(socket: WebSocket | undefined): Promise<void> {
  if (socket === undefined || socket.readyState === WebSocket.CLOSED) return;
  const gone = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.close();
  await within(gone, 300);
  socket.terminate();
  await within(gone, 300);
}
