import { createHash, randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { lstat, mkdir, open, realpath, writeFile } from 'node:fs/promises';
import { basename, extname, join, relative, resolve, sep } from 'node:path';
import { type ChatText, recognized, say } from '../language/chat-text.ts';
import type { FoundFile } from './file-policy.ts';

/** A link or image of a Markdown text whose target may be a file. */
interface FileLink {
  readonly start: number;
  readonly end: number;
  readonly label: string;
  /** A path, absolute or relative. */
  readonly path: string;
  /** An image, or a link that says "file:": the agent needs the file itself to be seen. */
  readonly explicit: boolean;
}

/** Longer lines are data, not prose. */
const LONGEST_LINE = 5000;
const LINK = /(!?)\[([^[\]\n]{0,300})\]\(\s{0,3}(?:<([^<>\n]{1,1000})>|([^\s()<>]{1,1000}))\s{0,3}\)/g;
const FENCE = /^ {0,3}(`{3,}|~{3,})/;
const SCHEME = /^[a-z][a-z0-9+.-]*:/i;

/** Links and images outside of code, in order. Those with another scheme than `file:` are left out. */
export function fileLinks(markdown: string): FileLink[] {
  const found: FileLink[] = [];
  let fence: string | undefined;
  let at = 0;
  for (const line of markdown.split('\n')) {
    const mark = FENCE.exec(line)?.[1];
    if (fence === undefined && mark !== undefined) fence = mark;
    else if (fence !== undefined) {
      if (mark?.startsWith(fence) && line.trim() === mark) fence = undefined;
    } else if (line.length <= LONGEST_LINE && line.includes('](')) found.push(...linksOf(line, at));
    at += line.length + 1;
  }
  return found;
}

function linksOf(line: string, at: number): FileLink[] {
  const code = codeSpans(line);
  const found: FileLink[] = [];
  for (const match of line.matchAll(LINK)) {
    if (code.some(([start, end]) => match.index >= start && match.index < end)) continue;
    const target = match[3] ?? match[4] ?? '';
    const path = pathOf(target);
    if (path === undefined) continue;
    found.push({
      start: at + match.index,
      end: at + match.index + match[0].length,
      label: (match[2] ?? '').trim(),
      path,
      explicit: match[1] === '!' || /^file:/i.test(target),
    });
  }
  return found;
}

/** The path that a target names; undefined for addresses, anchors and what cannot be decoded. */
function pathOf(target: string): string | undefined {
  const file = /^file:(?:\/\/(?:localhost)?(?=\/))?(.+)$/i.exec(target)?.[1];
  if (file === undefined && (SCHEME.test(target) || target.startsWith('#') || target.startsWith('//')))
    return undefined;
  try {
    const path = decodeURIComponent(file ?? target);
    return path === '' || path.includes('\0') ? undefined : path;
  } catch {
    return undefined; // not a path that anybody wrote on purpose
  }
}

/** Ranges of `code` in a line. */
function codeSpans(line: string): [number, number][] {
  const runs = [...line.matchAll(/`+/g)];
  const spans: [number, number][] = [];
  for (let i = 0; i < runs.length; i += 1) {
    const open = runs[i];
    const close = runs.findIndex((run, j) => j > i && run[0].length === open?.[0].length);
    const end = runs[close];
    if (open === undefined || end === undefined) continue;
    spans.push([open.index, end.index + end[0].length]);
    i = close;
  }
  return spans;
}

const OUTGOING_LIMITS = {
  maxBytes: 20 * 1024 * 1024,
  /** Files of one answer. */
  maxFiles: 10,
} as const;

export interface OutgoingOptions {
  /** Words of ours in the language of the chat. */
  readonly words: (text: ChatText) => string;
  /** Where the agent works; relative paths begin here. */
  readonly cwd: string;
  /** The session's own directory: what the chat sent, and what the agent keeps for it. */
  readonly sessionFolder: string;
  /** Where our own data lies (`gateway`, `gateway-*`): none of it leaves but what is in the session's directory. */
  readonly dataFolder: string;
  /** Why nothing leaves at all. */
  readonly closed?: string | undefined;
  /** Someone is asked before the files leave; the text says so. */
  readonly pending: boolean;
  /** Why a file that may leave by its place may not; undefined when it may. */
  readonly whyKept: (file: FoundFile & { readonly inSessionFolder: boolean }) => Promise<string | undefined>;
}

/** A file that goes out with an answer. */
export interface OutgoingFile {
  readonly label: string;
  /** A copy of ours: what is sent after a restart is what was there when the agent said it. */
  readonly path: string;
  readonly name: string;
  readonly mimeType: string;
  /** Where the agent had it, with every link followed. */
  readonly source: string;
  readonly bytes: number;
  readonly sha256: string;
}

export interface OutgoingAnswer {
  /** The text with each such link replaced by its label. */
  readonly text: string;
  readonly files: readonly OutgoingFile[];
  /** Files that may not leave or cannot be sent, one sentence each. */
  readonly refused: readonly string[];
}

/**
 * Takes the files out of an agent's answer: images (`![chart](chart.png)`), links that say `file:`, and links to
 * files in the session's own directory. Each has to lie below the working directory or the session's directory after every
 * symbolic link is followed, on no hidden path (`.env`, `.git`, `.ssh`) and not in our data. Other relative links are
 * references to source code and stay as they are.
 */
