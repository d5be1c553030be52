import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { pause, systemClock } from '../../base/async.ts';
import { GatewayError, LeaderError, messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { ownIdentity } from '../../base/processes.ts';
import type { Backing, DatabaseOptions } from '../backing.ts';
import type { DataFolder } from '../data-folder.ts';
import { nodeDisk } from '../disk.ts';
import { segmentsOf } from '../journal.ts';
import { loadStore } from '../load.ts';
import { adoptLegacy } from '../migrations.ts';
import type { CopiesElsewhere } from '../session-copies.ts';
import { readMeta, writeSnapshot } from '../snapshot.ts';
import { AdapterFiles } from './kept-files.ts';
import { Election, type Leadership } from './leadership.ts';
import { createTables, isRefusal, PgLink, placeOf } from './link.ts';
import { databaseName, PgBacking } from './pg-backing.ts';
import { Replica, upload } from './pg-journal.ts';
import { dropSessions, SessionRows } from './session-rows.ts';

/** Where files go whose content is in PostgreSQL: a start without `store.url` must not continue from an old state. */
const ASIDE = 'before-postgres';

interface Target {
  readonly link: PgLink;
  readonly leadership: Leadership;
  readonly database: string;
  readonly scratch: string;
  /** What PostgreSQL has. */
  readonly replica: Replica;
}

/**
 * What a gateway had in files becomes the first snapshot in PostgreSQL, and the files are moved aside. A start that was
 * cut off between the two moves them the next time. Answers whether something was copied.
 * @throws GatewayError `store_twice` when PostgreSQL and the files hold different things
 */
async function moveFiles(options: DatabaseOptions, target: Target): Promise<boolean> {
  const { path, log, adopt, clock = systemClock } = options;
  const names = await nodeDisk.list(dirname(path));
  if (!names.includes(basename(path)) && segmentsOf(path, names).length === 0) return false;
  const newStore = randomBytes(8).toString('hex');
  if (adopt !== undefined && target.replica.isEmpty)
    await adoptLegacy({ ...options, disk: nodeDisk, path, clock, newStore, adopt });
  const { engine, seq } = await loadStore({ disk: nodeDisk, path, newStore });
  const { replica, database, scratch } = target;
  const copies = replica.isEmpty;
  try {
    if (copies) {
      const file = `${scratch}.${randomBytes(6).toString('hex')}.db`;
      try {
        await writeSnapshot(nodeDisk, file, engine, { seq, epoch: target.leadership.term });
        await upload(target, file, database, seq);
      } finally {
        await rm(file, { force: true });
      }
    } else if (readMeta(engine)?.store !== replica.store || seq > replica.seq) {
      throw new GatewayError('store_twice', `PostgreSQL and ${path} hold different data`, {
        status: 409,
        hint: `To keep what is in PostgreSQL, move ${path} and the files of the same name away. To keep the files, use an empty PostgreSQL database.`,
      });
    }
  } finally {
    engine.close();
  }
  const aside = join(dirname(path), ASIDE);
  await mkdir(aside, { recursive: true, mode: 0o700 });
  const stem = basename(path, '.db');
  for (const name of await nodeDisk.list(dirname(path)))
    if (name === basename(path) || (name.startsWith(`${stem}-`) && name.endsWith('.log')))
      await rename(join(dirname(path), name), join(aside, name));
  log.info('copied the files to PostgreSQL and moved them aside', {
    file: path,
    directory: aside,
    copied: copies,
  });
  return copies;
}

const CHANNEL = 'pi_gateway';
/** How often a standby looks for a beat. */
const LOOK_MS = 250;
/** A standby reads on at least so often, even when no notification comes. */
const READ_MS = 2_000;
/** A leader tells standbys about new rows at most so often. */
const NOTIFY_MS = 100;

interface Followed {
  readonly link: PgLink;
  readonly replica: Replica;
}

/** The gateways that share a store in PostgreSQL, as one of them sees it. */
export class Cluster {
  readonly #url: string;
  readonly #name: string;
  readonly #log: Logger;
  readonly #scratch: string;
  readonly #control: PgLink;
  readonly #election: Election;
  readonly #followed = new Map<string, Followed>();
  #listening = 0;
  #news = true;
  #readAt = 0;
  #silent = false;
  #notifying: NodeJS.Timeout | undefined;
  #leadership: Leadership | undefined;
  #files: AdapterFiles | undefined;
  #sessions: SessionRows | undefined;

  private constructor(url: string, folder: DataFolder, log: Logger) {
    this.#url = url;
    this.#log = log;
    this.#name = `pi-gateway-tui ${hostname()} ${process.pid}`;
    this.#scratch = join(folder.root, 'gateway', 'postgres');
    this.#control = new PgLink(url, this.#name);
    this.#control.onNotification = () => {
      this.#news = true;
    };
    const self = { holder: holderOf(folder), name: `${hostname()}, process ${process.pid}` };
    this.#election = new Election(this.#control, self, log);
  }

  /** The data directory has to be locked. @throws GatewayError when the database cannot be used as a store */
  static async connect(url: string, folder: DataFolder, log: Logger): Promise<Cluster> {
    const cluster = new Cluster(url, folder, log);
    mkdirSync(cluster.#scratch, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(cluster.#scratch)) rmSync(join(cluster.#scratch, name), { force: true });
    try {
      await createTables(cluster.#control);
    } catch (error) {
      cluster.close();
      throw explained(error, url);
    }
    return cluster;
  }

  get leadership(): Leadership | undefined {
    return this.#leadership;
  }

  /** For people: who leads, as of the last look. */
  get leader(): string {
    return this.#election.leader?.name || 'another gateway';
  }

  /** Whether this gateway leads now: it does where no one else does. */
  async leads(): Promise<boolean> {
    this.#leadership ??= await this.#election.run();
    return this.#leadership !== undefined;
  }

  /** @throws LeaderError while another one leads */
  async lead(): Promise<void> {
    if (await this.leads()) return;
    throw new LeaderError('leader_elsewhere', `the gateway on ${this.leader} leads ${placeOf(this.#url)}`, {
      status: 409,
      hint: 'Use that gateway, or start this one as a standby: pi-gateway-tui --no-tui --standby.',
    });
  }

  /** Follows the leader until there is none, and leads then. False when `signal` ends the wait. */
  async standBy(databases: readonly string[], signal: AbortSignal): Promise<boolean> {
    while (!signal.aborted) {
      try {
        if (await this.leads()) return true;
        await this.#follow(databases);
        if (this.#silent) this.#log.info('the store can be read again');
        this.#silent = false;
      } catch (error) {
        if (!this.#silent) this.#log.error('the store cannot be read', { error: messageOf(error) });
        this.#silent = true;
      }
      await pause(LOOK_MS, signal);
    }
    return false;
  }

  /** How far the standby is: for its health. */
  positions(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#followed].map(([name, { replica }]) => [name, replica.seq]));
  }

  /** Opens a database as the leader. */
  async open(options: DatabaseOptions): Promise<Backing> {
    const leadership = this.#leadership;
    if (leadership === undefined) throw new Error('only a leader opens a database');
    const database = databaseName(options.path);
    const { link, replica } = this.#follower(database);
    this.#followed.delete(database);
    const scratch = join(this.#scratch, database);
    try {
      await replica.follow();
      if (await moveFiles(options, { link, leadership, database, scratch, replica })) {
        replica.close();
        await replica.follow();
      }
    } catch (error) {
      replica.close();
      link.close();
      throw explained(error, this.#url);
    }
    return new PgBacking(
      { link, database, scratch, leadership, replica, stored: () => this.#notify() },
      options,
    );
  }

  /** The private files of the adapters follow the store from now on. */
  async keepFiles(directory: string): Promise<void> {
    if (this.#leadership === undefined) throw new Error('only a leader keeps files');
    const link = new PgLink(this.#url, this.#name);
    try {
      this.#files = await AdapterFiles.begin(link, this.#leadership, directory, this.#log);
    } catch (error) {
      link.close();
      throw error;
    }
  }

  /** The copies of session files follow the store from now on. */
  async keepSessions(directory: string): Promise<CopiesElsewhere> {
    if (this.#leadership === undefined) throw new Error('only a leader keeps copies');
    const link = new PgLink(this.#url, this.#name);
    try {
      this.#sessions = await SessionRows.begin(link, this.#leadership, directory, this.#log);
      return this.#sessions;
    } catch (error) {
      link.close();
      throw error;
    }
  }

  /** Removes the copies of these sessions from the database. */
  async dropSessions(stems: Iterable<string>): Promise<void> {
    if (this.#leadership === undefined) return;
    const link = new PgLink(this.#url, this.#name);
    try {
      await dropSessions(link, this.#leadership.term, stems);
    } finally {
      link.close();
    }
  }

  /** Lets go; a leader has stopped everything before. */
  async release(): Promise<void> {
    clearTimeout(this.#notifying);
    await this.#sessions?.end();
    await this.#files?.end();
    await this.#leadership?.release();
    this.close();
  }

  close(): void {
    for (const { link, replica } of this.#followed.values()) {
      replica.close();
      link.close();
    }
    this.#followed.clear();
    this.#control.close();
  }

  #follower(database: string): Followed {
    let followed = this.#followed.get(database);
    if (followed === undefined) {
      const link = new PgLink(this.#url, this.#name);
      const scratch = join(this.#scratch, database);
      followed = { link, replica: new Replica({ link, database, scratch }) };
      this.#followed.set(database, followed);
    }
    return followed;
  }

  async #follow(databases: readonly string[]): Promise<void> {
    if (this.#listening !== this.#control.generation) {
      await this.#control.query(`LISTEN ${CHANNEL}`);
      this.#listening = this.#control.generation;
      this.#news = true;
    }
    if (!this.#news && performance.now() - this.#readAt < READ_MS) return;
    this.#news = false;
    this.#readAt = performance.now();
    for (const database of databases) await this.#follower(database).replica.follow();
  }

  /** Wakes standbys, once for everything that is stored in a short time. */
  #notify(): void {
    if (this.#notifying !== undefined) return;
    this.#notifying = setTimeout(() => {
      this.#notifying = undefined;
      this.#control.query(`NOTIFY ${CHANNEL}`).catch(() => {}); // they look on their own, too
    }, NOTIFY_MS);
    this.#notifying.unref();
  }
}

/**
 * The same for every run on this data directory as long as the machine runs, and for no one else: a copy of the directory
 * has another inode. Anyone who holds the lock of the directory knows that an earlier run with this name has ended.
 */
function holderOf({ root }: DataFolder): string {
  const { bootId, pidNamespace, hostname: host } = ownIdentity();
  const { ino, dev } = statSync(root, { bigint: true });
  const parts = [bootId, pidNamespace, host, root, String(dev), String(ino)];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);
}

function explained(error: unknown, url: string): unknown {
  if (error instanceof GatewayError) return error;
  const what = isRefusal(error) ? 'refuses the gateway' : 'does not answer';
  return new LeaderError(
    'store_unreachable',
    `the database of store.url (${placeOf(url)}) ${what}: ${messageOf(error)}`,
    {
      status: 503,
      hint: 'Check that PostgreSQL runs there, and the user, password and rights in store.url.',
    },
  );
}
