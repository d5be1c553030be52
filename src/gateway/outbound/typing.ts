import type { Adapter } from '../adapter.ts';
import type { ChatRef } from '../model.ts';

/** Shows the typing indicator while work runs; refreshed as the platform needs, with a hard end. */
export function showTyping(adapter: Adapter | undefined, chat: ChatRef, hardEndMs: number): () => void {
  const { typing } = adapter ?? {};
  if (adapter === undefined || typing === undefined || !adapter.capabilities.typing) return () => {};
  const call = (on: boolean): void => {
    typing.call(adapter, chat, on).catch(() => {}); // a courtesy: its failure changes nothing
  };
  call(true);
  const refresh =
    adapter.capabilities.typingRefreshMs > 0
      ? setInterval(() => call(true), adapter.capabilities.typingRefreshMs)
      : undefined;
  let ended = false;
  const end = (): void => {
    if (ended) return;
    ended = true;
    clearInterval(refresh);
    clearTimeout(limit);
    call(false);
  };
  const limit = setTimeout(end, hardEndMs);
  return end;
}
