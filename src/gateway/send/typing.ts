import type { Adapter } from '../adapter.ts';
import type { ChatRef } from '../model.ts';

/** What is over sooner needs no indicator: it would arrive with the answer. */
const TYPING_AFTER_MS = 80;

/** Shows the typing indicator while work runs; refreshed as the platform needs, with a hard end. */
export function showTyping(adapter: Adapter | undefined, chat: ChatRef, hardEndMs: number): () => void {
  const { typing } = adapter ?? {};
  if (adapter === undefined || typing === undefined || !adapter.capabilities.typing) return () => {};
  const call = (on: boolean): void => {
    // Best effort: its failure changes nothing, whichever way it comes.
    (async () => typing.call(adapter, chat, on))().catch(() => {});
  };
  let shown = false;
  let refresh: NodeJS.Timeout | undefined;
  const begin = setTimeout(() => {
    shown = true;
    call(true);
    const { typingRefreshMs } = adapter.capabilities;
    if (typingRefreshMs > 0) refresh = setInterval(() => call(true), typingRefreshMs);
  }, TYPING_AFTER_MS);
  let ended = false;
  const end = (): void => {
    if (ended) return;
    ended = true;
    clearTimeout(begin);
    clearInterval(refresh);
    clearTimeout(limit);
    if (shown) call(false);
  };
  const limit = setTimeout(end, hardEndMs);
  return end;
}
