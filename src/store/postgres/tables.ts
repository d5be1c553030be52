import { GatewayError } from '../../base/errors.ts';
import type { PgLink, Statement } from './link.ts';

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
const LEADS = 'SELECT 1 FROM pi_gateway_leader WHERE term = $1 FOR KEY SHARE';

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
