/** The end of session copies at the place where pi runs: makes the file of a session ready, and sends what is written to it. */

import { randomUUID } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { defined } from '../../base/defined.ts';
import { messageOf } from '../../base/errors.ts';
import { type CopyFacts, sha256 } from '../../store/session-copies.ts';
import { CHUNK_BYTES, type FilesReply, type FilesRequest, type WantedFile } from './carrier.ts';

/** Resolves with the answer of the gateway; undefined: there is none. */
export type AskGateway = (request: FilesRequest) => Promise<FilesReply | undefined>;

/** So many bytes before the end of what was copied show that it is still the same. */
const TAIL_BYTES = 4096;
/** A file that changes faster than it can be copied is left for the next time. */
const MOST_TRIES = 3;

/** Asks which session is to be opened, and makes its file ready. */
export async function makeReady(ask: AskGateway): Promise<void> {
  const reply = await ask({ type: 'waits' });
  if (reply === undefined || !('wanted' in reply)) return;
  try {
    await fetchFile(reply.wanted, ask);
    await ask({ type: 'ready' });
  } catch (error) {
    await ask({ type: 'ready', problem: messageOf(error) });
  }
}

async function fetchFile(wanted: WantedFile, ask: AskGateway): Promise<void> {
  mkdirSync(wanted.directory, { recursive: true, mode: 0o700 });
  const path = join(wanted.directory, wanted.name);
  const here = contentOf(path);
  // It may be ahead of its copy, by what was written last.
  if (beginsWith(here, wanted) || (wanted.behind && here.length > wanted.size)) return;
  const part = `${path}.${randomUUID()}.part`;
  const file = openSync(part, 'wx', 0o600);
  try {
    let from = 0;
    while (from < wanted.size) {
      const reply = await ask({ type: 'get', from });
      const data = reply !== undefined && 'data' in reply ? Buffer.from(reply.data, 'base64') : undefined;
      if (data === undefined || data.length === 0)
        throw new Error('the gateway did not send the session file');
      writeSync(file, data);
      from += data.length;
    }
    fsyncSync(file);
    if (sha256(readFileSync(part)) !== wanted.sha256) throw new Error('the session file arrived damaged');
    renameSync(part, path);
  } finally {
    closeSync(file);
    rmSync(part, { force: true });
  }
}

/** Sends what pi writes to the file of its session. */
export class Follower {
  readonly #file: string;
  readonly #ask: AskGateway;
  /** What the gateway has is the beginning of the file, up to here; undefined: it has to be compared. */
  #copied: { size: number; tail: Buffer } | undefined;
  #known: CopyFacts | undefined;
  #work: Promise<void> = Promise.resolve();

  constructor(file: string, ask: AskGateway) {
    this.#file = file;
    this.#ask = ask;
  }

  get #name(): string {
    return basename(this.#file);
  }

  /** Says hello, and copies what is there. */
  begin(): Promise<void> {
    return this.#inTurn(async () => {
      const reply = await this.#ask({ type: 'follows', name: this.#name });
      if (reply === undefined || !('copy' in reply)) return;
      if (reply.remove === true) return rmSync(this.#file, { force: true });
      this.#known = reply.copy;
      await this.#sync();
    });
  }

  /** Copies what was written since the last time. Never rejects: a copy that fails does not stop the turn. */
  sync(): Promise<void> {
    return this.#inTurn(() => this.#sync());
  }

  /** The session is closed. A copy that was made for a question next to it is of no more use. */
  end(): void {
    if (this.#name.startsWith('aside-')) rmSync(this.#file, { force: true });
  }

  #inTurn(job: () => Promise<void>): Promise<void> {
    this.#work = this.#work.then(job).catch(() => undefined);
    return this.#work;
  }

  async #sync(): Promise<void> {
    if (this.#known === undefined) return; // the gateway does not want it
    const problem = await this.#send().catch((error: unknown) => messageOf(error));
    const told = { type: 'copied', name: this.#name, ...defined({ problem }) } as const;
    // It has no answer, and arrives before anything that pi says later.
    void this.#ask(told).catch(() => undefined);
  }

  /** Undefined: the gateway has all of it. */
  async #send(): Promise<string | undefined> {
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const from = this.#from();
      const bytes = from === undefined ? contentOf(this.#file) : readFrom(this.#file, from);
      if (from !== undefined && bytes.length === 0) return undefined;
      const sent = await this.#sendBytes(bytes, from);
      if (sent === 'again') continue;
      return sent;
    }
    return 'the file changed while it was copied';
  }

  /** From where on the gateway lacks the file; undefined: it needs all of it. */
  #from(): number | undefined {
    const known = this.#known;
    if (this.#copied === undefined && known !== undefined) {
      const here = contentOf(this.#file);
      if (!beginsWith(here, known)) return undefined;
      this.#remember(here.subarray(0, known.size), known.size);
    }
    const copied = this.#copied;
    if (copied === undefined) return undefined;
    const start = copied.size - copied.tail.length;
    const same = readFrom(this.#file, start, copied.tail.length).equals(copied.tail);
    return same ? copied.size : undefined;
  }

  async #sendBytes(bytes: Buffer, start: number | undefined): Promise<'again' | string | undefined> {
    const whole = start === undefined ? { whole: randomUUID() } : {};
    const base = start ?? 0;
    const of = base + bytes.length;
    let at = 0;
    do {
      const data = bytes.subarray(at, at + CHUNK_BYTES);
      const chunk = { name: this.#name, from: base + at, data, sha256: sha256(data), of, ...whole };
      const reply = await this.#ask({ type: 'put', chunk });
      if (reply !== undefined && 'copy' in reply) {
        this.#copied = undefined;
        this.#known = reply.copy;
        return 'again';
      }
      if (reply === undefined || !('size' in reply)) {
        if (start === undefined) this.#copied = undefined;
        return reply !== undefined && 'refused' in reply ? reply.refused : 'the gateway did not answer';
      }
      at += data.length;
      if (start !== undefined) this.#remember(data, base + at);
    } while (at < bytes.length);
    if (start === undefined) {
      this.#copied = undefined;
      this.#remember(bytes, of);
    }
    return undefined;
  }

  #remember(bytes: Buffer, size: number): void {
    const tail = Buffer.concat([this.#copied?.tail ?? Buffer.alloc(0), bytes.subarray(-TAIL_BYTES)]);
    this.#copied = { size, tail: Buffer.from(tail.subarray(-TAIL_BYTES)) };
  }
}

function beginsWith(here: Buffer, { size, sha256: hash }: CopyFacts): boolean {
  return here.length >= size && sha256(here.subarray(0, size)) === hash;
}

/** Nothing for a file that is not there yet. */
function contentOf(path: string): Buffer {
  return statSync(path, { throwIfNoEntry: false }) === undefined ? Buffer.alloc(0) : readFileSync(path);
}

function readFrom(path: string, from: number, length?: number): Buffer {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  const wanted = Math.max(0, Math.min(size - from, length ?? size));
  if (wanted === 0) return Buffer.alloc(0);
  const file = openSync(path, 'r');
  try {
    const buffer = Buffer.alloc(wanted);
    return buffer.subarray(0, readSync(file, buffer, 0, wanted, from));
  } finally {
    closeSync(file);
  }
}
