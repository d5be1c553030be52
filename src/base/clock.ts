/** Wall-clock time in milliseconds since the epoch. Passed in, so that decisions can be tested. */
export type Clock = () => number;

export const systemClock: Clock = () => Date.now();

/** `setTimeout` fires at once for a longer time than this, about 24.8 days. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;
