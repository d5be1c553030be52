import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import * as print from '../../../src/cli/print.ts';
import { configText } from '../../../src/extension/words.ts';
import { ConfigAccess, type ConfigSurroundings } from '../../../src/gateway/config/access.ts';

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

  it('that the disk refuses is said with its cause and what to do: the directory or the file', async () => {
    writeFileSync(join(folder, 'file'), '');
    // No one can make a file in /proc: a disk that is read-only, for a test that may run as root.
    for (const directory of [join(folder, 'file'), '/proc'])
      await expect(
        new ConfigAccess(join(directory, 'config.json')).set('language', 'de'),
      ).rejects.toMatchObject({
        code: 'storage_failed',
        message: expect.stringContaining(`in ${directory}: `),
        hint: expect.stringContaining('Check the disk'),
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

describe('the value in force', () => {
  const rows = (around: ConfigSurroundings = {}) =>
    new Map(new ConfigAccess(path, around).values().map((row) => [row.key, row]));

  it('comes with its true source: flag, variable, line of the file, default', () => {
    writeFileSync(path, '{\n  "port": 4000,\n  "agent": {\n    "maxTasks": 3\n  }\n}');
    expect(rows().get('port')).toMatchObject({ value: 4000, source: 'file', from: 'line 2' });
    expect(rows().get('agent.maxTasks')).toMatchObject({ value: 3, source: 'file', from: 'line 4' });
    const env = { PI_GATEWAY_PORT: '5000', PI_GATEWAY_HOST: '' };
    expect(rows({ env }).get('port')).toMatchObject({
      value: 5000,
      source: 'environment',
      from: 'PI_GATEWAY_PORT',
    });
    expect(rows({ env }).get('host')).toMatchObject({ value: 'localhost', source: 'default' });
    const flags = { port: 6000, host: undefined, 'agent.backend': 'scripted' };
    expect(rows({ env, flags }).get('port')).toMatchObject({ value: 6000, source: 'flag', from: '--port' });
    expect(rows({ env, flags }).get('agent.backend')).toMatchObject({ value: 'scripted', from: '--agent' });
  });

  it('is what really counts where a default depends on other keys', () => {
    writeFileSync(
      path,
      JSON.stringify({
        security: { requirePairing: false },
        agent: { hosts: [{ name: 'a', command: ['pi'], maxConcurrent: 7 }] },
      }),
    );
    const now = rows({ env: { TZ: ':/usr/share/zoneinfo/Europe/Berlin' }, cwd: '/srv/work' });
    expect(now.get('platforms.telegram.dmPolicy')).toMatchObject({ value: 'allowlist', source: 'default' });
    expect(now.get('platforms.websocket.enabled')).toMatchObject({ value: true, source: 'default' });
    expect(now.get('agent.maxConcurrent')).toMatchObject({ value: 7, source: 'default' });
    expect(now.get('agent.cwd')).toMatchObject({ value: '/srv/work', source: 'default' });
    expect(now.get('sessions.timeZone')).toMatchObject({ value: 'Europe/Berlin', source: 'default' });
  });

  it('stays what the gateway was started with, and says what counts from the next start', () => {
    writeFileSync(path, JSON.stringify({ port: 4000, platforms: { telegram: { enabled: true } } }));
    const around = { started: { host: '127.0.0.1', agent: { maxTasks: 5 } } };
    expect(rows(around).get('port')).toMatchObject({ value: 3847, source: 'default', later: 4000 });
    expect(rows(around).get('agent.maxTasks')).toMatchObject({ value: 5, source: 'file', later: null });
    expect(rows(around).get('platforms.telegram.enabled')).not.toHaveProperty('later');
    const text = print.config([...rows(around).values()]);
    expect(text).toMatch(/^port +3847 \(4000 after a restart\) +default$/m);
    expect(text).toMatch(/^agent\.maxTasks +5 \(2 after a restart\) +file$/m);
  });

  it('is shown by /gateway config only where it differs from the default', () => {
    writeFileSync(path, JSON.stringify({ port: 4000, enableHttp: true, tokens: ['0123456789abcdef'] }));
    const values = [...rows().values()];
    const text = configText(values, undefined);
    expect(text).toMatch(/^port +4000 +file line 1$/m);
    expect(text).toMatch(/^tokens +"••••••" +file line 1$/m);
    expect(text).not.toMatch(/^(enableHttp|host|agent)/m);
    expect(configText(values, 'all').split('\n').length).toBeGreaterThan(100);
    expect(configText(values, 'host')).toMatch(/^host +"localhost" +default$/m);
    writeFileSync(path, '{}');
    expect(configText([...rows().values()], undefined)).toContain('Every value is the default.');
  });
});
