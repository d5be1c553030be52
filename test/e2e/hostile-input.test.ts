import { expect, it } from 'vitest';
import { fuzz } from '../fuzz/hostile-input.ts';

it('survives thousands of malformed requests, frames and operator messages, and changes nothing', {
  timeout: 120_000,
}, async () => {
  // No line of an error either: what others send is their mistake, not the gateway's.
  expect(await fuzz(4_000)).toMatchObject({ alive: true, same: true, changed: [], errors: {} });
});
