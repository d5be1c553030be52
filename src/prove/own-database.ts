/** A database of its own in somebody's PostgreSQL: made for a proof, and dropped after it. */
import { randomBytes } from 'node:crypto';
import { GatewayError, messageOf } from '../base/errors.ts';
import { PgLink, placeOf } from '../store/postgres/link.ts';

export interface OwnDatabase {
  readonly name: string;
  /** Of the database that was made. */
  readonly url: string;
  drop(): Promise<void>;
}

const SLOW_MS = 60_000;

/** Changes nothing else in `url`. @throws GatewayError when no database can be made there */
export async function ownDatabase(url: string): Promise<OwnDatabase> {
  const name = `pi_gateway_prove_${randomBytes(6).toString('hex')}`;
  const link = new PgLink(url, 'pi-gateway-tui prove');
  try {
    await link.query(`CREATE DATABASE ${name}`, [], SLOW_MS);
  } catch (error) {
    link.close();
    if (error instanceof GatewayError) throw error;
    throw new GatewayError(
      'prove_database',
      `cannot make a database in ${placeOf(url)}: ${messageOf(error)}`,
      {
        hint: 'Check that PostgreSQL is running there. The user in --postgres needs the right to create databases: ALTER ROLE <user> CREATEDB.',
      },
    );
  }
  const own = new URL(url);
  own.pathname = `/${name}`;
  return {
    name,
    url: own.href,
    drop: async () => {
      try {
        await link.query(
          'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()',
          [name],
        );
        await link.query(`DROP DATABASE ${name}`, [], SLOW_MS);
      } catch (error) {
        throw new GatewayError('prove_database', `cannot drop the database ${name}: ${messageOf(error)}`, {
          hint: `Drop it in ${placeOf(url)}: DROP DATABASE ${name};`,
        });
      } finally {
        link.close();
      }
    },
  };
}
