/** Wall-clock time in milliseconds since the epoch. Passed in, so that decisions can be tested. */
export type Clock = () => number;

export const systemClock: Clock = () => Date.now();
