/** Calls the operator when someone asks to pair: the window's title, bell and desktop where wanted. */
import type { ConsoleStore } from '../state/store.ts';
import { BELL, type NotificationKind, notificationSequence, titleSequence } from './modes.ts';

export interface AttentionOptions {
  readonly bell: boolean;
  readonly titles: boolean;
  /** Desktop notifications, where they are wanted. */
  readonly notify?: { readonly kind: NotificationKind; readonly env: NodeJS.ProcessEnv };
}

/** Returns the function that stops watching. */
export function watchAttention(
  store: ConsoleStore,
  terminal: { send(text: string): void },
  { bell, titles, notify }: AttentionOptions,
): () => void {
  let known = new Set(store.getSlices().pairing.map((row) => row.id));
  let title = '';
  const look = (): void => {
    const { pairing, gateway } = store.getSlices();
    const words =
      pairing.length > 0 ? `(${pairing.length} pairing) pi-gateway` : `pi-gateway ${gateway.state}`;
    if (titles && words !== title) terminal.send(titleSequence(words));
    title = words;
    const fresh = pairing.filter((row) => !known.has(row.id));
    if (bell && fresh.length > 0) terminal.send(BELL);
    const [first] = fresh;
    if (notify !== undefined && first !== undefined) {
      const others = fresh.length === 1 ? '' : ` and ${fresh.length - 1} more`;
      const words = `${first.senderName} (${first.platform})${others} requests access`;
      terminal.send(notificationSequence(notify.kind, 'pi-gateway', words, notify.env));
    }
    known = new Set(pairing.map((row) => row.id));
  };
  look();
  return store.subscribe(look);
}
