import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { KeyedQueue } from '../base/async.ts';
import { systemCode } from '../base/errors.ts';
import { openRegular, syncData, syncFile } from '../base/files.ts';

/** A piece of a session file, from the host where it is written. */
export interface FileChunk {
  readonly name: string;
  readonly from: number;
  readonly data: Buffer;
  /** SHA-256 of `data`, in hexadecimal. */
  readonly sha256: string;
  /** How long the file was when the piece was read. */
  readonly of: number;
  /** The file was written anew: all pieces with this name together replace the copy. */
  readonly whole?: string;
}

/** What is there of a copy, and of one that is to replace it. */
export interface CopyState {
  readonly size: number;
  readonly part?: { readonly whole: string; readonly size: number } | undefined;
}

/** `elsewhere`: it does not continue what is there, and its sender has to compare. */
type ChunkPlace = 'append' | 'begin' | 'more' | 'elsewhere' | 'too_large' | 'damaged';

/** What becomes of a piece. Pieces come late, twice and in any order; only the one that continues the copy is taken. */
export function placeChunk(state: CopyState, chunk: FileChunk, limit: number): ChunkPlace {
  const { from, data, of, whole } = chunk;
  if (sha256(data) !== chunk.sha256 || from + data.length > of) return 'damaged';
  if (of > limit) return 'too_large';
  if (whole === undefined) return from === state.size ? 'append' : 'elsewhere';
  if (from === 0) return 'begin';
  return state.part?.whole === whole && state.part.size === from ? 'more' : 'elsewhere';
}

export function sha256(data: Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}

/** `open`: a turn is at work. `behind`: a turn has ended of which the copy has not everything. */
export type CopyMark = 'open' | 'behind';

export type ChunkTaken =
  | { readonly size: number }
  | { readonly differs: CopyFacts }
  | { readonly refused: 'late' | 'too_large' | 'damaged' | 'full' | 'too_often' };

export interface CopyFacts {
  readonly size: number;
  readonly sha256: string;
}

/** One at a time writes a copy; anyone who claims it later takes it away. */
export interface CopyClaim {
  readonly name: string;
  readonly looks: Looks;
}

/** To compare reads the whole copy: a host may have that done so often, and once more each second. */
const MOST_LOOKS = 32;

class Looks {
  #left = MOST_LOOKS;
  #at = performance.now();

  take(now = performance.now()): boolean {
    this.#left = Math.min(MOST_LOOKS, this.#left + (now - this.#at) / 1000);
    this.#at = now;
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}

/** A name of pi or of ours, and never a path. */
export function isCopyName(name: string): boolean {
  return /^\w[\w.-]{0,150}\.jsonl$/.test(name);
}

/** Where copies are written as well, before they are acknowledged. */
export interface CopiesElsewhere {
  /** Resolves when the bytes are durable there; rejects when they are not, or when this process no longer leads. */
  append(name: string, from: number, data: Buffer): Promise<void>;
  replace(name: string, data: Buffer): Promise<void>;
  /** This is the copy: replaces what is there by what `read` returns if that differs. */
  holds(name: string, facts: CopyFacts, read: () => Promise<Buffer>): Promise<void>;
  mark(name: string, mark: CopyMark | undefined): Promise<void>;
}

/**
 * The gateway's copies of the session files of hosts: files of one directory, each of which is on the disk before its
 * host hears of it.
 */
export class SessionCopies {
  readonly #directory: string;
  readonly #limit: number;
  readonly #elsewhere: CopiesElsewhere | undefined;
  readonly #parts = new Map<string, { readonly whole: string; size: number }>();
  readonly #claims = new Map<string, CopyClaim>();
  /** Everything about one copy happens in order. */
  readonly #work = new KeyedQueue();

  constructor(directory: string, limit: number, elsewhere?: CopiesElsewhere) {
    this.#directory = directory;
    this.#limit = limit;
    this.#elsewhere = elsewhere;
  }

