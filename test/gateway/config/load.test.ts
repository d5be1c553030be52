import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigError } from '../../../src/base/errors.ts';
import { checkConfig, loadConfig, unreadable } from '../../../src/gateway/config/load.ts';

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'config-'));
  path = join(folder, 'config.json');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('config.json', () => {
  it('that belongs to somebody else is not to be opened to this user', () => {
    expect(unreadable('/d/config.json', 1000, 1000)).toBe('Make the file readable for this user.');
    expect(unreadable('/d/config.json', 1000, 1001)).toBe(
      'It belongs to the user with the id 1000: run as that user, or give it to this one (chown 1001 /d/config.json).',
    );
    expect(unreadable('/d/config.json', undefined, 1001)).toBe('Run as the user that owns it.'); // not even its directory is
    expect(unreadable('/d/config.json', 0, undefined)).toBe('Make the file readable for this user.'); // Windows
  });

  it('is not needed: missing, empty and blank files are an empty configuration', () => {
    expect(loadConfig(path)).toEqual({ path, config: {}, warnings: [] });
    for (const text of ['', ' \n\t', '{}']) {
      writeFileSync(path, text);
      expect(loadConfig(path).config).toEqual({});
    }
  });

  it('may begin with a byte order mark, as some editors write it', () => {
    writeFileSync(path, '\uFEFF{"port": 4000}');
    expect(loadConfig(path).config).toEqual({ port: 4000 });
  });

  it('of the older gateway, with empty texts and nulls for what is not set, is taken as it is', () => {
    writeFileSync(
      path,
      JSON.stringify({ host: '', platforms: { discord: { enabled: false, botToken: '', guildId: null } } }),
    );
    expect(loadConfig(path)).toEqual({
      path,
      config: { platforms: { discord: { enabled: false } } },
      warnings: [],
    });
  });

  it.each([
    ['{"port": 4000,}', 'is not valid JSON'],
    ['[]', 'must be a JSON object'],
    ['null', 'must be a JSON object'],
    ['"text"', 'must be a JSON object'],
  ])('that says %s is an error, and the file stays as it was', (text, message) => {
    writeFileSync(path, text);
    expect(() => loadConfig(path)).toThrow(message);
    expect(readFileSync(path, 'utf8')).toBe(text);
  });

  it.each([
    ['{"tokens": ["hunter2"]\n "port": 1}', 'line 2, column 2'],
    ['{"token": hunter2}', 'line 1, column 11'],
    ['{\n  "token": "x",\n  "a": tru hunter2 }', 'line 3, column 11'],
    ['{"token": "hunter2\n"}', 'line 1, column 19'],
  ])('with a syntax error says where, not what is written there: %j', (text, place) => {
    writeFileSync(path, text);
    expect(() => loadConfig(path)).toThrow(place);
    expect(() => loadConfig(path)).not.toThrow('hunter2');
  });

  it('with a wrong value is an error that names the key, the value and the fix', () => {
    const wrong = (value: unknown): ConfigError => {
      try {
        checkConfig(value, 'config.json');
      } catch (error) {
        if (error instanceof ConfigError) return error;
      }
      throw new Error('no ConfigError');
    };
    expect(wrong({ port: 'many' })).toMatchObject({
      message: expect.stringMatching(/port: "many" is invalid/),
      hint: expect.stringContaining('Set port to a whole number from 0 to 65535'),
    });
    const limit = (extra: object): ConfigError =>
      wrong({ limits: { spend: [{ scope: 'all', per: 'day', max: { usd: 1 }, ...extra }] } });
    expect(limit({ max: { usd: -1 } }).message).toContain('-1 is invalid: expected a number above 0');
    expect(limit({ max: { usd: 0 } }).message).toContain('0 is invalid: expected a number above 0');
    expect(limit({ warnAt: 80 }).message).toContain('80 is invalid: expected a number from 0 to 1');
    expect(limit({ max: { tokens: 0.5 } }).message).toContain('expected a whole number from 1');
    expect(wrong({ sessions: { resetPolicy: 'weekly' } })).toMatchObject({
      message: expect.stringMatching(
        /sessions\.resetPolicy: "weekly" is invalid: expected one of "idle", "daily", "both", "none"/,
      ),
      hint: expect.stringContaining('The default is'),
    });
    expect(wrong({ platforms: { telegram: { enabled: 'yes' } } }).message).toContain(
      'platforms.telegram.enabled: "yes"',
    );
    expect(wrong({ tokens: ['good', 7] }).message).toContain('tokens.1: a number');
  });

  it('with an unknown platform is an error with a suggestion', () => {
    expect(() => checkConfig({ platforms: { telegramm: {} } }, 'f')).toThrow(/unknown platform "telegramm"/);
    expect(() => checkConfig({ platforms: { telegramm: {} } }, 'f')).toThrow(/telegram\?/);
  });

  it('with an unknown key is taken, with a warning and a suggestion', () => {
    expect(checkConfig({ prot: 1, mine: { deep: true } }, 'f')).toEqual({
      config: { prot: 1, mine: { deep: true } },
      warnings: [
        'f: unknown key prot is kept and ignored. Did you mean port?',
        expect.stringContaining('f: unknown key mine is kept and ignored.'),
      ],
    });
  });

  it('with an unknown key inside a list is taken, with the same warning', () => {
    const spend = [{ scope: 'all', per: 'day', max: { usd: 1, token: 5 }, wrnAt: 0.5 }];
    expect(checkConfig({ limits: { spend } }, 'f').warnings).toEqual([
      'f: unknown key limits.spend.0.max.token is kept and ignored. Did you mean limits.spend.0.max.tokens?',
      'f: unknown key limits.spend.0.wrnAt is kept and ignored. Did you mean limits.spend.0.warnAt?',
    ]);
  });

  it('never throws anything but an error with a next step, whatever JSON it holds', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom('port', 'agent', 'platforms', 'sessions'), (value, key) => {
        for (const config of [value, { [key]: value }])
          try {
            checkConfig(config, 'f');
          } catch (error) {
            expect(error).toBeInstanceOf(ConfigError);
            expect(error instanceof ConfigError && (error.hint ?? '').length > 0).toBe(true);
          }
      }),
    );
  });
});
