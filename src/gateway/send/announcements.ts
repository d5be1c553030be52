import type { Announcement } from '../adapter.ts';
import type { Core } from '../core.ts';
import { type ChatRef, chatKey, type Platform } from '../model.ts';
import type { OutboundRow } from './outbound-row.ts';
import type { Outbox } from './outbox.ts';
import { parseTarget, type Target } from './target.ts';

/**
 * Takes news of a platform to the chats that the operator named; `chats` are those that targets mean now. Resolves when it
 * is durable for each of them; the same news again, even after a restart, goes nowhere. Rejects with a GatewayError for a target that leads nowhere.
 */
export function announcer(
  { persist }: Pick<Core, 'persist'>,
  outbox: Pick<Outbox, 'addOnce' | 'format' | 'release'>,
  chats: (targets: readonly Target[]) => readonly ChatRef[],
) {
  return async (platform: Platform, { id, text, targets }: Announcement): Promise<void> => {
    const to = chats(targets.map(parseTarget));
    const rows: OutboundRow[] = await persist((tx) =>
      to.flatMap((chat) => {
        const parts = outbox.format(chat, text);
        const row = outbox.addOnce(tx, `news:${platform}:${id}:${chatKey(chat)}`, {
          chat,
          meta: { kind: 'notice' },
          parts,
        });
        return row === undefined ? [] : [row];
      }),
    );
    for (const row of rows) void outbox.release(row);
  };
}
