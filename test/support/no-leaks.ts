/** Runs after every test of every suite: what programs and composed gateways wrote contains no secret. */
import { afterEach, expect, vi } from 'vitest';
import { forget, leaks } from './secret-watch.ts';

// Files of one worker share its timers: those that a test of another file left would keep this one waiting forever.
vi.useRealTimers();
forget();

afterEach(() => {
  expect(leaks(), 'lines that contain a secret').toEqual([]);
});
