import type { Client, QueryResultRow } from 'pg';
import { withDeadline } from '../../base/async.ts';
import { ConfigError, GatewayError } from '../../base/errors.ts';

/** A database that is there answers sooner, also under load. */
const CONNECT_MS = 3_000;
const ANSWER_MS = 10_000;

/** A statement that is sent often keeps its plan under this name. */
export interface Statement {
  readonly name?: string;
  readonly text: string;
}

/** What a URL leads to, without who may: for people. */
export function placeOf(url: string): string {
  try {
    if (!isPostgresAddress(url)) return 'not an address of PostgreSQL';
    const { hostname, port, pathname, searchParams } = new URL(url);
    const host = hostname || searchParams.get('host') || 'localhost';
    return `${host}${port === '' ? '' : `:${port}`}${pathname}`;
  } catch {
    return 'the database of store.url';
  }
}

/** A password with a bare slash would be read as another host and path, and shown as one. */
export function isPostgresAddress(url: string): boolean {
  if (!/^postgres(?:ql)?:\/\//iu.test(url) || !URL.canParse(url)) return false;
  return !new URL(url).pathname.includes('@');
}

/**
 * One connection, made when it is needed and made again when it was lost. What was sent when it broke may have been
 * carried out: anyone who cares looks. An error never repeats the URL.
 */
export class PgLink {
  readonly #url: string;
  readonly #name: string;
  #client: Promise<Client> | undefined;
  /** What `#client` has led to. */
  #open: Client | undefined;
  #generation = 0;
  #ended = false;
  /** Called for each NOTIFY of a channel that this connection listens to. */
  onNotification: (() => void) | undefined;

  constructor(url: string, name: string) {
    this.#url = url;
    this.#name = name;
  }

  /** Counts connections: what belonged to the session (locks, LISTEN) is gone with an earlier one. */
  get generation(): number {
    return this.#generation;
  }

  /** @throws Error of PostgreSQL, or of the system when it does not answer */
  async query<R extends QueryResultRow>(
    statement: Statement | string,
    values: readonly unknown[] = [],
    answerMs = ANSWER_MS,
  ): Promise<{ rows: R[]; count: number }> {
    const client = await this.#connected();
    const query = typeof statement === 'string' ? { text: statement } : statement;
    try {
      const result = await withDeadline(answerMs, () => client.query<R>({ ...query, values: [...values] }), {
        reason: () => new Error(`the database did not answer within ${answerMs / 1000} s`),
      });
      return { rows: result.rows, count: result.rowCount ?? 0 };
    } catch (error) {
      // No one knows what a connection without an answer still does: the next statement has another.
      if (!isRefusal(error)) this.#drop(client);
      throw error;
    }
  }

  close(): void {
    this.#ended = true;
    const client = this.#client;
    this.#client = undefined;
    client?.then(
      (open) => void open.end().catch(() => {}),
      () => {},
    );
  }

  #connected(): Promise<Client> {
    if (this.#ended) return Promise.reject(new Error('the connection to the database is closed'));
    this.#client ??= this.#connect().catch((error: unknown) => {
      this.#client = undefined;
      throw error;
    });
    return this.#client;
  }

  async #connect(): Promise<Client> {
    const { default: pg } = await import('pg');
    if (!isPostgresAddress(this.#url)) throw notAnAddress();
    let client: Client;
    try {
      client = new pg.Client({
        connectionString: this.#url,
        application_name: this.#name,
        connectionTimeoutMillis: CONNECT_MS,
        keepAlive: true,
      });
    } catch {
      throw notAnAddress();
    }
    client.on('error', () => this.#drop(client)); // also told by the next statement
    client.on('notification', () => this.onNotification?.());
    try {
      await client.connect();
      // A commit that is answered has to be on the disk there, whatever the database does for others.
      await withDeadline(CONNECT_MS, () =>
        client.query(
          "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'",
        ),
      );
    } catch (error) {
      this.#drop(client);
      throw error;
    }
    this.#generation += 1;
    this.#open = client;
    return client;
  }

  /** Says `error` for itself again when it is gone: by then another one may be open, or on its way. */
  #drop(client: Client): void {
    if (this.#open === client) {
      this.#open = undefined;
      this.#client = undefined;
    }
    client.connection.stream.destroy();
  }
}

