import { LONGEST_TIMER_MS } from './clock.ts';

/**
 * Waits `ms` milliseconds, or forever with `Infinity`. Resolves true when the time has passed and false when
 * `signal` fired first; never rejects and leaves neither timer nor listener behind.
 */
export function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return Promise.resolve(false);
  return new Promise((resolve) => {
    const timer =
      ms === Number.POSITIVE_INFINITY
        ? undefined
        : setTimeout(() => settle(true), Math.min(ms, LONGEST_TIMER_MS));
    const onAbort = (): void => settle(false);
    const settle = (passed: boolean): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      resolve(passed);
    };
    signal.addEventListener('abort', onAbort, { once: true });
  });
}
