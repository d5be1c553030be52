/** The store in PostgreSQL in one process: what a take-over finds, whatever the leader was doing. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { silentLogger } from '../../../src/base/log.ts';
import { dataFolder, openDataFolder } from '../../../src/store/data-folder.ts';
import { Database } from '../../../src/store/database.ts';
import { Cluster } from '../../../src/store/postgres/cluster.ts';
import { LOCK_KEY, PgLink } from '../../../src/store/postgres/link.ts';
import { SessionCopies, sha256 } from '../../../src/store/session-copies.ts';
import { Postgres, postgresPrograms } from '../../support/postgres.ts';

const missing = postgresPrograms() === undefined;
const never = new AbortController().signal;

describe.skipIf(missing)(
  `a cluster on PostgreSQL${missing ? ' (skipped: PostgreSQL is not installed)' : ''}`,
  () => {
    const root = mkdtempSync(join(tmpdir(), 'pi-gateway-cluster-'));
    let postgres: Postgres;
    let schemas = 0;

    beforeAll(async () => {
      postgres = await Postgres.start();
    }, 60_000);

    afterAll(async () => {
      await postgres.stop();
      rmSync(root, { recursive: true, force: true });
    });

    /** A store of its own for a test. */
    const newStore = (): { readonly schema: string; connect(name: string): Promise<Cluster> } => {
      schemas += 1;
      const schema = `s${schemas}`;
      postgres.sql(`CREATE SCHEMA ${schema}`);
      const url = `${postgres.url}?options=-csearch_path%3D${schema}`;
      return {
        schema,
        connect: (name) => {
          const folder = dataFolder(join(root, schema, name), {});
          openDataFolder(folder);
          return Cluster.connect(url, folder, silentLogger);
        },
      };
    };

    const open = (cluster: Cluster): Promise<Database> =>
      Database.open({
        path: join(root, 'rows.db'),
        log: silentLogger,
        remote: cluster,
        migrations: [{ version: 1, name: 'rows', statements: ['CREATE TABLE rows (t TEXT)'] }],
      });
    const rows = (db: Database): unknown[] => db.all('SELECT t FROM rows ORDER BY t').map(({ t }) => t);
    const add = (db: Database, t: string): Promise<unknown> =>
      db.write((tx) => tx.run('INSERT INTO rows (t) VALUES (?)', [t]));

    it('never has a moment without a snapshot, also when one replaces another with the same records', async () => {
      const { schema, connect } = newStore();
      const cluster = await connect('a');
      await cluster.lead();
      const db = await open(cluster);
      await add(db, 'one');
      await db.purge();
      // The database fails while the second one is written.
      postgres.sql(
        `ALTER TABLE ${schema}.pi_gateway_chunk ADD CONSTRAINT refuses CHECK (part < 0) NOT VALID`,
      );
      await expect(db.purge()).rejects.toThrow(/refuses/);
      postgres.sql(`ALTER TABLE ${schema}.pi_gateway_chunk DROP CONSTRAINT refuses`);
      await cluster.release();
      const next = await connect('b');
      await next.lead();
      const again = await open(next);
      expect(rows(again)).toEqual(['one']);
      await again.purge();
      expect(postgres.sql(`SELECT count(DISTINCT id) FROM ${schema}.pi_gateway_chunk`)).toBe('1');
      await again.close();
      await next.release();
    });

    it('takes over what a snapshot holds whose rows are gone from the log', async () => {
      const { connect } = newStore();
      const [leader, standby] = [await connect('a'), await connect('b')];
      await leader.lead();
      const db = await open(leader);
      await db.purge();
      const stop = new AbortController();
      const followed = standby.standBy(['rows'], stop.signal);
      await expect.poll(() => standby.positions()['rows']).toBe(db.stats().seq);
      stop.abort();
      expect(await followed).toBe(false);
      // The standby has read a snapshot and no row since: the next thing that it can see is another snapshot.
      await add(db, 'one');
      await db.purge();
      await db.close();
      await leader.release();
      expect(await standby.standBy(['rows'], never)).toBe(true);
      const again = await open(standby);
      expect(rows(again)).toEqual(['one']);
      await again.close();
      await standby.release();
    });

    it('has one connection, also after statements that were not answered in time', async () => {
      const link = new PgLink(postgres.url, 'impatient');
      for (let i = 0; i < 3; i += 1) {
        await expect(link.query('SELECT pg_sleep(0.5)', [], 50)).rejects.toThrow(/did not answer/);
        await link.query('SELECT 1'); // while the connection before is still being closed
        await link.query('SELECT 1');
      }
      const sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'impatient'";
      await expect.poll(() => postgres.sql(sessions)).toBe('1');
      link.close();
    });

    it('takes over although a session that is neither the leader nor alive has the lock', async () => {
      const { schema, connect } = newStore();
      const cluster = await connect('a');
      const dead = new PgLink(`${postgres.url}?options=-csearch_path%3D${schema}`, 'dead');
      await dead.query(`SELECT pg_advisory_lock(${LOCK_KEY})`);
      expect(await cluster.leads()).toBe(true);
      await cluster.release();
      dead.close();
    });

    it('has the files of the adapters from whoever had them last, also after a leader that never took them over', async () => {
      const { schema, connect } = newStore();
      const place = (name: string): string => join(root, schema, name, 'adapters');
      const session = (name: string): string => join(place(name), 'whatsapp', 'session');
      const lead = async (name: string): Promise<Cluster> => {
        const cluster = await connect(name);
        await cluster.lead();
        return cluster;
      };
      for (const [name, text] of [
        ['a', 'linked'],
        ['b', 'of long ago'],
      ] as const) {
        mkdirSync(join(place(name), 'whatsapp'), { recursive: true });
        writeFileSync(session(name), text);
      }
      const first = await lead('a');
      await first.keepFiles(place('a'));
      await first.release();
      // It leads, and ends before it gets so far; a directory that cannot be read is not an empty one.
      const failed = await lead('b');
      await expect(failed.keepFiles(session('b'))).rejects.toThrow(/ENOTDIR/);
      await failed.release();
      const second = await lead('b');
      await second.keepFiles(place('b'));
      expect(readFileSync(session('b'), 'utf8')).toBe('linked');
      rmSync(session('b'));
      await second.release();
      const third = await lead('a');
      await third.keepFiles(place('a'));
      expect(existsSync(session('a'))).toBe(false);
      await third.release();
    });

    it('hands the copies of session files to the next leader, and takes no piece from a former one', async () => {
      const { schema, connect } = newStore();
      const place = (name: string): string => join(root, schema, name, 'agent-sessions');
      const lead = async (name: string) => {
        const cluster = await connect(name);
        await cluster.lead();
        const rows = await cluster.keepSessions(place(name));
        return { cluster, copies: new SessionCopies(place(name), 1000, rows) };
      };
      const put = (copies: SessionCopies, name: string, from: number, text: string, whole?: string) => {
        const data = Buffer.from(text);
        const chunk = { name, from, data, sha256: sha256(data), of: from + data.length };
        return copies.put(copies.claim(name), whole === undefined ? chunk : { ...chunk, whole });
      };
      const text = (name: string, file: string): string => readFileSync(join(place(name), file), 'utf8');
      const first = await lead('a');
      expect(await put(first.copies, 's1.jsonl', 0, 'one\n')).toEqual({ size: 4 });
      expect(await put(first.copies, 's1.jsonl', 4, 'two\n')).toEqual({ size: 8 });
      // What the gateway writes itself follows as soon as a host is to get it; what a host wrote anew takes its place.
      writeFileSync(join(place('a'), 's2.jsonl'), 'by the gateway\n');
      await first.copies.facts(first.copies.claim('s2.jsonl'));
      expect(await put(first.copies, 's2.jsonl', 0, 'anew\n', 'w')).toEqual({ size: 5 });
      await put(first.copies, 's3.jsonl', 0, 'deleted\n');
      await put(first.copies, 's4.jsonl', 0, 'before\n');
      await first.copies.mark('s1.jsonl', 'behind');
      await first.cluster.release();

      const second = await lead('b');
      expect([text('b', 's1.jsonl'), text('b', 's2.jsonl')]).toEqual(['one\ntwo\n', 'anew\n']);
      expect(await second.copies.markOf('s1.jsonl')).toBe('behind');
      expect(statSync(join(place('b'), 's1.jsonl')).mode & 0o777).toBe(0o600);
      // The former leader finds out, and its host learns that nothing was stored.
      expect(await put(first.copies, 's1.jsonl', 8, 'late\n')).toEqual({ refused: 'full' });
      await put(second.copies, 's1.jsonl', 8, 'three\n');
      await second.copies.mark('s1.jsonl', undefined);
      // As long as what the former leader has, and another file. And one that the leader dies over.
      expect(await put(second.copies, 's4.jsonl', 0, 'after!\n', 'w')).toEqual({ size: 7 });
      const parts = `${schema}.pi_gateway_session_part`;
      postgres.sql(`INSERT INTO ${parts} VALUES ('s4.jsonl', 'half', 0, 'x'), ('s9.jsonl', 'half', 0, 'x')`);
      rmSync(join(place('b'), 's3.jsonl'));
      const left = (): string =>
        postgres.sql(`SELECT count(*) FROM ${schema}.pi_gateway_session_part WHERE name = 's3.jsonl'`);
      await vi.waitFor(() => expect(left().trim()).toMatch(/0$/m), { timeout: 20_000, interval: 100 });
      await second.cluster.release();

      const third = await lead('a');
      expect(text('a', 's1.jsonl')).toBe('one\ntwo\nthree\n');
      expect(text('a', 's4.jsonl')).toBe('after!\n');
      expect(postgres.sql(`SELECT count(*) FROM ${parts} WHERE generation = 'half'`).trim()).toMatch(/^0$/m);
      // What the gateway itself has written since, of the same length, is what the next one gets.
      writeFileSync(join(place('a'), 's4.jsonl'), 'itself\n');
      await third.copies.facts(third.copies.claim('s4.jsonl'));
      expect(await third.copies.markOf('s1.jsonl')).toBeUndefined();
      expect(existsSync(join(place('a'), 's3.jsonl'))).toBe(false);
      // A piece that could not be written here, as on a full disk, comes again, with what was said since.
      await put(third.copies, 's1.jsonl', 14, 'four\n');
      truncateSync(join(place('a'), 's1.jsonl'), 14);
      expect(await put(third.copies, 's1.jsonl', 14, 'four\nfive\n')).toEqual({ size: 24 });
      await put(third.copies, 's5.jsonl', 0, 'deleted at last\n');
      await put(third.copies, 's6.m0a1b2c3d.jsonl', 0, 'erased\n');
      await third.cluster.dropSessions(['s6']);
      const stored = `SELECT count(*) FROM ${schema}.pi_gateway_session_part WHERE name LIKE`;
      expect(postgres.sql(`${stored} 's6%'`).trim()).toMatch(/0$/m);
      rmSync(join(place('a'), 's5.jsonl'));
      await third.cluster.release();

      // Nothing comes back that was deleted a moment before the end.
      const fourth = await lead('b');
      expect(readdirSync(place('b')).filter((name) => name.endsWith('.jsonl'))).toEqual([
        's1.jsonl',
        's2.jsonl',
        's4.jsonl',
      ]);
      expect(text('b', 's4.jsonl')).toBe('itself\n');
      expect(text('b', 's1.jsonl')).toBe('one\ntwo\nthree\nfour\nfive\n');
      await fourth.cluster.release();
    });

    it('tells also who asks after the leadership was lost', async () => {
      const cluster = await newStore().connect('a');
      await cluster.lead();
      const lost = cluster.leadership?.lose();
      let told: unknown;
      cluster.leadership?.onLost((error) => {
        told = error;
      });
      expect(lost).toMatchObject({ code: 'leader_lost' });
      expect(told).toBe(lost);
      await cluster.release();
    });
  },
);