function notAnAddress(): ConfigError {
  return new ConfigError(
    'store.url is not an address of a PostgreSQL database',
    'Write it as postgres://user:password@host:5432/database, and special characters of the password as %40 (@) or %2F (/).',
  );
}

/** The database has answered that it will not: the connection is in order. */
export function isRefusal(error: unknown): boolean {
  const state = stateOf(error);
  // 08: connection, 57P: the server stops or starts.
  return state !== undefined && !state.startsWith('08') && !state.startsWith('57P');
}

/** SQLSTATE of an answer of PostgreSQL. */
export function stateOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || !('severity' in error)) return undefined;
  return typeof error.code === 'string' && /^[0-9A-Z]{5}$/.test(error.code) ? error.code : undefined;
}

/** Raised when an older program could no longer read the tables. */
const FORMAT = 1;

/**
 * One gateway in one schema of a PostgreSQL database. The log is the journal: the records of one group commit are a row,
 * named by the first of them. That name can be taken once: anyone who writes what was already written learns it there.
 *
 * `leader.term` counts leaders. A row of the log is inserted together with a look at it, under a lock that a take-over
 * waits for: nothing of an earlier term comes after a later one has begun to read.
 */
const TABLES = `
CREATE TABLE IF NOT EXISTS pi_gateway_leader (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  format integer NOT NULL,
  term bigint NOT NULL,
  beat bigint NOT NULL,
  released boolean NOT NULL,
  holder text NOT NULL,
  name text NOT NULL,
  backend integer NOT NULL,
  files text NOT NULL
);
INSERT INTO pi_gateway_leader VALUES (true, ${FORMAT}, 0, 0, true, '', '', 0, '') ON CONFLICT DO NOTHING;
CREATE TABLE IF NOT EXISTS pi_gateway_log (
  database text NOT NULL,
  sequence bigint NOT NULL,
  last bigint NOT NULL,
  term bigint NOT NULL,
  id text NOT NULL,
  data bytea NOT NULL,
  PRIMARY KEY (database, sequence)
);
CREATE TABLE IF NOT EXISTS pi_gateway_snapshot (
  database text NOT NULL,
  sequence bigint NOT NULL,
  term bigint NOT NULL,
  id text NOT NULL,
  bytes bigint NOT NULL,
  PRIMARY KEY (database, sequence, term)
);
CREATE TABLE IF NOT EXISTS pi_gateway_chunk (
  database text NOT NULL,
  id text NOT NULL,
  part integer NOT NULL,
  data bytea NOT NULL,
  PRIMARY KEY (database, id, part)
);
CREATE TABLE IF NOT EXISTS pi_gateway_file (path text PRIMARY KEY, data bytea NOT NULL);
CREATE TABLE IF NOT EXISTS pi_gateway_session (
  name text PRIMARY KEY,
  generation text NOT NULL,
  mark text,
  gone boolean NOT NULL DEFAULT false
);
CREATE TABLE IF NOT EXISTS pi_gateway_session_part (
  name text NOT NULL,
  generation text NOT NULL,
  begins bigint NOT NULL,
  data bytea NOT NULL,
  PRIMARY KEY (name, generation, begins)
);
`;

/** The same number in every gateway that uses the schema, and another in other schemas of the database. */
export const LOCK_KEY = `hashtextextended('pi-gateway:' || current_schema(), 0)`;

export async function createTables(link: PgLink): Promise<void> {
  // Two that start together would both find nothing, and one of them then fails.
  await link.query(
    `DO $$ BEGIN PERFORM pg_advisory_xact_lock(${LOCK_KEY} + 1); ${TABLES.replaceAll('\n', ' ')} END $$`,
  );
  const { rows } = await link.query<{ format: number }>('SELECT format FROM pi_gateway_leader');
  if ((rows[0]?.format ?? 0) > FORMAT)
    throw new GatewayError('storage_newer', 'the database was written by a newer version of the gateway', {
      hint: 'Install that version again.',
    });
}

/** Answers a row exactly while this term leads; a take-over that begins in the meantime waits for the statement's end. */
export const LEADS = 'SELECT 1 FROM pi_gateway_leader WHERE term = $1 FOR KEY SHARE';

