import { describe, expect, it } from 'vitest';
import { checkConfig } from '../../../src/gateway/config/load.ts';
import { PgLink, placeOf } from '../../../src/store/postgres/link.ts';

describe('the address of a PostgreSQL store', () => {
  it.each(['mysql://user:pass-word@host/db', 'pass-word', 'postgres://user:12/pass-word@host/db'])(
    'is refused before anything is connected, and is not repeated: %s',
    async (url) => {
      const link = new PgLink(url, 'test');
      const error = await link.query('SELECT 1').catch((caught: unknown) => caught);
      expect(error).toMatchObject({ name: 'ConfigError', message: expect.stringContaining('store.url') });
      expect(`${String(error)} ${placeOf(url)}`).not.toContain('pass-word');
    },
  );

  it('is checked when it is set, and not repeated', () => {
    const set = (url: string) => () => checkConfig({ store: { url } }, 'config.json');
    for (const url of [
      'mysql://user:pass-word@host/db',
      'postgres://user:pass-word@host:99999/db',
      'postgres://u:12/pass-word@host/db',
    ])
      expect(set(url)).toThrow(/store\.url: (?!.*pass-word).*expected an address/u);
    for (const url of ['$STORE_URL', '!pass show store', 'postgresql://user:p%2Fw@host/db'])
      expect(set(url)).not.toThrow();
    expect(placeOf('postgresql://user:p%2Fw@host:5432/db')).toBe('host:5432/db');
  });
});
