import { randomUUID } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { defined } from '../../base/defined.ts';
import type { ConversationSpec } from '../../gateway/agent/agent.ts';
import { objectAt, type PiRecord, parseRecord, stringAt } from '../../gateway/agent/pi-files.ts';

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
