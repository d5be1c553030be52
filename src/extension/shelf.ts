import type { RunningGateway } from '../compose.ts';

/**
 * pi loads its extensions anew when the operator opens another session (`/new`, `/resume`, `/reload`): the old
 * instance is told to shut down before the new one exists, and the two share no variable. People in chats must not
 * lose their gateway by that, so it waits here in between. The one value that outlives an instance.
 */
const SHELF = Symbol.for('pi-gateway-tui.running');
/** Nobody came for it: the extension was removed. */
const SHELF_MS = 30_000;

interface Shelved {
  readonly running: RunningGateway;
  readonly timer: NodeJS.Timeout;
}

const shelf: typeof globalThis & { [SHELF]?: Shelved | undefined } = globalThis;

/** Leaves a running gateway for the next instance; it is stopped when none takes it within 30 s. */
export function leave(running: RunningGateway): void {
  const timer = setTimeout(() => void take()?.stop(), SHELF_MS);
  timer.unref();
  shelf[SHELF] = { running, timer };
}

/** Takes what the last instance left; undefined when it left nothing. */
export function take(): RunningGateway | undefined {
  const found = shelf[SHELF];
  shelf[SHELF] = undefined;
  clearTimeout(found?.timer);
  return found?.running;
}