export async function takeOutgoingFiles(markdown: string, options: OutgoingOptions): Promise<OutgoingAnswer> {
  const files: OutgoingFile[] = [];
  const refused: string[] = [];
  let text = '';
  let at = 0;
  for (const link of fileLinks(markdown)) {
    const absolute = resolve(options.cwd, link.path);
    if (!link.explicit && !isBelow(options.sessionFolder, absolute)) continue;
    const label = link.label === '' ? basename(link.path) : link.label;
    const result =
      files.length >= OUTGOING_LIMITS.maxFiles
        ? `more than ${OUTGOING_LIMITS.maxFiles} files`
        : await take(link, absolute, label, options);
    text += markdown.slice(at, link.start);
    if (typeof result === 'string') {
      refused.push(`${label}: ${result}`);
      text += options.words(say('file.notSent', { label, why: recognized(result, 'file.') }));
    } else {
      files.push(result);
      text += options.pending ? options.words(say('file.pending', { label })) : label;
    }
    at = link.end;
  }
  return { text: text + markdown.slice(at), files, refused };
}

/** The copy of the file, or why it does not leave. */
async function take(
  link: FileLink,
  absolute: string,
  label: string,
  options: OutgoingOptions,
): Promise<OutgoingFile | string> {
  if (options.closed !== undefined) return options.closed;
  const real = await realpath(absolute).catch(() => undefined);
  if (real === undefined) return 'there is no such file';
  const confined = await confine(real, options);
  if (typeof confined === 'string') return confined;
  const opened = await readLimited(real);
  if (typeof opened === 'string') return opened;
  const { bytes, changedAt } = opened;
  const kept = await options.whyKept({ real, changedAt, ...confined });
  if (kept !== undefined) return kept;
  const name = safeName(basename(link.path));
  const folder = join(options.sessionFolder, 'sent', randomUUID());
  const path = join(folder, name);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFile(path, bytes, { mode: 0o600, flag: 'wx' });
  } catch {
    return 'there is no room for a copy'; // the answer is worth more than its files
  }
  return {
    label,
    path,
    name,
    mimeType: mimeTypeOf(name),
    source: real,
    bytes: bytes.byteLength,
    sha256: createHash('sha256').update(bytes).digest('hex'),
  };
}

/** In which of the two directories a real path lies, or why it may not leave. */
async function confine(
  real: string,
  options: OutgoingOptions,
): Promise<string | { readonly inSessionFolder: boolean }> {
  const [cwd, session, data] = await Promise.all(
    [options.cwd, options.sessionFolder, options.dataFolder].map((folder) =>
      realpath(folder).catch(() => resolve(folder)),
    ),
  );
  const root = [session, cwd].find((folder) => folder !== undefined && isBelow(folder, real));
  if (root === undefined) return 'it is outside of my directory';
  // The working directory may hold the data directory, or are in it: our own files are known by their names.
  const [first = ''] = data !== undefined && isBelow(data, real) ? relative(data, real).split(sep) : [];
  if (root !== session && /^gateway(?:-|$)/.test(first)) return 'it is outside of my directory';
  const hidden = relative(root, real)
    .split(sep)
    .some((step) => step.startsWith('.'));
  return hidden ? 'it is a hidden file' : { inSessionFolder: root === session };
}

/** The content of a regular file, or why it cannot be sent. The size is that of what was opened. */
async function readLimited(
  path: string,
): Promise<{ readonly bytes: Buffer; readonly changedAt: number } | string> {
  const { maxBytes } = OUTGOING_LIMITS;
  try {
    // Never waits for a pipe, never follows a link that was put there a moment ago.
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const stat = await file.stat();
      if (!stat.isFile()) return 'it is not a file';
      // A directory on its way may have been replaced by a link since its place was judged.
      const judged = (await realpath(path)) === path ? await lstat(path) : undefined;
      if (judged?.ino !== stat.ino || judged.dev !== stat.dev) return 'it was replaced a moment ago';
      if (stat.size > maxBytes) return `it is larger than ${maxBytes / 1024 / 1024} MB`;
      const bytes = await file.readFile();
      if (bytes.byteLength > maxBytes) return `it is larger than ${maxBytes / 1024 / 1024} MB`;
      const after = await file.stat();
      if (after.ctimeMs !== stat.ctimeMs) return 'it is being written right now';
      return { bytes, changedAt: stat.ctimeMs };
    } finally {
      await file.close();
    }
  } catch {
    return 'it cannot be read';
  }
}

function isBelow(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && resolve(folder, way) === path;
}

function safeName(name: string): string {
  return (
    name
      .replace(/[^\p{L}\p{N} ._()-]+/gu, '_')
      .replace(/^\.+/, '')
      .slice(-100)
      .trim() || 'file'
  );
}

const MIME_TYPES: Readonly<Record<string, string>> = {
  '.csv': 'text/csv',
  '.gif': 'image/gif',
  '.htm': 'text/html',
  '.html': 'text/html',
  '.jpeg': 'image/jpeg',
  '.jpg': 'image/jpeg',
  '.json': 'application/json',
  '.md': 'text/markdown',
  '.mp3': 'audio/mpeg',
  '.mp4': 'video/mp4',
  '.ogg': 'audio/ogg',
  '.pdf': 'application/pdf',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain',
  '.wav': 'audio/wav',
  '.webm': 'video/webm',
  '.webp': 'image/webp',
  '.zip': 'application/zip',
};

function mimeTypeOf(name: string): string {
  return MIME_TYPES[extname(name).toLowerCase()] ?? 'application/octet-stream';
}
