/**
 * The transcript of a session: the lines that the store keeps, with what only pi's own session file has (tool calls, the
 * rest of long texts, what was said before lines were kept or in a terminal).
 */
import { openRegular } from '../../base/files.ts';
import { contentText, listAt, objectAt, parseRecord, stringAt } from '../agent/record.ts';
import type { TranscriptEntry } from '../model.ts';
import { isCut } from './said.ts';

/** Bytes at the end of a session file that are read. */
const FILE_BYTES = 32 * 1024 * 1024;
/** A tool call and its result, each. UTF-16 units. */
const TOOL_CHARS = 4_000;
const TEXT_CHARS = 100_000;
/** A text in the file belongs to a line of the store that is at most so far away. */
const NEAR_MS = 2 * 60 * 60_000;
/** So much of two texts is compared. */
const HEAD = 120;
/** The lines that the gateway writes above a message. */
const HEADER = /^(?:⟦[^⟧]*⟧\n(?:> [^\n]*\n)*)+/u;

/** What a session file of pi says, oldest first. A file that is not there says nothing. */
export async function fileEntries(path: string): Promise<TranscriptEntry[]> {
  const entries: TranscriptEntry[] = [];
  const calls = new Map<string, number>();
  for (const line of (await tailOf(path)).split('\n')) {
    const record = line.includes('"message"') ? parseRecord(line) : undefined;
    if (record?.type !== 'message') continue;
    const at = Date.parse(stringAt(record, 'timestamp') ?? '');
    if (!Number.isNaN(at)) takeMessage(objectAt(record, 'message'), at, entries, calls);
  }
  return entries;
}

function takeMessage(
  message: Readonly<Record<string, unknown>>,
  at: number,
  entries: TranscriptEntry[],
  calls: Map<string, number>,
): void {
  const text = contentText(message['content']).slice(0, TEXT_CHARS).toWellFormed();
  if (message['role'] === 'toolResult') {
    const index = calls.get(stringAt(message, 'toolCallId') ?? '');
    const call = index === undefined ? undefined : entries[index];
    if (index === undefined || call === undefined) return;
    const failed = message['isError'] === true ? 'failed: ' : '';
    entries[index] = { ...call, text: `${call.text}\n${failed}${text.slice(0, TOOL_CHARS).toWellFormed()}` };
    return;
  }
  if (message['role'] === 'user') {
    const said = text.replace(HEADER, '');
    if (said !== '') entries.push({ at, role: 'user', text: said });
    return;
  }
  if (message['role'] !== 'assistant') return;
  if (text.trim() !== '') entries.push({ at, role: 'agent', text });
  for (const block of listAt(message, 'content')) {
    if (stringAt(block, 'type') !== 'toolCall') continue;
    const args = JSON.stringify(objectAt(block, 'arguments')).slice(0, TOOL_CHARS).toWellFormed();
    calls.set(stringAt(block, 'id') ?? '', entries.length);
    entries.push({ at, role: 'tool', name: stringAt(block, 'name') ?? 'tool', text: args });
  }
}

async function tailOf(path: string): Promise<string> {
  const file = await openRegular(path).catch(() => undefined);
  if (file === undefined) return '';
  try {
    const { size } = await file.stat();
    const start = Math.max(0, size - FILE_BYTES);
    const buffer = Buffer.alloc(size - start);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, start);
    const text = buffer.toString('utf8', 0, bytesRead);
    return start === 0 ? text : text.slice(text.indexOf('\n') + 1);
  } catch {
    return '';
  } finally {
    await file.close();
  }
}

/** Both, in the order of time. What the store has counts; a line that it cut gets its whole text from the file. */
export function merged(
  kept: readonly TranscriptEntry[],
  file: readonly TranscriptEntry[],
): TranscriptEntry[] {
  const lines = [...kept];
  const heads = lines.map(({ text }) => squeezed(text));
  const more: TranscriptEntry[] = [];
  let from = 0;
  for (const entry of file) {
    while (from < lines.length && (lines[from]?.at ?? 0) < entry.at - NEAR_MS) from += 1;
    const index = entry.role === 'tool' ? -1 : placeOf(entry, lines, heads, from);
    const line = lines[index];
    if (line === undefined) more.push(entry);
    else if (isCut(line.text)) {
      const at = entry.text.indexOf(line.text.slice(0, HEAD));
      if (at >= 0 && entry.text.length - at > line.text.length)
        lines[index] = { ...line, text: entry.text.slice(at) };
    }
  }
  return [...lines, ...more].sort((a, b) => a.at - b.at);
}

function placeOf(
  entry: TranscriptEntry,
  lines: readonly TranscriptEntry[],
  heads: readonly string[],
  from: number,
): number {
  const head = squeezed(entry.text).slice(0, HEAD);
  for (let index = from; index < lines.length; index += 1) {
    const line = lines[index];
    if (line === undefined || line.at > entry.at + NEAR_MS) return -1;
    const said = heads[index] ?? '';
    // The outcome of a turn repeats what the agent had said; a message may be joined with others for the model.
    if (entry.role === 'agent' && line.role !== 'user' && said.includes(head)) return index;
    if (entry.role === 'user' && line.role === 'user' && said !== '')
      if (said.includes(head) || squeezed(entry.text).includes(said.slice(0, HEAD))) return index;
  }
  return -1;
}

function squeezed(text: string): string {
  return text.replace(/\s+/gu, ' ').trim();
}
