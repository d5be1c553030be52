import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { SCENARIOS, scaleRows, simulate } from '../../bench/scale.ts';

it('shows the figures of the simulation in docs/scale.md', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/scale.md'), 'utf8');
  // The first two take a tenth of a second; the others are made by the same program.
  for (const row of scaleRows(SCENARIOS.slice(0, 2))) expect(page).toContain(row);
  for (const { name } of SCENARIOS) expect(page).toContain(`| ${name} |`);
});

it('lets every message of the simulation begin, and every turn of a lost host continue', () => {
  const { messages, waits, stoodStill } = simulate({ name: '', active: 200, down: true });
  expect(waits.length).toBeGreaterThan(messages / 2);
  expect(stoodStill.length).toBeGreaterThan(0);
  expect(Math.min(...stoodStill)).toBeGreaterThan(20);
});
