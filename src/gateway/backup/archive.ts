/**
 * One file that holds a gateway: a compressed tar archive whose last entry lists every other one with its checksum.
 * Of the tar format (POSIX pax) it has what a backup needs: regular files with any name and size.
 */

import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream, existsSync, lstatSync, statSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { defined } from '../../base/defined.ts';
import { GatewayError, messageOf, systemCode } from '../../base/errors.ts';
import { nodeDisk } from '../../store/disk.ts';

export interface TarFile {
  /** With `/` between directories. */
  readonly name: string;
  readonly size: number;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

const BLOCK = 512;
const LONGEST_NAME = 100;
/** What fits into the eleven octal digits of a header. */
const LARGEST = 8 ** 11 - 1;

function padding(size: number): Uint8Array {
  return new Uint8Array((BLOCK - (size % BLOCK)) % BLOCK);
}

function header(name: string, size: number, at: number, type: '0' | 'x'): Uint8Array {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, digits: number): string => `${value.toString(8).padStart(digits, '0')}\0`;
  block.write(name, 0, LONGEST_NAME, 'utf8');
  block.write(octal(0o600, 7), 100);
  block.write(octal(0, 7), 108);
  block.write(octal(0, 7), 116);
  block.write(octal(Math.min(size, LARGEST), 11), 124);
  block.write(octal(Math.max(0, Math.trunc(at / 1000)), 11), 136);
  block.write(' '.repeat(8), 148);
  block.write(type, 156);
  block.write('ustar\x0000', 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

/** `30 path=…\n`: the number counts itself. */
function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  const bytes = Buffer.byteLength(rest);
  let length = bytes;
  while (length !== bytes + String(length).length) length = bytes + String(length).length;
  return `${length}${rest}`;
}

/** @throws Error when a file turns out to be shorter than its size */
async function* tarOf(files: AsyncIterable<TarFile>): AsyncGenerator<Uint8Array> {
  for await (const { name, size, at, content } of files) {
    if (Buffer.byteLength(name) > LONGEST_NAME || size > LARGEST) {
      const records = Buffer.from(paxRecord('path', name) + paxRecord('size', String(size)));
      yield header('pax', records.length, at, 'x');
      yield records;
      yield padding(records.length);
    }
    yield header(name, size, at, '0');
    let written = 0;
    for await (const chunk of content) {
      const part = chunk.subarray(0, size - written);
      written += part.length;
      yield part;
    }
    if (written < size) throw new Error(`${name} became shorter while it was read`);
    yield padding(size);
  }
  yield new Uint8Array(2 * BLOCK);
}

/** Hands out bytes of a stream in the portions that are asked for. */
class Portions {
  readonly #source: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array();

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** At most `most` bytes, without copying; undefined at the end. */
  async next(most: number): Promise<Uint8Array | undefined> {
    while (this.#rest.length === 0) {
      const { value, done } = await this.#source.next();
      if (done === true) return undefined;
      this.#rest = value;
    }
    const part = this.#rest.subarray(0, most);
    this.#rest = this.#rest.subarray(part.length);
    return part;
  }

  /** Exactly `length` bytes. @throws Error */
  async exactly(length: number): Promise<Buffer> {
    const parts: Uint8Array[] = [];
    for (let left = length; left > 0; ) {
      const part = await this.next(left);
      if (part === undefined) throw new Error('it ends in the middle');
      parts.push(part);
      left -= part.length;
    }
    return Buffer.concat(parts);
  }
}

const MOST_RECORDS = 64 * 1024;

interface ReadFile {
  readonly name: string;
  readonly size: number;
  readonly content: AsyncIterable<Uint8Array>;
}

/** The files of an archive, in order; what of a file is not read is skipped. @throws Error for anything else */
async function* filesOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<ReadFile> {
  const portions = new Portions(source);
  let records = new Map<string, string>();
  for (;;) {
    const block = await portions.exactly(BLOCK);
    if (block.every((byte) => byte === 0)) return;
    const octal = (at: number, length: number): number =>
      Number.parseInt(block.toString('latin1', at, at + length).replace(/[\0 ]+$/u, ''), 8);
    const sum = block.reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 0x20 : byte), 0);
    if (octal(148, 8) !== sum) throw new Error('it is not an archive, or it is damaged');
    const type = block.toString('latin1', 156, 157);
    const size = Number(records.get('size') ?? octal(124, 12));
    if (!Number.isSafeInteger(size) || size < 0) throw new Error('a size in it is invalid');
    if (type === 'x') {
      if (size > MOST_RECORDS) throw new Error('a name in it is too long');
      records = recordsOf(await portions.exactly(size));
      await portions.exactly(padding(size).length);
      continue;
    }
    if (type !== '0') throw new Error('it holds something other than files');
    const name = records.get('path') ?? block.toString('utf8', 0, LONGEST_NAME).replace(/\0.*$/su, '');
    records = new Map();
    let left = size;
    const content = (async function* () {
      while (left > 0) {
        const part = await portions.next(left);
        if (part === undefined) throw new Error('it ends in the middle');
        left -= part.length;
        yield part;
      }
    })();
    yield { name, size, content };
    while (left > 0) {
      const part = await portions.next(left);
      if (part === undefined) throw new Error('it ends in the middle');
      left -= part.length;
    }
    await portions.exactly(padding(size).length);
  }
}

