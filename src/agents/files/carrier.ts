import { settlesWithin } from '../../base/async.ts';
import { messageOf } from '../../base/errors.ts';
import { isObject, type PiRecord, stringAt } from '../../gateway/agent/pi-files.ts';
import {
  type CopyClaim,
  type CopyFacts,
  type FileChunk,
  isCopyName,
  type SessionCopies,
} from '../../store/session-copies.ts';
import type { PiLink } from '../pi/backend.ts';

/**
 * How the place where pi runs and the gateway talk about session files: as questions of an `input` dialog, which every
 * way of running pi carries already. The title tells them from the dialogs of extensions.
 */

export const FILES_TITLE = 'pi-gateway-tui/files/1';
/** Bytes of a file in one message. */
export const CHUNK_BYTES = 128 * 1024;

/** From pi. */
export type FilesRequest =
  /** No session is open: the gateway says which one is to be, and the file of it is made ready. */
  | { readonly type: 'waits' }
  | { readonly type: 'get'; readonly from: number }
  | { readonly type: 'ready'; readonly problem?: string }
  /** The session of this file is open, and is copied from now on. */
  | { readonly type: 'follows'; readonly name: string }
  | { readonly type: 'put'; readonly chunk: FileChunk }
  /** All of the file has been copied, or why not. */
  | { readonly type: 'copied'; readonly name: string; readonly problem?: string };

/** The file that a session is to be opened with. */
export interface WantedFile extends CopyFacts {
  readonly directory: string;
  readonly name: string;
  /** The copy may lack what its host has: there a longer file is the better one. */
  readonly behind: boolean;
}

export type FilesReply =
  | { readonly wanted: WantedFile }
  | { readonly data: string }
  /** What the gateway has; `remove`: the session was only to be looked at. */
  | { readonly copy: CopyFacts; readonly remove?: boolean }
  | { readonly size: number }
  | { readonly refused: string };

export function writeFiles(message: FilesRequest | FilesReply): string {
  if ('type' in message && message.type === 'put') {
    const { data, ...chunk } = message.chunk;
    return JSON.stringify({ type: 'put', chunk: { ...chunk, data: data.toString('base64') } });
  }
  return JSON.stringify(message);
}

/** Nothing that is sent is longer: a piece in base64, and what is said about it. */
const LONGEST_REQUEST = 2 * CHUNK_BYTES;
/** What a host says goes into the log and to the operator. */
const LONGEST_PROBLEM = 300;

/** Undefined for anything that is not sent. */
export function readFilesRequest(text: string): FilesRequest | undefined {
  if (text.length > LONGEST_REQUEST) return undefined;
  const { type, from, problem, name, chunk } = parsed(text);
  const why = typeof problem === 'string' ? { problem: problem.slice(0, LONGEST_PROBLEM) } : {};
  switch (type) {
    case 'waits':
      return { type };
    case 'get':
      return isCount(from) ? { type, from } : undefined;
    case 'ready':
      return { type, ...why };
    case 'follows':
      return isName(name) ? { type, name } : undefined;
    case 'copied':
      return isName(name) ? { type, name, ...why } : undefined;
    case 'put': {
      const read = readChunk(chunk);
      return read === undefined ? undefined : { type, chunk: read };
    }
    default:
      return undefined;
  }
}

/** Undefined for anything that the gateway does not send. */
export function readFilesReply(text: string | undefined): FilesReply | undefined {
  const { wanted, data, copy, remove, size, refused } = parsed(text ?? '');
  if (typeof refused === 'string') return { refused };
  if (typeof data === 'string') return { data };
  if (isCount(size)) return { size };
  const facts = readFacts(copy);
  if (facts !== undefined) return { copy: facts, ...(remove === true ? { remove } : {}) };
  const open = readFacts(wanted);
  if (open === undefined || !isObject(wanted)) return undefined;
  const { directory, name, behind } = wanted;
  if (typeof directory !== 'string' || !isName(name)) return undefined;
  return { wanted: { ...open, directory, name, behind: behind === true } };
}

function readFacts(value: unknown): CopyFacts | undefined {
  if (!isObject(value)) return undefined;
  const { size, sha256 } = value;
  return isCount(size) && typeof sha256 === 'string' ? { size, sha256 } : undefined;
}

function readChunk(value: unknown): FileChunk | undefined {
  if (!isObject(value)) return undefined;
  const { name, from, data, sha256, of, whole } = value;
  if (!isName(name) || !isCount(from) || !isCount(of)) return undefined;
  if (typeof data !== 'string' || typeof sha256 !== 'string') return undefined;
  const bytes = Buffer.from(data, 'base64');
  if (bytes.length > CHUNK_BYTES || (typeof whole === 'string' && whole.length > LONGEST_ID))
    return undefined;
  const all = typeof whole === 'string' ? { whole } : {};
  return { name, from, data: bytes, sha256, of, ...all };
}

