/**
 * How the place where pi runs and the gateway talk about session files: as questions of an `input` dialog, which every
 * way of running pi carries already. The title tells them from the dialogs of extensions.
 */
import { isObject } from '../../gateway/agent/pi-files.ts';
import { type CopyFacts, type FileChunk, isCopyName } from '../../store/session-copies.ts';

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

/** Undefined for anything that is not sent. */
export function readFilesRequest(text: string): FilesRequest | undefined {
  const { type, from, problem, name, chunk } = parsed(text);
  const why = typeof problem === 'string' ? { problem } : {};
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
  if (bytes.length > CHUNK_BYTES) return undefined;
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
