import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fstatSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { FolderLockedError, FolderLostError, systemCode } from '../base/errors.ts';
import { aliveness, isRunning, ownIdentity, type ProcessIdentity } from '../base/processes.ts';
import { storageFailure } from './disk.ts';

const LOCK_NAME = 'gateway.lock';
const HEARTBEAT_MS = 5_000;
/** How soon a holder that writes nothing notices that it has lost the lock. */
const LOOK_MS = 1_000;
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
  /** The lock file's own inode: in a copy of the directory it is another. Empty in locks of older versions. */
  readonly inode: string;
}

/**
 * One gateway for one data directory. The lock is a file that names its process; it is held exactly as long as that very
 * process lives, so what `kill -9` or a power cut leaves behind is taken over at once.
 *
 * The file appears complete (a hard link to a finished one) or not at all. A stale lock is replaced only by the one who
 * holds the claim on it, a file named after the stale lock's nonce: two starters can never both replace it, and one
 * who judged by an older state finds another nonce in the lock and starts again. A claim whose owner died is itself
 * claimed in the same way.
 *
 * A holder in another container that gives no sign for a while counts as gone, and it may only have been suspended; a
 * person may remove the file. So the holder looks at the file before it writes and before it acknowledges: see `check`.
 */
export class FolderLock {
  readonly #folder: string;
  readonly #path: string;
  readonly #nonce: string;
  /** Open for as long as the lock is held: its inode is given to no other file in the meantime. */
  readonly #file: number;
  readonly #inode: bigint;
  readonly #timer: NodeJS.Timeout;
  readonly #listeners: ((error: FolderLostError) => void)[] = [];
  #released = false;
  #lost: FolderLostError | undefined;

