import { Type } from 'typebox';
import { Value } from 'typebox/value';

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

export type StreamMessage =
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