const isName = (value: unknown): value is string => typeof value === 'string' && isCopyName(value);
const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;

function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}

/** At once: a host says one thing after another, and little without waiting for the answer. */
const MOST_OPEN = 16;
/** Of the id of a question. */
const LONGEST_ID = 200;
/** How often a host may ask which file is wanted. */
const MOST_STARTS = 4;
/** A file does not come to a host more slowly. */
const SLOWEST_BYTES_A_SECOND = 32 * 1024;
/** What pi calls a file itself. Names of other sessions are the gateway's. */
const NAME_OF_PI = /^\d{4}-\d\d-\d\dT[\w-]+\.jsonl$/;
const FLOOD = 'its host sent more about the session file than the gateway takes at once';

/** Where the file of a session lies: under this name in the directory of its host. */
interface CarriedFile {
  readonly directory: string;
  readonly name: string;
}

interface CarrierOptions extends CarriedFile {
  readonly copies: SessionCopies;
  /** The session is only looked at: nothing of it is copied, and its file is removed. */
  readonly probe?: boolean;
}

/** Carries the file of one session to its host and back, at the gateway's end of the link. */
export class FileCarrier {
  readonly #link: PiLink;
  readonly #options: CarrierOptions;
  readonly #ready = Promise.withResolvers<void>();
  readonly #follows = Promise.withResolvers<void>();
  #claim: CopyClaim;
  /** Grows as the host gets the file. */
  #steps = 0;
  #starts = 0;
  /** Up to where it has the file, and how many bytes it may still be sent. */
  #sentTo = 0;
  #maySend = 0;
  /** Requests without an answer. */
  #open = 0;
  #gone = false;
  /** A session that this one becomes may have a name of pi. */
  #mayRename = false;
  #problem: string | undefined = 'it has not been copied yet';
  #copied: (() => void) | undefined;
  /** Bytes of the copy, and how many it had before the host was heard of. */
  #size = 0;
  #sizeBefore = 0;
  #caughtUp: number | undefined;
  #heardAll = false;