function recordsOf(bytes: Buffer): Map<string, string> {
  const found = new Map<string, string>();
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    const length = Number(bytes.toString('latin1', at, space));
    if (space < 0 || !Number.isInteger(length) || length <= 0) throw new Error('a name in it is invalid');
    const [key = '', value = ''] = bytes.toString('utf8', space + 1, at + length - 1).split(/=(.*)/su, 2);
    found.set(key, value);
    at += length;
  }
  return found;
}

const MANIFEST = 'manifest.json';
const FORMAT = 1;
const MOST_MANIFEST_BYTES = 64 * 1024 * 1024;

const ManifestSchema = Type.Object({
  format: Type.Integer({ minimum: 1 }),
  /** Of the program that wrote it. */
  version: Type.String(),
  at: Type.Integer(),
  /** A daily copy leaves the files of chats out. */
  files: Type.Boolean(),
  entries: Type.Array(
    Type.Object({
      name: Type.String(),
      size: Type.Integer({ minimum: 0 }),
      sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
    }),
  ),
  /** What belongs to the gateway and is not in it, one phrase each. */
  leftOut: Type.Array(Type.String()),
});

export type Manifest = Static<typeof ManifestSchema>;

/** What is known before it is written. */
type About = Omit<Manifest, 'entries' | 'format'>;

/**
 * Writes the archive (0600) under a temporary name and puts it in place when it is whole and on the disk.
 * @throws GatewayError `backup_exists`, `storage_full`, `backup_failed`: nothing is left then
 */
export async function writeArchive(
  path: string,
  files: AsyncIterable<TarFile>,
  about: About,
): Promise<Manifest> {
  if (lstatSync(path, { throwIfNoEntry: false }) !== undefined)
    throw new GatewayError('backup_exists', `${path} exists, and no file is replaced`, {
      status: 409,
      hint: 'Give another file name, or none: then the name holds the time.',
    });
  // No one else's file: what has this name already is not ours to remove.
  const partial = `${path}.${randomBytes(6).toString('hex')}.partial`;
  const entries: Manifest['entries'] = [];
  const listed = async function* (): AsyncGenerator<TarFile> {
    for await (const file of files) {
      const hash = createHash('sha256');
      const { name, size } = file;
      yield { ...file, content: hashed(file, hash) };
      entries.push({ name, size, sha256: hash.digest('hex') });
    }
    const bytes = Buffer.from(JSON.stringify({ format: FORMAT, ...about, entries }));
    yield { name: MANIFEST, size: bytes.length, at: about.at, content: [bytes] };
  };
  try {
    await pipeline(
      Readable.from(tarOf(listed())),
      createGzip({ level: 6 }),
      createWriteStream(partial, { flags: 'wx', mode: 0o600, flush: true }),
    );
    await rename(partial, path);
    await nodeDisk.syncFolder(dirname(path));
    return { format: FORMAT, ...about, entries };
  } catch (error) {
    await rm(partial, { force: true }).catch(() => {});
    throw backupFailure(error, path);
  }
}

async function* hashed(
  { content, size }: TarFile,
  hash: ReturnType<typeof createHash>,
): AsyncGenerator<Uint8Array> {
  let left = size;
  for await (const chunk of content) {
    const part = chunk.subarray(0, left);
    left -= part.length;
    hash.update(part);
    yield part;
    if (left === 0) return; // what was added since its size was read
  }
}

