import { expect, it } from 'vitest';
import { GatewayError } from '../../../src/base/errors.ts';
import { persist } from '../../../src/gateway/core.ts';
import type { Database } from '../../../src/store/database.ts';

const quiet = { error() {} };

/** A database that refuses with these errors, one after the other, then takes everything. */
function refusing(...errors: unknown[]): Pick<Database, 'write'> & { readonly tries: () => number } {
  let tries = 0;
  return {
    tries: () => tries,
    write: async (body) => {
      tries += 1;
      const error = errors.shift();
      if (error !== undefined) throw error;
      return body({} as never);
    },
  };
}

it.each([
  new GatewayError('storage_full', 'the disk is full'),
  new GatewayError('storage_unreachable', 'the database does not answer'),
])('a change is tried again while the store does not take it: $code', async (error) => {
  const db = refusing(error);
  expect(await persist(db, () => 'stored', new AbortController().signal, quiet)).toBe('stored');
  expect(db.tries()).toBe(2);
});

it.each([
  new RangeError('Invalid time zone specified'),
  new GatewayError('leader_lost', 'another one leads'),
])('a change that fails for another reason is not tried for ever: %s', async (error) => {
  const db = refusing(error, error);
  await expect(persist(db, () => 1, new AbortController().signal, quiet)).rejects.toBe(error);
  expect(db.tries()).toBe(1);
});
