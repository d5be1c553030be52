/** Runs after every test of every suite: what programs and composed gateways wrote contains no secret. */
import { afterEach, expect } from 'vitest';
import { leaks } from './secret-watch.ts';

afterEach(() => {
  expect(leaks(), 'lines that contain a secret').toEqual([]);
});
