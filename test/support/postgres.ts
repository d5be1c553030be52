/** A PostgreSQL of its own for a test: in a temporary directory, on a Unix socket and a loopback port. */
import { execFileSync } from 'node:child_process';
import { appendFileSync, chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './gateway-process.ts';

const DEBIAN = '/usr/lib/postgresql';

/** Where the server's programs are; undefined where PostgreSQL is not installed. */
export function postgresPrograms(): string | undefined {
  if (!existsSync(DEBIAN)) return undefined;
  const versions = readdirSync(DEBIAN).sort((a, b) => Number(b) - Number(a));
  return versions
    .map((version) => join(DEBIAN, version, 'bin'))
    .find((bin) => existsSync(join(bin, 'initdb')));
}

interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** Runs the server elsewhere than in this network; what reaches it from there needs no password. */
export interface Elsewhere {
  inside(command: readonly string[], as: Account): string[];
}

/** `initdb` refuses root: root runs it as the user that Debian's package made. */
function account(): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const id = (flag: string): number => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

export class Postgres {
  readonly url: string;
  readonly port: number;
  readonly #bin: string;
  readonly #folder: string;
  readonly #as: Account | undefined;
  readonly #elsewhere: Elsewhere | undefined;

  private constructor(
    bin: string,
    folder: string,
    port: number,
    as: Account | undefined,
    elsewhere: Elsewhere | undefined,
  ) {
    this.#elsewhere = elsewhere;
    this.#bin = bin;
    this.#folder = folder;
    this.#as = as;
    this.port = port;
    this.url = `postgres://gateway:secret-of-the-store@127.0.0.1:${port}/postgres`;
  }

  static async start(elsewhere?: Elsewhere): Promise<Postgres> {
    const bin = postgresPrograms();
    if (bin === undefined) throw new Error('PostgreSQL is not installed (apt-get install postgresql)');
    const folder = mkdtempSync(join(tmpdir(), 'pi-gateway-pg-'));
    const as = account();
    if (as !== undefined) chownSync(folder, as.uid, as.gid);
    chmodSync(folder, 0o700);
    const server = new Postgres(bin, folder, await freePort(), as, elsewhere);
    server.#run('initdb', [
      '-D',
      join(folder, 'data'),
      '-A',
      'trust',
      '-U',
      'gateway',
      '--no-sync',
      '-E',
      'UTF8',
    ]);
    if (elsewhere !== undefined)
      appendFileSync(join(folder, 'data', 'pg_hba.conf'), 'host all all 10.0.0.0/8 trust\n');
    await server.up();
    return server;
  }

  /** Starts the server, again after `down`. */
  async up(): Promise<void> {
    const addresses = this.#elsewhere === undefined ? '127.0.0.1' : '*';
    const options = `-p ${this.port} -k ${this.#folder} -c listen_addresses=${addresses} -c max_connections=60`;
    this.#run('pg_ctl', [
      '-D',
      join(this.#folder, 'data'),
      '-w',
      '-l',
      join(this.#folder, 'log'),
      '-o',
      options,
      'start',
    ]);
  }

  /** `immediate`: as if the power of its machine had failed. */
  async down(mode: 'fast' | 'immediate' = 'fast'): Promise<void> {
    this.#run('pg_ctl', ['-D', join(this.#folder, 'data'), '-w', '-m', mode, 'stop']);
  }

  /** Runs SQL and answers the rows as text. */
  sql(text: string): string {
    return this.#run('psql', [
      '-h',
      this.#folder,
      '-p',
      String(this.port),
      '-U',
      'gateway',
      '-d',
      'postgres',
      '-Atc',
      text,
    ]).trim();
  }

  async stop(): Promise<void> {
    try {
      await this.down('immediate');
    } finally {
      rmSync(this.#folder, { recursive: true, force: true });
    }
  }

  #run(program: string, args: readonly string[]): string {
    const command = [join(this.#bin, program), ...args];
    const as = this.#as;
    const there = program === 'pg_ctl' && as !== undefined ? this.#elsewhere?.inside(command, as) : undefined;
    const [file = '', ...rest] = there ?? command;
    return execFileSync(file, rest, {
      encoding: 'utf8',
      cwd: this.#folder,
      stdio: ['ignore', 'pipe', program === 'pg_ctl' ? 'ignore' : 'inherit'],
      env: { PATH: process.env['PATH'], LC_ALL: 'C.UTF-8', HOME: this.#folder },
      ...(there === undefined ? as : {}),
    });
  }
}
