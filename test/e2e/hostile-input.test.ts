import { expect, it } from 'vitest';
import { fuzz } from '../fuzz/hostile-input.ts';

it('survives thousands of malformed requests, frames and operator messages, and changes nothing', {
  timeout: 120_000,
}, async () => {
  const report = await fuzz(4_000);
  expect(report).toMatchObject({ alive: true, same: true, changed: [] });
  expect(report.errorLines).toBeLessThan(10);
});
