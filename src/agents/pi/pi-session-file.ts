import { randomBytes, randomUUID } from 'node:crypto';
import { statSync } from 'node:fs';
import { appendFile, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { defined } from '../../base/defined.ts';
import { openRegular } from '../../base/files.ts';
import type { ConversationSpec, CutCall, CutTurn, Resumption, TurnEnd } from '../../gateway/agent/agent.ts';
import {
  contentText,
  listAt,
  movedSessionFile,
  objectAt,
  type PiRecord,
  parseRecord,
  stringAt,
} from '../../gateway/agent/pi-files.ts';
import { canonicalJson } from '../../gateway/agent/question.ts';

/**
 * What pi's session file has of a turn that was cut off, and what has to be added to it before pi continues. The file is
 * a tree of lines that only grows: every entry names the one before it, and the last line is where pi continues.
 */

/** Names the entries that continue a turn. */
export const RESUME_TYPE = 'pi-gateway-tui/resume';
/** The command of our extension that continues the turn. */
export const RESUME_COMMAND = 'pi-gateway-resume';

/**
 * A result that pi writes for a call that it stopped, or did not run because it was stopped. Of a call that ended on its own
 * the journal has the end.
 */
const STOPPED = /abort|not approved|nobody approved/i;

/** A turn as its part of the session file tells it. */
interface Reading {
  readonly messages: { text: string; said: string }[];
  readonly answered: boolean;
  readonly calls: readonly CutCall[];
  readonly known: readonly string[];
  readonly saidWithCalls: string;
  /** Where the next entry belongs. */
  readonly leaf: string | null;
  /** Where the next entry belongs when the message with the calls is to be forgotten. */
  readonly before: string | null;
  /** The message with the calls, and what the file has as results of all of them. */
  readonly caller: string | null;
  readonly results: ReadonlyMap<string, Readonly<Record<string, unknown>> | undefined>;
}

/** `text`: what was written since the turn began. `effects` tells of a call whether it does more than read. */
function read(text: string, effects: (tool: string, args: Record<string, unknown>) => boolean): Reading {
  const messages: { text: string; said: string }[] = [];
  let calls: { id: string; tool: string; args: Record<string, unknown> }[] = [];
  const results = new Map<string, Readonly<Record<string, unknown>>>();
  let answered = false;
  let saidWithCalls = '';
  let before: string | null = null;
  let caller: string | null = null;
  const known: string[] = [];
  const path = pathOf(text);
  for (const entry of path) {
    if (entry.type !== 'message') continue;
    const message = objectAt(entry, 'message');
    const said = contentText(message['content']);
    if (message['role'] === 'user') {
      messages.push({ text: said, said: '' });
      calls = [];
      answered = false;
    } else if (message['role'] === 'assistant') {
      const reason = stringAt(message, 'stopReason');
      // No later request contains it, nor its calls.
      if (reason === 'aborted' || reason === 'error') continue;
      const last = messages.at(-1);
      if (last !== undefined && said.trim() !== '')
        last.said = last.said === '' ? said : `${last.said}\n\n${said}`;
      calls = callsOf(message);
      known.push(...calls.map(({ id }) => id));
      results.clear();
      answered = calls.length === 0;
      saidWithCalls = said.trim() === '' ? '' : said;
      before = stringAt(entry, 'parentId') ?? null;
      caller = idOf(entry) ?? null;
    } else if (message['role'] === 'toolResult') results.set(stringAt(message, 'toolCallId') ?? '', message);
  }
  const open = calls.flatMap(({ id, tool, args }): CutCall[] => {
    const result = results.get(id);
    const noted = result?.['isError'] === true && STOPPED.test(contentText(result['content']));
    if (result !== undefined && !noted) return [];
    return [{ id, tool, argumentsJson: canonicalJson(args), effects: effects(tool, args), noted }];
  });
  const all = new Map(calls.map(({ id }) => [id, results.get(id)]));
  const leaf = idOf(path.at(-1)) ?? null;
  return { messages, answered, calls: open, known, saidWithCalls, leaf, before, caller, results: all };
}

/** The entries that lead to the last line, oldest first. A torn last line is none. */
function pathOf(text: string): PiRecord[] {
  const entries = text
    .split('\n')
    .map(parseRecord)
    .filter(
      (entry) => entry !== undefined && idOf(entry) !== undefined && entry.type !== 'session',
    ) as PiRecord[];
  const byId = new Map(entries.map((entry) => [idOf(entry), entry]));
  const path: PiRecord[] = [];
  for (let entry = entries.at(-1); entry !== undefined; entry = byId.get(stringAt(entry, 'parentId'))) {
    if (path.includes(entry)) break;
    path.push(entry);
  }
  return path.reverse();
}

function idOf(entry: PiRecord | undefined): string | undefined {
  return stringAt(entry, 'id');
}

function callsOf(message: Readonly<Record<string, unknown>>) {
  return listAt(message, 'content').flatMap((part) => {
    const [id, tool] = [stringAt(part, 'id'), stringAt(part, 'name')];
    if (stringAt(part, 'type') !== 'toolCall' || id === undefined || tool === undefined) return [];
    return [{ id, tool, args: { ...objectAt(part, 'arguments') } }];
  });
}

export function cutTurn(
  text: string,
  effects: (tool: string, args: Record<string, unknown>) => boolean,
): CutTurn {
  const { messages, answered, calls, known, saidWithCalls } = read(text, effects);
  return { messages, answered, calls, known, saidWithCalls };
}

/**
 * The lines that have to be written at the end of the file; none when everything stands there already. Where the file has
 * results that say no more than that a call was stopped, all results are written again, behind the message with the calls.
 */
function missingLines(text: string, how: Pick<Resumption, 'forget' | 'results'>, now: number): string[] {
  const { calls, leaf, before, caller, results } = read(text, () => true);
  if (calls.length === 0) return [];
  const timestamp = new Date(now).toISOString();
  const newId = (): string => randomBytes(4).toString('hex');
  if (how.forget) {
    const entry = {
      type: 'custom',
      customType: RESUME_TYPE,
      data: {},
      id: newId(),
      parentId: before,
      timestamp,
    };
    return [JSON.stringify(entry)];
  }
  const anew = calls.some(({ noted }) => noted);
  let parentId = anew ? caller : leaf;
  return [...results].flatMap(([toolCallId, known]) => {
    const open = calls.find(({ id }) => id === toolCallId);
    const result = how.results.find(({ id }) => id === toolCallId);
    if (open === undefined ? !anew || known === undefined : result === undefined) return [];
    const message =
      open === undefined
        ? known
        : {
            role: 'toolResult',
            toolCallId,
            toolName: open.tool,
            content: [{ type: 'text', text: result?.text }],
            isError: result?.isError,
            timestamp: now,
          };
    const id = newId();
    const line = JSON.stringify({ type: 'message', id, parentId, timestamp, message });
    parentId = id;
    return [line];
  });
}

/** What was written to a session file since it was `since` bytes long; undefined: it is not what it was. */
export async function readSince(file: string, since: number): Promise<string | undefined> {
  const bytes = await bytesOf(file).catch((error: unknown) => {
    if (since === 0 && isAbsent(error)) return Buffer.alloc(0);
    return undefined;
  });
  return bytes === undefined || bytes.length < since ? undefined : bytes.subarray(since).toString('utf8');
}

/** The whole of a session file. */
async function bytesOf(file: string): Promise<Buffer> {
  const handle = await openRegular(file);
  try {
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

/** Writes what is missing in the file of a turn that was cut off. */
export async function completeFile(how: Resumption, now: number): Promise<void> {
  const text = await readSince(how.file, how.since);
  const lines = text === undefined ? [] : missingLines(text, how, now);
  if (text === undefined || lines.length === 0) return;
  // A kill may have torn the last line.
  const from = text === '' || text.endsWith('\n') ? '' : '\n';
  await appendFile(how.file, `${from}${lines.join('\n')}\n`, { mode: 0o600 });
}

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

/** Two at work in one directory get in each other's way: a question next to the conversation only reads. */
const ASIDE_TOOLS: readonly string[] = ['read', 'grep', 'find', 'ls'];

/** What the conversation for a question next to that of `spec` is opened with; on a copy of its file, if it has one. */
export async function asideSpec(spec: ConversationSpec): Promise<ConversationSpec> {
  const id = `aside-${randomUUID()}`;
  const { sessionFile, journal: _, ...rest } = spec;
  const tools = ASIDE_TOOLS.filter((name) => spec.tools?.includes(name) ?? true);
  const copy = sessionFile === undefined ? undefined : await copySession(sessionFile, id);
  return { ...rest, id, tools, ...defined({ sessionFile: copy }) };
}

/** Nothing is left of it. */
export async function removeAside(file: string | undefined): Promise<void> {
  // A file that the agent named itself may lie on another machine: only ours is taken away.
  if (file !== undefined && basename(file).startsWith('aside-')) await rm(file, { force: true });
}

/** A copy up to the last finished answer: a turn that runs may be in the middle of a line or of a tool's work. */
async function copySession(file: string, id: string): Promise<string | undefined> {
  const text = await readFile(file, 'utf8').catch(() => ''); // not written before the first answer
  const lines = text.split('\n');
  const end = lines.findLastIndex((line) => {
    const record = parseRecord(line);
    return record !== undefined && isFinished(record);
  });
  if (end < 0) return undefined;
  const copy = join(dirname(file), `${id}.jsonl`);
  await writeFile(copy, `${lines.slice(0, end + 1).join('\n')}\n`, { mode: 0o600, flag: 'wx' });
  return copy;
}

function isFinished(record: PiRecord): boolean {
  const message = record.type === 'message' ? objectAt(record, 'message') : {};
  return message['role'] === 'assistant' && stringAt(message, 'stopReason') !== 'toolUse';
}
