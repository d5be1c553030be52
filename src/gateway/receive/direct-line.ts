import { messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { OutboundMeta } from '../adapter.ts';
import type { ChatText } from '../language/chat-text.ts';
import type { InboundMessage } from '../model.ts';
import type { Outbox } from '../send/outbox.ts';

/**
 * Says something about a message that was not accepted: sent once, in the chat's order, never stored and never
 * retried. `what` names the kind of thing for the platform's idempotency and for the log.
 */
export function sayDirectly(
  deps: { readonly outbox: Outbox; readonly log: Logger },
  message: InboundMessage,
  what: string,
  text: ChatText,
  meta: OutboundMeta,
): void {
  const { outbox, log } = deps;
  const { chat, messageId, promptId, sender } = message;
  const [part] = outbox.format(chat, text, sender);
  if (part === undefined) return;
  outbox
    .direct(chat, (adapter, signal) =>
      adapter.send(
        {
          idempotencyKey: `${what}:${messageId}`,
          chat,
          part,
          partIndex: 0,
          partCount: 1,
          replyToMessageId: messageId,
          meta: promptId === undefined ? meta : { ...meta, promptId },
        },
        signal,
      ),
    )
    .catch((error: unknown) =>
      log.warn(`${what} did not reach its chat`, { platform: chat.platform, error: messageOf(error) }),
    );
}
