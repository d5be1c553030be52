import type { Client, QueryResultRow } from 'pg';
import { withDeadline } from '../../base/async.ts';
import { ConfigError } from '../../base/errors.ts';

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