  path(name: string): string {
    return join(this.#directory, name);
  }

  claim(name: string): CopyClaim {
    const claim = { name, looks: new Looks() };
    this.#claims.set(name, claim);
    return claim;
  }

  /** Undefined: something of that name is known, and no host may begin it. */
  async claimNew(name: string): Promise<CopyClaim | undefined> {
    const taken = async (): Promise<boolean> => (await sizeOf(this.path(name))) !== undefined;
    if (this.#claims.has(name) || (await taken()) || this.#claims.has(name)) return undefined;
    return this.claim(name);
  }

  /** The host is gone: nothing comes anymore, and what it has sent of a whole file is of no use. */
  release(claim: CopyClaim): void {
    const { name } = claim;
    if (this.#claims.get(name) !== claim) return;
    this.#claims.delete(name);
    void this.#work.run(name, async () => {
      if (this.#claims.has(name) || !this.#parts.delete(name)) return;
      await rm(partPath(this.path(name)), { force: true }).catch(() => undefined);
    });
  }

  /** What an earlier run had received of whole files is of no use. Never rejects. */
  async removeParts(): Promise<void> {
    for (const name of await readdir(this.#directory).catch(() => []))
      if (name.endsWith('.jsonl.part') && !this.#parts.has(name.slice(0, -'.part'.length)))
        await rm(this.path(name), { force: true }).catch(() => undefined);
  }

  /**
   * How long the copy is, and the hash of it. A copy that the gateway has written itself is made durable by this.
   * Undefined: the host has asked too often.
   */
  async facts(claim: CopyClaim): Promise<CopyFacts | undefined> {
    return claim.looks.take() ? await this.#work.run(claim.name, () => this.#facts(claim.name)) : undefined;
  }

  async read(name: string, from: number, length: number): Promise<Buffer> {
    const handle = await openRegular(this.path(name));
    try {
      const buffer = Buffer.alloc(length);
      const { bytesRead } = await handle.read(buffer, 0, length, from);
      return buffer.subarray(0, bytesRead);
    } finally {
      await handle.close();
    }
  }

  /** Resolves when the piece is durable, or with why it is not taken. Never rejects. */
  put(claim: CopyClaim, chunk: FileChunk): Promise<ChunkTaken> {
    return this.#work.run(chunk.name, async () => {
      if (this.#claims.get(chunk.name) !== claim) return { refused: 'late' };
      try {
        return await this.#put(claim, chunk);
      } catch {
        return { refused: 'full' };
      }
    });
  }

  /** What is known about the copy besides its bytes; undefined: it has all of every turn that has ended. */
  async markOf(name: string): Promise<CopyMark | undefined> {
    const text = await readFile(this.#markPath(name), 'utf8').catch(() => undefined);
    return text === undefined ? undefined : text === 'behind' ? 'behind' : 'open';
  }

  async mark(name: string, mark: CopyMark | undefined): Promise<void> {
    await this.#elsewhere?.mark(name, mark);
    const path = this.#markPath(name);
    if (mark === undefined) return await rm(path, { force: true });
    await mkdir(this.path(MARKS), { recursive: true, mode: 0o700 });
    await writeFile(path, mark, { mode: 0o600 });
  }

  #markPath(name: string): string {
    return markPath(this.path(name));
  }

  async #facts(name: string): Promise<CopyFacts> {
    const path = this.path(name);
    const facts = await factsOf(path);
    await this.#elsewhere?.holds(name, facts, () => (facts.size === 0 ? noBytes() : readFile(path)));
    return facts;
  }

  async #put({ looks }: CopyClaim, chunk: FileChunk): Promise<ChunkTaken> {
    const { name, from, data, whole, of } = chunk;
    const path = this.path(name);
    const size = (await sizeOf(path)) ?? 0;
    const part = this.#parts.get(name);
    const place = placeChunk({ size, part }, chunk, this.#limit);
    if (place === 'damaged' || place === 'too_large') return { refused: place };
    if (place === 'elsewhere')
      return looks.take() ? { differs: await this.#facts(name) } : { refused: 'too_often' };
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    if (place === 'append') {
      await this.#elsewhere?.append(name, from, data);
      await write(path, from, data);
      return { size: from + data.length };
    }
    const next = partPath(path);
    if (place === 'begin') await rm(next, { force: true });
    await write(next, from, data);
    const end = from + data.length;
    this.#parts.set(name, { whole: whole ?? '', size: end });
    if (end < of) return { size: end };
    this.#parts.delete(name);
    if (this.#elsewhere !== undefined) await this.#elsewhere.replace(name, await readFile(next));
    await rename(next, path);
    await syncDirectory(this.#directory);
    return { size: end };
  }
}

/** Directory of the marks, below that of the copies. */
const MARKS = 'marks';

/** Where the mark of a copy is. */
export function markPath(copy: string): string {
  return join(dirname(copy), MARKS, basename(copy));
}

function partPath(copy: string): string {
  return `${copy}.part`;
}

const noBytes = async (): Promise<Buffer> => Buffer.alloc(0);
/** Read at once: a copy of many MiB neither fills the memory nor stops everything else. */
const READ_BYTES = 1024 * 1024;

/** Of no bytes, when the file is not there. */
export async function factsOf(path: string): Promise<CopyFacts> {
  const handle = await openRegular(path).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  });
  const hash = createHash('sha256');
  let size = 0;
  try {
    const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, ((await handle?.stat())?.size ?? 0) + 1));
    for (;;) {
      const bytesRead = (await handle?.read(buffer, 0, buffer.length, size))?.bytesRead ?? 0;
      if (bytesRead === 0) return { size, sha256: hash.digest('hex') };
      hash.update(buffer.subarray(0, bytesRead));
      size += bytesRead;
    }
  } finally {
    await handle?.close();
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

const { O_WRONLY, O_CREAT, O_TRUNC } = constants;
/** A link in the place of a copy is not followed. Windows has no such flag. */
const O_NOFOLLOW = constants.O_NOFOLLOW ?? 0;

/** Either all of it is on the disk, or the file is as long as before. */
async function write(path: string, from: number, data: Buffer): Promise<void> {
  const handle = await open(path, O_WRONLY | O_NOFOLLOW | (from === 0 ? O_CREAT | O_TRUNC : 0), 0o600);
  try {
    // A disk that becomes full takes the beginning of a piece, and says nothing.
    for (let done = 0; done < data.length; )
      done += (await handle.write(data, done, data.length - done, from + done)).bytesWritten;
    await (from === 0 ? syncFile(handle) : syncData(handle));
  } catch (error) {
    await truncate(path, from).catch(() => undefined);
    throw error;
  } finally {
    await handle.close();
  }
  if (from === 0) await syncDirectory(join(path, '..'));
}

async function syncDirectory(directory: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(directory, 'r');
  try {
    await syncFile(handle);
  } finally {
    await handle.close();
  }
}
