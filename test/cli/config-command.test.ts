import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GatewayError } from '../../src/base/errors.ts';
import { UsageError } from '../../src/cli/arguments.ts';
import { configRequest, runConfig } from '../../src/cli/installation.ts';
import { readArguments } from '../../src/cli/views.ts';
import type { Operator } from '../../src/gateway/operator/operator.ts';
import { dataFolder } from '../../src/store/data-folder.ts';
import { createFakeOperator } from '../tui/fake-operator.ts';
import { snapshotOf } from '../tui/fixtures.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cli-config-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function run(words: readonly string[], typed = '', operator?: Operator, columns?: number): Promise<string> {
  const input = new PassThrough();
  input.end(typed);
  return runConfig(readArguments(['config', '--', ...words]), dataFolder(folder, {}), {
    operator: async () => operator,
    input,
    output: new PassThrough(),
    columns,
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

  it('keeps to the width of the terminal, and cuts nothing off', async () => {
    await run([
      'set',
      'platforms.telegram.groups',
      Array.from({ length: 20 }, (_, n) => `-100${n}`).join(','),
    ]);
    const wide = await run([]);
    const narrow = await run([], '', undefined, 80);
    expect(Math.max(...wide.split('\n').map((line) => line.length))).toBeGreaterThan(90);
    const [, ...lines] = narrow.split('\n');
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
    const letters = (text: string): string => [...text.replaceAll(/\s/gu, '')].sort().join('');
    expect(letters(narrow)).toBe(letters(wide));
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
      name: 'UsageError', // exit code 2, as without a gateway
      message: expect.stringContaining(message),
    });
    expect(stored()).toEqual({ port: 4000 });
  });

  it('says of an unknown key and of a bad value that the command is wrong, and of a bad file that the file is', async () => {
    await expect(run(['nonsense'])).rejects.toBeInstanceOf(UsageError);
    await expect(run(['set', 'prot', '4000'])).rejects.toThrow(/unknown configuration key "prot"\n.*port/s);
    const refusing = createFakeOperator({ snapshot: snapshotOf() });
    refusing.run = () =>
      Promise.reject(new GatewayError('config_invalid', 'port: 70000 is invalid', { hint: 'Lower it.' }));
    await expect(run(['set', 'port', '70000'], '', refusing)).rejects.toEqual(
      new UsageError('port: 70000 is invalid\nLower it.'),
    );
    await run(['set', 'port', '4000']);
    writeFileSync(join(folder, 'gateway', 'config.json'), '{ "port": "no" }');
    await expect(run(['set', 'host', 'localhost'])).rejects.toMatchObject({ name: 'ConfigError' });
  });

  it('makes the directories for their owner alone', async () => {
    await run(['set', 'port', '4000']);
    expect(statSync(join(folder, 'gateway')).mode & 0o777).toBe(0o700);
    expect(statSync(join(folder, 'gateway/config.json')).mode & 0o777).toBe(0o600);
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

  it('takes a command as words, and asks for a list where only a shell could read it', async () => {
    await run(['set', 'agent.command', 'ssh -T box pi']);
    expect(stored()).toEqual({ agent: { command: ['ssh', '-T', 'box', 'pi'] } });
    await run(['set', 'agent.command', '["my pi", "--foo"]']);
    expect(stored()).toEqual({ agent: { command: ['my pi', '--foo'] } });
    await expect(run(['set', 'agent.command', 'ssh box "pi --foo"'])).rejects.toThrow(
      'write a command with quotes as a list',
    );
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
