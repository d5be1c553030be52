import { randomBytes } from 'node:crypto';
import {
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { FolderLockedError } from '../errors.ts';
import { storageFailure } from './damage.ts';
import { systemCode } from './disk.ts';
import { aliveness, ownIdentity, type ProcessIdentity } from './process-identity.ts';

const LOCK_NAME = 'gateway.lock';
const HEARTBEAT_MS = 5_000;
/** A holder whose process cannot be seen from here (another container or host) counts as gone after this silence. */
const SILENCE_MS = 20_000;
/** Without hard links a lock is empty for a moment; what is unreadable for longer was left by a power cut. */
const HALF_WRITTEN_MS = 2_000;
const UNREADABLE = 'unreadable-';

interface Holder extends ProcessIdentity {
  /** ISO 8601. */
  readonly startedAt: string;
  /** Different for every lock ever taken. */
  readonly nonce: string;
}

/**
 * One gateway for one data folder. The lock is a file that names its process; it is held exactly as long as that very
 * process lives, so what `kill -9` or a power cut leaves behind is taken over at once.
 *
 * The file appears complete (a hard link to a finished one) or not at all. A stale lock is replaced only by whoever
 * holds the claim on it, a file named after the stale lock's nonce: two starters can never both replace it, and one
 * who judged by an older state finds another nonce in the lock and starts again. A claim whose owner died is itself
 * claimed in the same way.
 */
export class FolderLock {
  readonly #path: string;
  readonly #nonce: string;
  readonly #heartbeat: NodeJS.Timeout;

  private constructor(path: string, nonce: string) {
    this.#path = path;
    this.#nonce = nonce;
    this.#heartbeat = setInterval(() => touch(path), HEARTBEAT_MS);
    this.#heartbeat.unref();
  }

  /**
   * Creates the folder where missing.
   * @throws FolderLockedError when a living process holds it, this one included; GatewayError `storage_full` or
   *   `storage_failed` when the folder cannot be written
   */
  static acquire(folder: string): FolderLock {
    const path = join(folder, LOCK_NAME);
    const self: Holder = {
      ...ownIdentity(),
      startedAt: new Date().toISOString(),
      nonce: randomBytes(12).toString('hex'),
    };
    const own = `${path}.${self.nonce}.tmp`;
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      writeFileSync(own, `${JSON.stringify(self)}\n`, { mode: 0o600, flag: 'wx' });
      while (!place(own, path) && !replaceStale({ folder, path, own, self })) {
        // Somebody else was faster, or let go in between: look again.
      }
      sweep({ folder, path, own, self });
    } catch (error) {
      throw error instanceof FolderLockedError ? error : storageFailure(error, folder);
    } finally {
      remove(own);
    }
    return new FolderLock(path, self.nonce);
  }

  /** Lets go; a second call does nothing. */
  release(): void {
    clearInterval(this.#heartbeat);
    if (readHolder(this.#path)?.nonce === this.#nonce) remove(this.#path);
  }
}

interface Attempt {
  readonly folder: string;
  readonly path: string;
  /** The finished file that becomes the lock. */
  readonly own: string;
  readonly self: Holder;
}

/** Takes a dead holder's place. False when the lock has changed meanwhile. @throws FolderLockedError */
function replaceStale({ folder, path, own, self }: Attempt): boolean {
  const stale = readHolder(path);
  if (stale === undefined) return false;
  if (isHeld(path, stale, own, self)) throw new FolderLockedError(folder, stale.pid, stale.startedAt);
  for (let target = stale.nonce; ; ) {
    const claim = `${path}.over-${target}`;
    if (place(own, claim)) {
      try {
        if (readHolder(path)?.nonce !== stale.nonce) return false;
        renameSync(own, path);
        return true;
      } finally {
        remove(claim);
      }
    }
    const other = readHolder(claim);
    if (other === undefined) return false;
    if (isHeld(claim, other, own, self)) throw new FolderLockedError(folder, other.pid, other.startedAt);
    target = other.nonce;
  }
}

function isHeld(path: string, holder: Holder, own: string, self: Holder): boolean {
  // Both times come from the same file system: clocks of different hosts do not matter.
  const silence = modifiedAt(own) - modifiedAt(path);
  if (holder.nonce.startsWith(UNREADABLE)) return silence < HALF_WRITTEN_MS;
  const state = aliveness(holder, self);
  return state === 'unknown' ? silence < SILENCE_MS : state === 'alive';
}

/** Gives a finished file a second name, unless that name is taken. */
function place(own: string, path: string): boolean {
  try {
    linkSync(own, path);
    return true;
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false;
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOSPC') throw error;
  }
  // A file system without hard links (exFAT): the name is still taken by one process only.
  try {
    writeFileSync(path, readFileSync(own), { mode: 0o600, flag: 'wx' });
    return true;
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false;
    throw error;
  }
}

/** Undefined when there is no file. A file that makes no sense (a power cut) has a holder that does not live. */
function readHolder(path: string): Holder | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  return parseHolder(text) ?? nobody(path);
}

function nobody(path: string): Holder {
  const self = ownIdentity();
  return { ...self, bootId: 'none', startedAt: '', nonce: `${UNREADABLE}${Math.trunc(modifiedAt(path))}` };
}

function parseHolder(text: string): Holder | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const entries = new Map<string, unknown>(Object.entries(value));
  const string = (key: string): string => {
    const found = entries.get(key);
    return typeof found === 'string' ? found : '';
  };
  const pid = entries.get('pid');
  const nonce = string('nonce');
  if (typeof pid !== 'number' || !/^[0-9a-f]+$/.test(nonce)) return undefined;
  return {
    pid,
    startTime: string('startTime'),
    bootId: string('bootId'),
    pidNamespace: string('pidNamespace'),
    hostname: string('hostname'),
    startedAt: string('startedAt'),
    nonce,
  };
}

/** Takes away what starters that died on the way have left. */
function sweep({ folder, path, self }: Attempt): void {
  for (const name of readdirSync(folder)) {
    if (!name.startsWith(`${LOCK_NAME}.`)) continue;
    const left = join(folder, name);
    const owner = readHolder(left);
    if (owner === undefined || owner.nonce === self.nonce) continue;
    // Another starter's file may still be empty: the lock, which is ours and new, tells the time.
    if (!isHeld(left, owner, path, self)) remove(left);
  }
}

function modifiedAt(path: string): number {
  try {
    return statSync(path).mtimeMs;
  } catch {
    return 0;
  }
}

function touch(path: string): void {
  try {
    // Writing what stands there already sets the file system's own time; setting a time would set this host's.
    const file = openSync(path, 'r+');
    try {
      writeSync(file, '{', 0);
    } finally {
      closeSync(file);
    }
  } catch {
    // The next beat tries again; only holders on other hosts look at it.
  }
}

function remove(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Gone already, or the folder cannot be written any more: a lock of a dead process is no hindrance.
  }
}
