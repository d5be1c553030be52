import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigAccess } from '../../../src/gateway/config/access.ts';

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'config-'));
  path = join(folder, 'config.json');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const stored = (): unknown => JSON.parse(readFileSync(path, 'utf8'));

describe('a section of the configuration', () => {
  it('is written at once; null takes a key away; keys it does not know are kept', async () => {
    writeFileSync(
      path,
      JSON.stringify({ mine: 1, platforms: { telegram: { token: 'old', webhookUrl: 'x' } } }),
    );
    await new ConfigAccess(path).set('platforms.telegram', { token: 'new', enabled: true, webhookUrl: null });
    expect(stored()).toEqual({ mine: 1, platforms: { telegram: { token: 'new', enabled: true } } });
  });

  it('is refused as a whole when one value is wrong, and the error names the key, the value and the fix', async () => {
    writeFileSync(path, '{}');
    const set = new ConfigAccess(path).set('platforms.telegram', { enabled: true, mode: 'carrier pigeon' });
    await expect(set).rejects.toMatchObject({
      message: expect.stringMatching(/platforms\.telegram\.mode: "carrier pigeon".*"polling", "webhook"/u),
      hint: expect.stringContaining('Set platforms.telegram.mode to'),
    });
    expect(stored()).toEqual({});
  });

  it('takes no unknown key and suggests the nearest', async () => {
    await expect(new ConfigAccess(path).set('platforms.telegram', { tokken: 'x' })).rejects.toMatchObject({
      code: 'unknown_key',
      hint: expect.stringContaining('Did you mean platforms.telegram.token?'),
    });
  });
});

describe('secrets', () => {
  it('are masked where they are shown, but the name of a variable is not', () => {
    writeFileSync(
      path,
      JSON.stringify({ platforms: { telegram: { token: '1:A' }, discord: { botToken: '$BOT' } } }),
    );
    const value = (key: string): unknown =>
      new ConfigAccess(path).values().find((row) => row.key === key)?.value;
    expect(value('platforms.telegram.token')).toBe('••••••');
    expect(value('platforms.discord.botToken')).toBe('$BOT');
  });

  it('are never overwritten by their mask', async () => {
    await expect(new ConfigAccess(path).set('platforms.telegram.token', '••••••')).rejects.toMatchObject({
      code: 'masked_value',
    });
  });
});

it('says what may be typed for each value', () => {
  const rows = new ConfigAccess(path).values();
  const kind = (key: string) => rows.find((row) => row.key === key);
  expect(kind('platforms.telegram.mode')).toMatchObject({ kind: 'choice', choices: ['polling', 'webhook'] });
  expect(kind('platforms.telegram.token')).toMatchObject({ kind: 'text', secret: true });
  expect(kind('platforms.twitch.channels')).toMatchObject({ kind: 'list' });
  expect(kind('platforms.whatsapp.maxMessageAgeHours')).toMatchObject({ kind: 'number', fallback: 24 });
  expect(kind('enableHttp')).toMatchObject({ kind: 'boolean' });
  expect(rows.every((row) => row.kind !== undefined)).toBe(true);
});
