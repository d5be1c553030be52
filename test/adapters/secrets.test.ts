import { describe, expect, it } from 'vitest';
import { createPlatformAdapter } from '../../src/adapters/registry.ts';

const TOKEN = '1234567:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw';

const make = async (token: string, secrets: string[] = []) => {
  await createPlatformAdapter('telegram', { token: '$TOKEN' }, { TOKEN: token }, (value) =>
    secrets.push(value),
  );
  return secrets;
};

describe('a secret of a platform', () => {
  it('works with blanks around it', async () => {
    expect(await make(` ${TOKEN}\n`)).toEqual([TOKEN]);
  });

  it.each([
    [`"${TOKEN}"`, 'is in quotes'],
    [`'${TOKEN}'\n`, 'is in quotes'],
    [`\u201c${TOKEN}\u201d`, 'is in quotes'],
    ['  ', 'is blank'],
    [`TOKEN ${TOKEN}`, 'has a space or a line break inside'],
    [`${TOKEN}\nwarning`, 'has a space or a line break inside'],
  ])('as %j says what is wrong with it, and does not repeat it', async (value, fault) => {
    const error = await make(value).catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: 'secret_malformed',
      message: `platforms.telegram.token: its value ${fault}`,
    });
    expect(JSON.stringify(error)).not.toContain(TOKEN);
  });
});
