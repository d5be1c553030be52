import { statSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import type { Resumption, TurnEnd } from '../../gateway/agent/agent.ts';
import { movedSessionFile } from '../../gateway/agent/pi-files.ts';
import { bytesOf, completeFile, isAbsent } from './cut-session.ts';

export interface Copy {
  readonly file: string;
  /** It has messages: an agent that reads none does not see it. */
  readonly started: boolean;
}

/**
 * The file of a session that moves between hosts. An agent that was given up may still live behind a dead line, with the
 * file open: the session is continued in a copy, as far as the gateway knows the file, and what the former agent appends
 * goes nowhere.
 */
export class MovingFile {
  /** So many bytes are known to be the session's; undefined: all. */
  #upTo: number | undefined;
  /** A copy that no agent has opened. */
  #unopened: Copy | undefined;
  /** Such a copy has a part of the turn: how long the file was when that began. */
  #since: number | undefined;
  #made: string | undefined;

  /** The gateway decides by so many bytes how a turn continues. */
  read(upTo: number): void {
    this.#upTo = upTo;
  }

  /** A try begins: the next one, if nothing comes of it, begins at the same place. */
  tries(file: string | undefined): void {
    this.#upTo ??= file === undefined ? undefined : (statSync(file, { throwIfNoEntry: false })?.size ?? 0);
  }

  ended(end: TurnEnd): void {
    if (end.status !== 'failed' || end.reachedModel) this.#upTo = undefined;
  }

  /** The copy in which a turn that was cut off is continued, with what was missing in the file. */
  async completed(how: Resumption, now: number): Promise<string> {
    // Of a start that came to nothing, and of which no one was told.
    if (this.#since !== undefined && this.#made !== undefined) await rm(this.#made, { force: true });
    const copy = await copied(how.file, how.upTo);
    const { file } = copy;
    await completeFile({ ...how, file }, now);
    this.#upTo = undefined;
    this.#since = how.since;
    this.#unopened = copy;
    this.#made = file;
    return file;
  }

  /** The session is opened where it was. */
  stays(): void {
    this.#unopened = undefined;
  }

  /** The copy with which the session leaves its host. */
  async leaves(file: string): Promise<Copy> {
    const unopened = this.#unopened;
    this.#unopened = undefined;
    return file === unopened?.file ? unopened : await copied(file, this.#upTo);
  }

  /** Nothing was started with the copy; `kept`: the file of the session. */
  async discard({ file }: Copy, kept: string): Promise<void> {
    if (file !== kept) await rm(file, { force: true });
  }

  /** For anyone who hears of the new file, once. */
  takeSince(): number | undefined {
    const since = this.#since;
    this.#since = undefined;
    return since;
  }
}

/**
 * Copies the first `upTo` bytes (undefined: all), as far as they are whole lines, to a new file next to it. A file that
 * is not there is not copied; the new one has a name anyway.
 */
async function copied(file: string, upTo?: number): Promise<Copy> {
  const to = movedSessionFile(file);
  const bytes = await bytesOf(file).catch((error: unknown) => {
    if (isAbsent(error)) return Buffer.alloc(0);
    throw error;
  });
  const end = bytes.subarray(0, upTo).lastIndexOf('\n') + 1;
  const kept = bytes.subarray(0, end);
  if (end === 0) return { file: to, started: false };
  const part = `${to}.part`;
  const handle = await open(part, 'wx', 0o600);
  try {
    await handle.writeFile(kept);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(part, to);
  return { file: to, started: kept.includes('"type":"message"') };
}
