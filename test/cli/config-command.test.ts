import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UsageError } from '../../src/cli/arguments.ts';
import { readArguments } from '../../src/cli/commands.ts';
import { configRequest, runConfig } from '../../src/cli/config-command.ts';
import type { Operator } from '../../src/gateway/operator/operator.ts';
import { dataFolder } from '../../src/store/data-folder.ts';
import { createFakeOperator } from '../tui/fake-operator.ts';
import { snapshotOf } from '../tui/fixtures.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cli-config-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function run(words: readonly string[], typed = '', operator?: Operator): Promise<string> {
  const input = new PassThrough();
  input.end(typed);
  return runConfig(readArguments(['config', '--', ...words]), dataFolder(folder, {}), {
    operator: async () => operator,
    input,
    output: new PassThrough(),
  });
}

const stored = (): unknown => JSON.parse(readFileSync(join(folder, 'gateway', 'config.json'), 'utf8'));

describe('config', () => {
  it('understands set, get and the short forms', () => {
    expect(configRequest([])).toEqual({ show: undefined });
    expect(configRequest(['get', 'port'])).toEqual({ show: 'port' });
    expect(configRequest(['port'])).toEqual({ show: 'port' });
    expect(configRequest(['port', '4000'])).toEqual({ set: 'port', value: '4000' });
    expect(configRequest(['set', 'port', '4000'])).toEqual({ set: 'port', value: '4000' });
    expect(configRequest(['set', 'platforms.telegram.token', '-'])).toEqual({
      set: 'platforms.telegram.token',
      value: undefined,
    });
    expect(() => configRequest(['set'])).toThrow(UsageError);
  });

  it('reads a secret from stdin and writes it to the file of a folder that no gateway has used', async () => {
    const printed = await run(['set', 'platforms.telegram.token', '-'], '123:ABC\n');
    expect(stored()).toEqual({ platforms: { telegram: { token: '123:ABC' } } });
    expect(printed).not.toContain('123:ABC');
  });

  it.each([
    ['limits.spend', '[{"scope":"all","per":"day","max":{}}]', 'limits.spend.0.max: nothing is limited'],
    [
      'limits.spend',
      '[{"scope":"person","match":"12345","per":"day","max":{"usd":0.5}}]',
      'limits.spend.0.match: "12345" is invalid',
    ],
    ['host', '0.0.0.0', 'is reachable from other machines, but tokens is empty'],
    ['agent.cwd', '/not/there', 'is not there'],
  ])('stores nothing that the next start refuses: %s %s', async (key, value, message) => {
    await run(['set', 'port', '4000']);
    await expect(run(['set', key, value])).rejects.toMatchObject({
      name: 'ConfigError',
      status: 400,
      message: expect.stringContaining(message),
    });
    expect(stored()).toEqual({ port: 4000 });
  });

  it('keeps ids of digits as text, takes lists with commas, and null takes a key away', async () => {
    await run(['set', 'platforms.discord.guildId', '1234567890123456789']);
    await run(['set', 'platforms.twitch.channels', 'ada, linus']);
    await run(['set', 'port', '4000']);
    expect(stored()).toEqual({
      port: 4000,
      platforms: { discord: { guildId: '1234567890123456789' }, twitch: { channels: ['ada', 'linus'] } },
    });
    await run(['set', 'port', 'null']);
    expect(stored()).not.toHaveProperty('port');
  });

  it('says so when stdin has no value', async () => {
    await expect(run(['set', 'port', '-'])).rejects.toThrow('config set port: no value was given');
  });

  it('goes through the gateway that runs on the folder', async () => {
    const operator = createFakeOperator({ snapshot: snapshotOf() });
    expect(await run(['set', 'port', '4000'], '', operator)).toBe('done');
    expect(operator.commands).toEqual([{ type: 'config.set', key: 'port', value: 4000 }]);
  });
});
