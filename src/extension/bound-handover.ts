/**
 * A binding outlives the instance of the extension: pi loads it again with `/new`, `/resume`, `/fork` and `/reload`, and the
 * two share no variable.
 */
import type { BoundState } from './bound-terminal.ts';

const SHELF = Symbol.for('pi-gateway-tui.bound');
const shelf: typeof globalThis & { [SHELF]?: BoundState | undefined } = globalThis;

export function leaveBinding(state: BoundState): void {
  shelf[SHELF] = state;
}

/** What the last instance left; undefined: nothing. */
export function takeBinding(): BoundState | undefined {
  const found = shelf[SHELF];
  shelf[SHELF] = undefined;
  return found;
}
