/**
 * What of an agent's files may leave with its answers. Which files the tools of a session wrote is read from pi's own
 * record of the session, so that it holds over a restart and for turns that ran long ago.
 */

import { realpath } from 'node:fs/promises';
import { basename } from 'node:path';
import { openRegular } from '../../base/files.ts';
import { listAt, objectAt, type PiRecord, parseRecord, piPath, stringAt } from '../agent/pi-files.ts';
import type { ChatAgent } from '../config/agent-settings.ts';

/** Whose file it is, as far as the gateway can tell. */
type FileOrigin =
  /** Tools of this session wrote it, or it was sent to this session. */
  | 'own'
  /** Tools of another session wrote it, or may have. */
  | 'another'
  | 'unknown';

export interface FilePolicy {
  readonly mode: ChatAgent['files'];
  /** Someone has to approve before a file leaves. */
  readonly asks: boolean;
}

/** An agent that may do little, or nothing without a word of approval, sends nothing without one either. */
export function filePolicy(
  { files, tools }: Pick<ChatAgent, 'files' | 'tools'>,
  approvals: 'off' | 'dangerous' | 'all',
): FilePolicy {
  return { mode: files, asks: files === 'ask' || tools?.length === 0 || approvals !== 'off' };
}

/** Why a file may not leave, no matter who approves; undefined when it may. */
export function whyKept({ mode }: FilePolicy, origin: FileOrigin): string | undefined {
  if (mode === 'off') return 'sending files is turned off here';
  if (origin === 'another') return 'another chat may have written it';
  if (mode === 'session' && origin !== 'own') return 'it was not written in this session';
  return undefined;
}

const HOW =
  'To send a file to the person you talk with, put it into your answer as an image, ![chart](chart.png), or as a ' +
  'link that says file:, [report](file:report.pdf). It has to be in your working directory.';

/**
 * The addition to the system prompt that says how a file is sent; undefined where none can be. The same for all
 * sessions of one policy, so that sessions can share a host.
 */
export function filesPrompt(policy: FilePolicy, tools: readonly string[] | undefined): string | undefined {
  if (policy.mode === 'off' || (policy.mode === 'session' && tools?.length === 0)) return undefined;
  const which =
    policy.mode === 'session'
      ? ' Only files that your tools wrote in this session, or that the person sent you, can be sent.'
      : '';
  return `${HOW}${which}${policy.asks ? ' It is sent once it has been approved.' : ''}`;
}

/** One tool call that may have written files, with the time that it took. */
interface ToolRun {
  readonly name: string;
  readonly args: Readonly<Record<string, unknown>>;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly failed: boolean;
}

/** A file as it was when it was opened. */
export interface FoundFile {
  /** With every link followed. */
  readonly real: string;
  /** When its content, name or rights changed last. Unlike the time of the content, no program can set it. */
  readonly changedAt: number;
}

/** Tools of pi that write nothing. */
const READERS = new Set(['read', 'grep', 'find', 'ls', 'report_progress']);
const WRITERS = new Set(['write', 'edit']);
/** The clock of a file system goes in steps of a few milliseconds. */
const STEP_MS = 20;

export function mayWrite(tool: string): boolean {
  return !READERS.has(tool);
}

/** The tool calls of a session that may have written files. A session file that is not there has none. */
export async function toolRuns(sessionFile: string): Promise<readonly ToolRun[]> {
  const open = new Map<string, Omit<ToolRun, 'endedAt' | 'failed'>>();
  const runs: ToolRun[] = [];
  try {
    const file = await openRegular(sessionFile);
    try {
      for await (const line of file.readLines({ autoClose: false })) {
        const record = /"tool(?:Call|Result)"/.test(line) ? parseRecord(line) : undefined;
        if (record?.type === 'message') take(record, open, runs);
      }
    } finally {
      await file.close();
    }
  } catch {
    // Not written yet, or on another machine: nothing is known of it.
  }
  return runs;
}

function take(
  record: PiRecord,
  open: Map<string, Omit<ToolRun, 'endedAt' | 'failed'>>,
  runs: ToolRun[],
): void {
  const message = objectAt(record, 'message');
  const at = Date.parse(stringAt(record, 'timestamp') ?? '');
  if (Number.isNaN(at)) return;
  if (message['role'] === 'toolResult') {
    const call = open.get(stringAt(message, 'toolCallId') ?? '');
    if (call !== undefined) runs.push({ ...call, endedAt: at, failed: message['isError'] === true });
    return;
  }
  if (message['role'] !== 'assistant') return;
  for (const block of listAt(message, 'content')) {
    const [id, name] = [stringAt(block, 'id'), stringAt(block, 'name')];
    if (stringAt(block, 'type') !== 'toolCall' || id === undefined || name === undefined) continue;
    // pi keeps the message before it runs its calls.
    if (mayWrite(name)) open.set(id, { name, args: objectAt(block, 'arguments'), startedAt: at });
  }
}

/**
 * Whose a file is. Its last change has to fall into a tool call of the session: one that wrote this very path, or one
 * that may write anything (a shell) while no other session had such a call. `othersAt` says whether another one had;
 * `undefined` when no one watched then.
 */
export async function originOf(
  file: FoundFile,
  runs: readonly ToolRun[],
  cwd: string,
  othersAt: (time: number) => boolean | undefined,
): Promise<FileOrigin> {
  const { changedAt } = file;
  const during = runs.filter((run) => isDuring(changedAt, run.startedAt, run.endedAt));
  for (const run of during)
    if (WRITERS.has(run.name) && !run.failed && (await writes(run, cwd)) === file.real) return 'own';
  const others = othersAt(changedAt);
  const shells = during.filter(({ name }) => !WRITERS.has(name));
  if (shells.length > 0 && others === false) return 'own';
  // Several may have written at that time: a call that names the file has.
  if (shells.some(({ args }) => JSON.stringify(args).includes(basename(file.real)))) return 'own';
  return others === true ? 'another' : 'unknown';
}

export function isDuring(time: number, startedAt: number, endedAt: number): boolean {
  return time >= startedAt - STEP_MS && time <= endedAt + STEP_MS;
}

async function writes({ args }: ToolRun, cwd: string): Promise<string | undefined> {
  const path = stringAt(args, 'path');
  const absolute = path === undefined ? undefined : piPath(path, cwd);
  return absolute === undefined ? undefined : await realpath(absolute).catch(() => undefined);
}
