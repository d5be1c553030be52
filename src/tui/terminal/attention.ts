/** Calls the operator when somebody asks to pair: the window's title, and the bell where it is wanted. */
import type { ConsoleStore } from '../state/store.ts';
import { BELL, titleSequence } from './modes.ts';

export interface AttentionOptions {
  readonly bell: boolean;
  readonly titles: boolean;
}

/** Returns the function that stops watching. */
export function watchAttention(
  store: ConsoleStore,
  terminal: { send(text: string): void },
  { bell, titles }: AttentionOptions,
): () => void {
  let known = new Set(store.getSlices().pairing.map((row) => row.id));
  let title = '';
  const look = (): void => {
    const { pairing, gateway } = store.getSlices();
    const words =
      pairing.length > 0 ? `(${pairing.length} pairing) pi-gateway` : `pi-gateway ${gateway.state}`;
    if (titles && words !== title) terminal.send(titleSequence(words));
    title = words;
    if (bell && pairing.some((row) => !known.has(row.id))) terminal.send(BELL);
    known = new Set(pairing.map((row) => row.id));
  };
  look();
  return store.subscribe(look);
}