/** Also for what another thread says in words only. */
export function backupFailure(error: unknown, path: string): GatewayError {
  if (error instanceof GatewayError) return error;
  if (/^E(?:NOSPC|DQUOT)\b/u.test(systemCode(error) ?? messageOf(error)))
    return new GatewayError('storage_full', `the disk is full: ${path} was not written`, {
      status: 507,
      hint: 'Free some space, or name a file on another disk. The gateway itself continues.',
      cause: error,
    });
  return new GatewayError('backup_failed', `${path} was not written: ${messageOf(error)}`, {
    hint: 'Check that the directory exists and that this user can write there. A service can write only where its unit says so (ReadWritePaths).',
    cause: error,
  });
}

function damaged(path: string, why: string, cause?: unknown): GatewayError {
  return new GatewayError('backup_damaged', `${path} is not a whole backup: ${why}`, {
    status: 400,
    hint: 'Use another backup: pi-gateway-tui backup verify <file> checks one. Nothing was changed.',
    ...defined({ cause }),
  });
}

/**
 * Reads the whole archive and compares every file with the list. `take` gets each file before that is known: what it
 * makes of it counts only when this resolves. A file that it does not read is read here.
 * @throws GatewayError `backup_not_found`, `backup_damaged`, `backup_newer`
 */
export async function readArchive(
  path: string,
  take: (name: string, content: AsyncIterable<Uint8Array>) => Promise<void> = async () => {},
): Promise<Manifest> {
  if (!existsSync(path))
    throw new GatewayError('backup_not_found', `there is no file ${path}`, {
      status: 404,
      hint: 'The backups of a gateway are in gateway/backups of its data directory.',
    });
  if (!statSync(path).isFile()) throw damaged(path, 'it is a directory or a device, not a file');
  const found = new Map<string, { size: number; sha256: string }>();
  const directories = new Set<string>();
  let manifest: Manifest | undefined;
  const source = createReadStream(path);
  const gunzip = createGunzip();
  const flowing = pipeline(source, gunzip);
  flowing.catch(() => {}); // the reader hears of it
  try {
    for await (const { name, size, content } of filesOf(gunzip)) {
      if (manifest !== undefined) throw damaged(path, 'something follows its list of contents');
      if (name === MANIFEST) {
        if (size > MOST_MANIFEST_BYTES) throw damaged(path, 'its list of contents is too long');
        const chunks: Uint8Array[] = [];
        for await (const chunk of content) chunks.push(chunk);
        manifest = manifestOf(path, Buffer.concat(chunks).toString('utf8'));
        continue;
      }
      const above = name.split('/').map((_, i, parts) => parts.slice(0, i).join('/'));
      // What is a file and a directory cannot be unpacked.
      if (!isInside(name) || [name, ...above].some((each) => found.has(each)) || directories.has(name))
        throw damaged(path, `an entry is called ${JSON.stringify(name)}`);
      for (const each of above) directories.add(each);
      const hash = createHash('sha256');
      const seen = (async function* () {
        for await (const chunk of content) {
          hash.update(chunk);
          yield chunk;
        }
      })();
      await take(name, seen);
      for await (const _chunk of seen);
      found.set(name, { size, sha256: hash.digest('hex') });
    }
  } catch (error) {
    if (error instanceof GatewayError || systemCode(error) !== undefined) throw error;
    throw damaged(path, messageOf(error), error);
  } finally {
    source.destroy();
    gunzip.destroy();
  }
  if (manifest === undefined) throw damaged(path, 'its list of contents is missing');
  const wrong = manifest.entries.find(
    ({ name, size, sha256 }) => found.get(name)?.size !== size || found.get(name)?.sha256 !== sha256,
  );
  if (wrong !== undefined) throw damaged(path, `${wrong.name} is missing or was changed`);
  if (manifest.entries.length !== found.size) throw damaged(path, 'it holds files that are not in its list');
  return manifest;
}

function manifestOf(path: string, text: string): Manifest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw damaged(path, 'its list of contents cannot be read', error);
  }
  const format = Number(Object(value).format);
  if (format > FORMAT)
    throw new GatewayError('backup_newer', `${path} was written by a newer version of the gateway`, {
      status: 400,
      hint: 'Install that version (pi-gateway-tui version) and restore with it.',
    });
  if (!Value.Check(ManifestSchema, value)) throw damaged(path, 'its list of contents is invalid');
  return value;
}

/** Below the directory that it is unpacked into, on every system. */
function isInside(name: string): boolean {
  return (
    name !== '' &&
    !/[\\:\0]|^\//u.test(name) &&
    name.split('/').every((part) => part !== '' && part !== '.' && part !== '..')
  );
}
