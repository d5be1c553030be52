import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { scenarios as discord } from './discord/crash-fixture.ts';
import { scenarios as slack } from './slack/crash-fixture.ts';
import { scenarios as telegram } from './telegram/crash-fixture.ts';
import { scenarios as twitch } from './twitch/crash-fixture.ts';

/**
 * Without any handler for what nobody caught: the process ends with code 0 only when nothing crashed and nothing was
 * left that keeps it alive. Should it crash, play one scenario alone: `node crash-fixture.ts '<name>'`.
 */
function playAll(platform: string): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ['--no-warnings', join(import.meta.dirname, platform, 'crash-fixture.ts')],
      { timeout: 80_000, env: { ...process.env, NODE_OPTIONS: '' } },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : null;
        resolve({ code, output: `${stdout}${stderr}` });
      },
    );
  });
}

describe.each([
  ['discord', Object.keys(discord), 14],
  ['slack', Object.keys(slack), 9],
  ['telegram', Object.keys(telegram), 10],
  ['twitch', Object.keys(twitch), 11],
] as const)('a process with the %s adapter and no global handler', (platform, names, atLeast) => {
  let end: { code: number | null; output: string };

  beforeAll(async () => {
    end = await playAll(platform);
  }, 90_000);

  it('plays its scenarios and ends by itself', () => {
    expect(names.length).toBeGreaterThanOrEqual(atLeast);
    expect(end.code, end.output).toBe(0);
  });

  it.each(names)('survives: %s', (name) => {
    expect(end.output).toContain(`survived: ${name}\n`);
  });
});