  private constructor(folder: string, path: string, nonce: string) {
    this.#folder = folder;
    this.#path = path;
    this.#nonce = nonce;
    this.#file = openSync(path, 'r+');
    this.#inode = fstatSync(this.#file, { bigint: true }).ino;
    let beats = 0;
    this.#timer = setInterval(() => {
      try {
        this.check();
      } catch {
        return; // told to the listeners, or the file system does not answer just now
      }
      beats += 1;
      if (beats % (HEARTBEAT_MS / LOOK_MS) === 0) beat(this.#file);
    }, LOOK_MS);
    this.#timer.unref();
  }

  /**
   * Creates the directory where missing.
   * @throws FolderLockedError when a living process holds it, this one included; GatewayError `storage_full` or
   *   `storage_failed` when the directory cannot be written
   */
  static acquire(folder: string): FolderLock {
    const path = join(folder, LOCK_NAME);
    const identity = {
      ...ownIdentity(),
      startedAt: new Date().toISOString(),
      nonce: randomBytes(12).toString('hex'),
    };
    const own = `${path}.${identity.nonce}.tmp`;
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      const self = createHolder(own, identity);
      while (!place(own, path, self) && !replaceStale({ folder, path, own, self })) {
        // Someone else was faster, or let go in between: look again.
      }
      sweep({ folder, path, own, self });
      return new FolderLock(folder, path, self.nonce);
    } catch (error) {
      throw error instanceof FolderLockedError ? error : storageFailure(error, folder);
    } finally {
      remove(own);
    }
  }

  /** Looks without taking it: was a lock left behind by a holder that is gone? False where there is none. */
  static isStale(folder: string): boolean {
    const path = join(folder, LOCK_NAME);
    const holder = readHolder(path);
    if (holder === undefined) return false;
    if (isUnreadable(holder)) return !namesRunningProcess(path);
    return !isHeldSince(path, holder, Date.now() - modifiedAt(path), ownIdentity());
  }

  /** Set for good when the lock was removed or another process has taken it. */
  get lost(): FolderLostError | undefined {
    return this.#lost;
  }

  /** Calls `listener` once, when the lock is lost: at once when it is already. */
  onLost(listener: (error: FolderLostError) => void): void {
    if (this.#lost === undefined) this.#listeners.push(listener);
    else listener(this.#lost);
  }

  /**
   * A few microseconds while all is well.
   * @throws FolderLostError when this process no longer holds the lock; the system's error when no one can say
   */
  check(): void {
    if (this.#lost !== undefined) throw this.#lost;
    if (this.#released) return;
    const found = statSync(this.#path, { bigint: true, throwIfNoEntry: false });
    if (found?.ino === this.#inode) return;
    const holder = found === undefined ? undefined : readHolder(this.#path);
    // File systems that number their files again now and then.
    if (holder?.nonce === this.#nonce) return;
    const why = holder === undefined ? `${this.#path} was removed` : takenOver(holder);
    this.#lost = new FolderLostError(this.#folder, why);
    clearInterval(this.#timer);
    for (const listener of this.#listeners.splice(0)) listener(this.#lost);
    throw this.#lost;
  }

  /** Lets go; a second call does nothing. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    clearInterval(this.#timer);
    closeSync(this.#file);
    const holder = readHolder(this.#path);
    if (holder?.nonce === this.#nonce) remove(this.#path);
    else if (holder !== undefined) this.#lost ??= new FolderLostError(this.#folder, takenOver(holder));
  }
}

function takenOver({ pid, startedAt }: Holder): string {
  return `another gateway (pid ${pid}, started ${startedAt}) is now in charge`;
}

/** Makes a file that names this process and its own inode. */
function createHolder(path: string, identity: Omit<Holder, 'inode'>): Holder {
  const file = openSync(path, 'wx', 0o600);
  try {
    const holder = { ...identity, inode: String(fstatSync(file, { bigint: true }).ino) };
    writeSync(file, `${JSON.stringify(holder)}\n`);
    return holder;
  } finally {
    closeSync(file);
  }
}

interface Attempt {
  readonly folder: string;
  readonly path: string;
  /** The finished file that becomes the lock. */
  readonly own: string;
  readonly self: Holder;
}

/** Takes a dead holder's place. False when the lock has changed in the meantime. @throws FolderLockedError */
function replaceStale({ folder, path, own, self }: Attempt): boolean {
  const stale = readHolder(path);
  if (stale === undefined) return false;
  if (isHeld(path, stale, own, self)) throw new FolderLockedError(folder, stale.pid, stale.startedAt);
  for (let target = stale.nonce; ; ) {
    const claim = `${path}.over-${target}`;
    if (place(own, claim, self)) {
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
  return isHeldSince(path, holder, modifiedAt(own) - modifiedAt(path), self);
}

/** `silence`: for how long the holder has given no sign. */
function isHeldSince(path: string, holder: Holder, silence: number, self: ProcessIdentity): boolean {
  if (isUnreadable(holder)) return silence < HALF_WRITTEN_MS;
  const state = aliveness(holder, self);
  if (state === 'alive' && isCopy(path, holder)) return false;
  return state === 'unknown' ? silence < SILENCE_MS : state === 'alive';
}

function isUnreadable({ nonce }: Holder): boolean {
  return nonce.startsWith(UNREADABLE);
}

/** The lock of a living process came here with a copy of its directory: it holds that one, not this one. */
function isCopy(path: string, holder: Holder): boolean {
  if (holder.inode === '') return false;
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found !== undefined && String(found.ino) !== holder.inode;
}

/** Gives a finished file a second name, unless that name is taken. */
function place(own: string, path: string, self: Holder): boolean {
  try {
    linkSync(own, path);
    return true;
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false;
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOSPC') throw error;
  }
  // A file system without hard links (exFAT): the name is still taken by one process only.
  try {
    createHolder(path, self);
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
  const nonce = `${UNREADABLE}${Math.trunc(modifiedAt(path))}`;
  return { ...self, bootId: 'none', startedAt: '', nonce, inode: '' };
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
    inode: string('inode'),
  };
}

/** A lock that is none of ours may still say whose it is. */
function namesRunningProcess(path: string): boolean {
  const pid = /"pid"\s*:\s*(\d+)/.exec(readFileSync(path, 'utf8'))?.[1];
  return pid !== undefined && isRunning(Number(pid));
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

function beat(file: number): void {
  try {
    // Writing what stands there already sets the file system's own time; setting a time would set this host's.
    writeSync(file, '{', 0);
  } catch {
    // The next beat tries again; only holders on other hosts look at it.
  }
}

function remove(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Gone already, or the directory cannot be written anymore: a lock of a dead process is no hindrance.
  }
}
