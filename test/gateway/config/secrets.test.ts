import { describe, expect, it } from 'vitest';
import {
  environmentName,
  passwordsOf,
  resolveSecret,
  resolveSecrets,
  resolveTokens,
} from '../../../src/gateway/config/secrets.ts';

const env = { PATH: process.env['PATH'], BOT: 'hunter2', EMPTY: '' };

describe('a secret', () => {
  it('stands for itself unless it is written as a variable or a command', async () => {
    for (const value of ['plain', 'a$BOT', '$BOT and more', '$1', '!', '', '$'])
      expect(await resolveSecret(value, 'k', env)).toBe(value);
  });

  it('written as $NAME is the variable', async () => {
    expect(await resolveSecret('$BOT', 'k', env)).toBe('hunter2');
    expect(environmentName('$BOT')).toBe('BOT');
    expect(environmentName('BOT')).toBeUndefined();
  });

  it.each(['$MISSING', '$EMPTY'])(
    'written as %s is an error that names the key and the variable',
    async (value) => {
      await expect(resolveSecret(value, 'platforms.telegram.token', env)).rejects.toMatchObject({
        code: 'secret_missing',
        message: expect.stringContaining(
          `platforms.telegram.token: the environment variable ${value.slice(1)}`,
        ),
      });
    },
  );

  it('written as !command is what the command prints, without the line end', async () => {
    expect(await resolveSecret('!printf "%s\\n" "$BOT"', 'k', env)).toBe('hunter2');
  });

  it('whose command fails is an error that does not repeat what the command said', async () => {
    const failing = resolveSecret('!echo hunter2 >&2; exit 3', 'k', env);
    await expect(failing).rejects.toMatchObject({ code: 'secret_command_failed' });
    await expect(failing).rejects.not.toMatchObject({ message: expect.stringContaining('hunter2') });
  });

  it('is looked for in every text of a platform’s settings, and nothing else is touched', async () => {
    const settings = { enabled: true, token: '$BOT', chunk: 7, list: ['$BOT'] };
    expect(await resolveSecrets(settings, 'platforms.x', env)).toEqual({ ...settings, token: 'hunter2' });
    expect(settings.token).toBe('$BOT');
  });
});

describe('the tokens of the server', () => {
  it('are looked up, and one that leads nowhere stops the start', async () => {
    expect(await resolveTokens(['plain', '$A'], { A: 'a' })).toEqual(['plain', 'a']);
    for (const token of ['$NOT_SET', '!true', '!exit 1'])
      await expect(resolveTokens(['plain', token], {})).rejects.toMatchObject({
        name: 'ConfigError',
        message: expect.stringContaining('tokens.1'),
      });
  });
});

describe('the passwords of an address', () => {
  it.each([
    ['postgres://user:p%2Fw@host/db', ['p%2Fw', 'p/w']],
    ['postgres://user:100%zz@host/db?password=other', ['100%zz', 'other']],
    ['http://proxy.example:3128', []],
    ['direct', []],
  ])('are found as they stand there and as they are meant: %s', (address, passwords) => {
    expect(passwordsOf(address)).toEqual(passwords);
  });
});