  constructor(link: PiLink, options: CarrierOptions) {
    this.#link = link;
    this.#options = options;
    this.#claim = options.copies.claim(options.name);
    this.#ready.promise.catch(() => undefined);
    void link.ended.then(({ detail }) => {
      this.#gone = true;
      this.#ready.reject(new Error(detail));
      options.copies.release(this.#claim);
    });
  }

  /** Why the copy lacks something that pi has written; undefined: it lacks nothing. */
  get problem(): string | undefined {
    return this.#problem;
  }

  get name(): string {
    return this.#claim.name;
  }

  /** For anyone who hears of it, once: how long the copy is since its host had more of it than the gateway. */
  takeCaughtUp(): number | undefined {
    const size = this.#caughtUp;
    this.#caughtUp = undefined;
    return size;
  }

  /** Where the host has the file. */
  get hostPath(): string {
    const { directory } = this.#options;
    return `${directory}${directory.endsWith('/') ? '' : '/'}${this.name}`;
  }

  /** Resolves when the host has the file of the session; rejects with what stands in the way, or after silence. */
  async ready(silenceMs: number): Promise<void> {
    const begin = performance.now();
    for (let steps = -1; steps !== this.#steps; ) {
      steps = this.#steps;
      if (await settlesWithin(this.#ready.promise, silenceMs)) return await this.#ready.promise;
      if (performance.now() - begin > 4 * silenceMs + (this.#sizeBefore / SLOWEST_BYTES_A_SECOND) * 1000)
        throw new Error('it takes the file too slowly');
    }
    throw new Error(this.#steps === 0 ? 'it did not ask for the file' : 'it stopped taking the file');
  }

  /** Pi has opened the session, and everything that it found there is copied. False: it does not say so in time. */
  async followed(ms: number): Promise<boolean> {
    return await settlesWithin(this.#follows.promise, ms);
  }

  /**
   * The session goes on in another file that pi names itself. Resolves with that name when all of it is copied; undefined:
   * it is not after `ms`.
   */
  async renamed<T>(
    work: () => Promise<T>,
    ms: number,
  ): Promise<{ readonly done: T; readonly name: string | undefined }> {
    const before = this.name;
    this.#mayRename = true;
    const copied = new Promise<void>((resolve) => {
      this.#copied = resolve;
    });
    try {
      const done = await work();
      const whole = (await settlesWithin(copied, ms)) && this.name !== before && this.#problem === undefined;
      return { done, name: whole ? this.name : undefined };
    } finally {
      this.#mayRename = false;
      this.#copied = undefined;
    }
  }

  /** False when the record is none of these. */
  take(record: PiRecord): boolean {
    if (record.type !== 'extension_ui_request' || stringAt(record, 'title') !== FILES_TITLE) return false;
    const id = stringAt(record, 'id');
    if (id === undefined || id.length > LONGEST_ID || this.#gone) return true;
    if (this.#open >= MOST_OPEN) {
      this.#gone = true;
      this.#problem = FLOOD;
      this.#link.kill(FLOOD);
      return true;
    }
    const request = readFilesRequest(stringAt(record, 'placeholder') ?? '');
    this.#open++;
    const reply = (value: FilesReply | undefined): void => {
      this.#open--;
      this.#link.send({
        type: 'extension_ui_response',
        id,
        ...(value === undefined ? { cancelled: true } : { value: writeFiles(value) }),
      });
    };
    if (request === undefined) reply(undefined);
    else
      this.#answer(request).then(reply, (error: unknown) => {
        this.#problem = messageOf(error);
        reply({ refused: 'the copy cannot be read' });
      });
    return true;
  }

  async #answer(request: FilesRequest): Promise<FilesReply | undefined> {
    const { copies, name } = this.#options;
    switch (request.type) {
      case 'waits':
        return await this.#begin();
      case 'get': {
        if (this.#maySend <= 0) return { refused: 'it was sent already' };
        const data = await copies.read(name, request.from, CHUNK_BYTES);
        this.#maySend -= data.length;
        if (request.from + data.length > this.#sentTo) this.#steps++;
        this.#sentTo = Math.max(this.#sentTo, request.from + data.length);
        return { data: data.toString('base64') };
      }
      case 'ready':
        if (request.problem === undefined) this.#ready.resolve();
        else this.#ready.reject(new Error(request.problem));
        return undefined;
      case 'follows':
        return await this.#follow(request.name);
      case 'put': {
        if (request.chunk.name !== this.#claim.name) return { refused: 'another session is open' };
        const taken = await copies.put(this.#claim, request.chunk);
        if ('size' in taken) {
          this.#size = taken.size;
          return taken;
        }
        if ('differs' in taken) return { copy: taken.differs };
        return { refused: REFUSED[taken.refused] };
      }
      case 'copied':
        if (request.name !== this.#claim.name) return undefined;
        this.#problem = request.problem;
        if (!this.#heardAll && this.#size !== this.#sizeBefore) this.#caughtUp = this.#size;
        this.#heardAll = true;
        this.#follows.resolve();
        this.#copied?.();
        return undefined;
    }
  }

  async #begin(): Promise<FilesReply> {
    const { copies, directory, name } = this.#options;
    if (++this.#starts > MOST_STARTS) return { refused: TOO_OFTEN };
    const facts = await copies.facts(this.#claim);
    if (facts === undefined) return { refused: TOO_OFTEN };
    this.#steps++;
    this.#size = facts.size;
    this.#sizeBefore = facts.size;
    this.#sentTo = 0;
    // A piece that was lost on the way is asked for again.
    this.#maySend = 2 * facts.size + CHUNK_BYTES;
    const behind = (await copies.markOf(name)) !== undefined;
    return { wanted: { ...facts, directory, name, behind } };
  }

  async #follow(name: string): Promise<FilesReply> {
    const { copies, probe } = this.#options;
    if (name !== this.#claim.name && !(await this.#rename(name))) {
      this.#problem = 'pi has opened another session';
      return { refused: this.#problem };
    }
    if (probe === true) this.#follows.resolve();
    const copy = await copies.facts(this.#claim);
    if (copy === undefined) return { refused: TOO_OFTEN };
    return { copy, ...(probe === true ? { remove: true } : {}) };
  }

  /** No host may write to the copy of another session: only one new name, of those that pi makes, when pi makes one. */
  async #rename(name: string): Promise<boolean> {
    if (!this.#mayRename || !NAME_OF_PI.test(name)) return false;
    this.#mayRename = false;
    const { copies } = this.#options;
    const claim = await copies.claimNew(name);
    if (claim === undefined) return false;
    copies.release(this.#claim);
    this.#claim = claim;
    this.#problem = 'it has not been copied yet';
    // The link can have ended since.
    if (this.#gone) copies.release(claim);
    return true;
  }
}

const TOO_OFTEN = 'it is compared too often';
const REFUSED = {
  late: 'the session is open elsewhere',
  too_large: 'it is larger than agent.sessionFileMiB allows',
  damaged: 'a piece of it arrived damaged',
  full: 'the gateway could not store it',
  too_often: TOO_OFTEN,
} as const;