/** $1 term, $2 database, $3 first, $4 last, $5 id, $6 data */
export const APPEND: Statement = {
  name: 'append',
  text: `WITH leader AS (${LEADS}) INSERT INTO pi_gateway_log (database, sequence, last, term, id, data)
    SELECT $2, $3, $4, $1, $5, $6 FROM leader`,
};

/** $1 term, $2 database, $3 the first record to take back */
export const CUT: Statement = {
  text: `WITH leader AS (${LEADS}), gone AS (
      DELETE FROM pi_gateway_log WHERE database = $2 AND sequence >= $3 AND EXISTS (SELECT FROM leader) RETURNING 1)
    SELECT (SELECT count(*) FROM leader)::int AS leads, (SELECT count(*) FROM gone)::int AS gone`,
};

/** $1 database, $2 sequence */
export const FIND: Statement = {
  text: 'SELECT term, id FROM pi_gateway_log WHERE database = $1 AND sequence = $2',
};

/** $1 database, $2 the first one wanted */
export const READ: Statement = {
  name: 'read',
  text: `SELECT sequence, last, id, data FROM pi_gateway_log
    WHERE database = $1 AND sequence >= $2 ORDER BY sequence LIMIT 200`,
};

/**
 * $1 term, $2 database, $3 sequence, $4 bytes, $5 id of the chunks: they are there, from now on they count. They take the
 * place of an earlier snapshot with the same records at once: there is never none.
 */
export const PUBLISH: Statement = {
  text: `WITH leader AS (${LEADS}) INSERT INTO pi_gateway_snapshot (database, sequence, term, id, bytes)
    SELECT $2, $3, $1, $5, $4 FROM leader
    ON CONFLICT (database, sequence, term) DO UPDATE SET id = excluded.id, bytes = excluded.bytes`,
};

/** $1 term, $2 database, $3 id, $4 part, $5 data */
export const PUT_CHUNK: Statement = {
  name: 'chunk',
  text: `WITH leader AS (${LEADS}) INSERT INTO pi_gateway_chunk (database, id, part, data)
    SELECT $2, $3, $4, $5 FROM leader`,
};

/** $1 term, $2 path, $3 content */
export const PUT_FILE: Statement = {
  text: `WITH leader AS (${LEADS}) INSERT INTO pi_gateway_file (path, data) SELECT $2, $3 FROM leader
    ON CONFLICT (path) DO UPDATE SET data = excluded.data`,
};

/** $1 term, $2 path */
export const DROP_FILE: Statement = {
  text: `WITH leader AS (${LEADS}) DELETE FROM pi_gateway_file WHERE path = $2 AND EXISTS (SELECT FROM leader)`,
};

/** Everything in one look, so that no compaction comes between. $1 database */
export const NEWEST_SNAPSHOT: Statement = {
  name: 'newest',
  text: `SELECT sequence, id, bytes FROM pi_gateway_snapshot WHERE database = $1
    ORDER BY sequence DESC, term DESC LIMIT 1`,
};

/** $1 database, $2 id, $3 part */
export const CHUNK: Statement = {
  name: 'get-chunk',
  text: 'SELECT data FROM pi_gateway_chunk WHERE database = $1 AND id = $2 AND part = $3',
};

/** $1 term, $2 database, $3 the snapshot of this term that stays. Never what a later leader has written. */
export const DROP_OLD_SNAPSHOTS: Statement = {
  text: `WITH leader AS (${LEADS}) DELETE FROM pi_gateway_snapshot
      WHERE database = $2 AND (sequence, term) <> ($3, $1) AND EXISTS (SELECT FROM leader)`,
};

/** What belongs to no snapshot: of earlier ones, and of those that were never published. $1 term, $2 database */
export const DROP_OLD_CHUNKS: Statement = {
  text: `WITH leader AS (${LEADS}) DELETE FROM pi_gateway_chunk c
      WHERE database = $2 AND EXISTS (SELECT FROM leader)
        AND NOT EXISTS (SELECT FROM pi_gateway_snapshot s WHERE s.database = c.database AND s.id = c.id)`,
};

/** $1 term, $2 database, $3 the last record that is not needed */
export const DROP_OLD_LOG: Statement = {
  text: `WITH leader AS (${LEADS}) DELETE FROM pi_gateway_log
    WHERE database = $2 AND last <= $3 AND EXISTS (SELECT FROM leader)`,
};
