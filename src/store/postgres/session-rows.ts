/** Copies of session files in the database, for the next leader. */

import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { QueryResultRow } from 'pg';
import { messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import {
  type CopiesElsewhere,
  type CopyFacts,
  type CopyMark,
  factsOf,
  isCopyName,
  markPath,
  sha256,
} from '../session-copies.ts';
import type { Leadership } from './leadership.ts';
import { LEADS, type PgLink, type Statement } from './link.ts';

const SWEEP_MS = 1_000;
/** Bytes of a row. */
const PART_BYTES = 1024 * 1024;
const ANSWER_MS = 30_000;
/** Of a question next to a conversation, and of a check: no one continues them. */
const SHORT_LIVED = /^(?:aside|check)-/;

/** A piece that was sent again takes the place of the first. $1 term, $2 name, $3 generation, $4 begins, $5 data */
const PUT: Statement = {
  name: 'session-part',
  text: `WITH leader AS (${LEADS}) INSERT INTO pi_gateway_session_part (name, generation, begins, data)
    SELECT $2, $3, $4, $5 FROM leader
    ON CONFLICT (name, generation, begins) DO UPDATE SET data = excluded.data`,
};

/** The pieces of this generation are the file from now on. $1 term, $2 name, $3 generation */
const PUBLISH: Statement = {
  text: `WITH leader AS (${LEADS}) INSERT INTO pi_gateway_session (name, generation) SELECT $2, $3 FROM leader
    ON CONFLICT (name) DO UPDATE SET generation = excluded.generation, gone = false`,
};

/** $1 term, $2 name, $3 generation of a file that is not there yet, $4 mark */
const MARK: Statement = {
  name: 'session-mark',
  text: `WITH leader AS (${LEADS}) INSERT INTO pi_gateway_session (name, generation, mark)
    SELECT $2, $3, $4 FROM leader ON CONFLICT (name) DO UPDATE SET mark = excluded.mark`,
};

/** $1 term, $2 name, $3 the generation that stays */
const DROP_OLD: Statement = {
  text: `WITH leader AS (${LEADS}) DELETE FROM pi_gateway_session_part
    WHERE name = $2 AND generation <> $3 AND EXISTS (SELECT FROM leader)`,
};

/** It leaves its name, so that a former leader deletes its file as well. $1 term, $2 name */
const DROP: Statement = {
  text: `WITH leader AS (${LEADS}), parts AS (
      DELETE FROM pi_gateway_session_part WHERE name = $2 AND EXISTS (SELECT FROM leader))
    UPDATE pi_gateway_session SET gone = true, mark = NULL WHERE name = $2 AND EXISTS (SELECT FROM leader)`,
};

/** $1 term, $2 what the names begin with */
const DROP_ALL: Statement = {
  text: `WITH leader AS (${LEADS}), parts AS (
      DELETE FROM pi_gateway_session_part WHERE starts_with(name, $2) AND EXISTS (SELECT FROM leader))
    UPDATE pi_gateway_session SET gone = true, mark = NULL WHERE starts_with(name, $2) AND EXISTS (SELECT FROM leader)`,
};

/** Removes all copies of these sessions at once, whether or not copies are kept at present. */
export async function dropSessions(
  link: PgLink,
  term: Leadership['term'],
  stems: Iterable<string>,
): Promise<void> {
  for (const stem of stems) await link.query(DROP_ALL, [term, `${stem}.`], ANSWER_MS);
}

const ALL: Statement = {
  text: `SELECT s.name, s.generation, s.mark, s.gone, coalesce(max(p.begins + length(p.data)), 0) AS size
    FROM pi_gateway_session s LEFT JOIN pi_gateway_session_part p USING (name, generation)
    GROUP BY s.name, s.generation, s.mark, s.gone`,
};

/** What a leader was writing when it ended: no one reads it. $1 term */
const DROP_UNPUBLISHED: Statement = {
  text: `WITH leader AS (${LEADS}) DELETE FROM pi_gateway_session_part p WHERE EXISTS (SELECT FROM leader)
    AND NOT EXISTS (SELECT FROM pi_gateway_session s WHERE s.name = p.name AND s.generation = p.generation)`,
};

/** $1 name, $2 generation */
const HASH: Statement = {
  name: 'session-hash',
  text: `SELECT encode(sha256(coalesce(string_agg(data, ''::bytea ORDER BY begins), ''::bytea)), 'hex') AS hash
    FROM pi_gateway_session_part WHERE name = $1 AND generation = $2`,
};

/** $1 name, $2 generation */
const PARTS: Statement = {
  text: 'SELECT data FROM pi_gateway_session_part WHERE name = $1 AND generation = $2 ORDER BY begins',
};

interface StoredFile {
  readonly name: string;
  readonly generation: string;
  readonly mark: string | null;
  readonly gone: boolean;
  readonly size: string;
}

interface Known {
  readonly generation: string;
  size: number;
  /** Of all of it; undefined: PostgreSQL has to be asked. */
  sha256?: string | undefined;
  /** Where the last piece begins. */
  last?: number;
  /** It was missing at the last look. */
  missing?: boolean;
}

/**
 * The copies of session files follow the store: a leader writes each piece to PostgreSQL before it is acknowledged, and
 * the next one begins with what is there.
 */
export class SessionRows implements CopiesElsewhere {
  readonly #link: PgLink;
  readonly #leadership: Leadership;
  readonly #directory: string;
  readonly #log: Logger;
  readonly #known = new Map<string, Known>();
  #timer: NodeJS.Timeout | undefined;
  #sweeping: Promise<void> = Promise.resolve();
  #asked: Promise<unknown> = Promise.resolve();

  private constructor(link: PgLink, leadership: Leadership, directory: string, log: Logger) {
    this.#link = link;
    this.#leadership = leadership;
    this.#directory = directory;
    this.#log = log;
  }

  /** Before any session is opened: what another leader has written is here as well. */
  static async begin(
    link: PgLink,
    leadership: Leadership,
    directory: string,
    log: Logger,
  ): Promise<SessionRows> {
    const rows = new SessionRows(link, leadership, directory, log);
    await rows.#restore();
    rows.#timer = setInterval(() => {
      rows.#sweeping = rows.#sweeping
        .then(() => rows.#sweep())
        .catch((error: unknown) =>
          log.debug('copies of session files could not be removed yet', { error: messageOf(error) }),
        );
    }, SWEEP_MS);
    rows.#timer.unref();
    return rows;
  }

  async end(): Promise<void> {
    clearInterval(this.#timer);
    await this.#sweeping;
    // What was deleted a moment ago must not come back at the next start.
    if (this.#leadership.lost === undefined)
      for (let looks = 0; looks < 2; looks++)
        await this.#sweep().catch((error: unknown) =>
          this.#log.warn('copies of session files could not be removed', { error: messageOf(error) }),
        );
    this.#link.close();
  }

  async append(name: string, from: number, data: Buffer): Promise<void> {
    if (SHORT_LIVED.test(name)) return;
    const known = this.#known.get(name);
    // A piece that could not be written here, as on a full disk, comes again.
    if (known === undefined || (known.size !== from && known.last !== from)) {
      // What the gateway itself has written, or what another program has: the rows have to begin the same.
      if (from > 0) throw new Error('the rows of the copy are not up to date');
      return await this.replace(name, data);
    }
    await this.#led(PUT, [this.#leadership.term, name, known.generation, from, data]);
    known.size = from + data.length;
    known.sha256 = undefined;
    known.last = from;
  }

  async replace(name: string, data: Buffer): Promise<void> {
    if (SHORT_LIVED.test(name)) return;
    const { term } = this.#leadership;
    const generation = randomUUID();
    for (let from = 0; from < data.length; from += PART_BYTES)
      await this.#led(PUT, [term, name, generation, from, data.subarray(from, from + PART_BYTES)]);
    await this.#led(PUBLISH, [term, name, generation]);
    this.#known.set(name, { generation, size: data.length, sha256: sha256(data) });
    await this.#query(DROP_OLD, [term, name, generation]);
  }

  async holds(name: string, facts: CopyFacts, read: () => Promise<Buffer>): Promise<void> {
    if (SHORT_LIVED.test(name)) return;
    const known = this.#known.get(name);
    if (known === undefined && facts.size === 0) return;
    if (known?.size === facts.size) {
      known.sha256 ??= await this.#hash(name, known.generation);
      if (known.sha256 === facts.sha256) return;
    }
    await this.replace(name, await read());
  }

  async #hash(name: string, generation: string): Promise<string | undefined> {
    return (await this.#query<{ hash: string }>(HASH, [name, generation])).rows[0]?.hash;
  }

  async mark(name: string, mark: CopyMark | undefined): Promise<void> {
    if (SHORT_LIVED.test(name)) return;
    const known = this.#known.get(name) ?? { generation: randomUUID(), size: 0 };
    await this.#led(MARK, [this.#leadership.term, name, known.generation, mark ?? null]);
    this.#known.set(name, known);
  }

  async #led(statement: Statement, values: readonly unknown[]): Promise<void> {
    const { count } = await this.#query(statement, values);
    if (count === 0) throw this.#leadership.lose();
  }

  /** One at a time. */
  #query<R extends QueryResultRow>(
    statement: Statement,
    values: readonly unknown[],
  ): Promise<{ readonly rows: R[]; readonly count: number }> {
    const asked = this.#asked.then(() => this.#link.query<R>(statement, values, ANSWER_MS));
    this.#asked = asked.catch(() => undefined);
    return asked;
  }

  async #restore(): Promise<void> {
    await this.#query(DROP_UNPUBLISHED, [this.#leadership.term]);
    const { rows } = await this.#query<StoredFile>(ALL, []);
    const fetched = { files: 0, bytes: 0 };
    for (const row of rows) {
      if (!isCopyName(row.name)) continue;
      const path = join(this.#directory, row.name);
      const size = Number(row.size);
      if (row.gone) {
        for (const each of [path, markPath(path)]) await rm(each, { force: true });
        continue;
      }
      this.#known.set(row.name, { generation: row.generation, size });
      await putMark(path, row.mark);
      if (size === 0 || (await this.#has(path, row, size))) continue;
      await this.#fetch(row, path);
      fetched.files += 1;
      fetched.bytes += size;
    }
    if (fetched.files > 0) this.#log.info('copies of session files were fetched from PostgreSQL', fetched);
  }

  /** A file of the same length can be another one, where another gateway has led since. */
  async #has(path: string, { name, generation }: StoredFile, size: number): Promise<boolean> {
    if ((await sizeOf(path)) !== size) return false;
    if (this.#leadership.files === 'here') return true;
    return (await factsOf(path)).sha256 === (await this.#hash(name, generation));
  }

  async #fetch({ name, generation }: StoredFile, path: string): Promise<void> {
    const { rows } = await this.#query<{ data: Buffer }>(PARTS, [name, generation]);
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    await writeFile(`${path}.part`, Buffer.concat(rows.map(({ data }) => data)), { mode: 0o600 });
    await rename(`${path}.part`, path);
  }

  /** What was deleted here is deleted there: by age, with a person, or because nothing came of it. */
  async #sweep(): Promise<void> {
    const there = new Set(await readdir(this.#directory).catch(() => []));
    for (const [name, known] of this.#known) {
      const missing = known.size > 0 && !there.has(name);
      // A piece is written there first: only what is missing twice was deleted.
      if (missing && known.missing === true) {
        await this.#led(DROP, [this.#leadership.term, name]);
        this.#known.delete(name);
      } else known.missing = missing;
    }
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  return await stat(path).then(
    ({ size }) => size,
    () => undefined,
  );
}

async function putMark(path: string, mark: string | null): Promise<void> {
  const target = markPath(path);
  if (mark === null) return await rm(target, { force: true });
  await mkdir(dirname(target), { recursive: true, mode: 0o700 });
  await writeFile(target, mark, { mode: 0o600 });
}
