import type { Attachment } from '../../gateway/model.ts';
import { type Fields, fieldsOf, numberOf, textOf } from './fields.ts';

/** What `Attachment.ref` holds: enough to fetch the bytes after a restart. */
export interface FileRef {
  readonly id: string;
  /** Absent where Slack wants `files.info` to be asked first (files of other organisations). */
  readonly url?: string;
}

/** A file object of an event; undefined for what cannot be downloaded (deleted, hidden by a limit). */
export function attachmentOf(file: Fields): Attachment | undefined {
  const id = textOf(file, 'id');
  const mode = textOf(file, 'mode');
  if (id === undefined || mode === 'tombstone' || mode === 'hidden_by_limit') return undefined;
  const mimeType = textOf(file, 'mimetype') ?? 'application/octet-stream';
  const url = urlOf(file);
  const sizeBytes = numberOf(file, 'size');
  const ref: FileRef = { id, ...(url === undefined ? {} : { url }) };
  return {
    kind: kindOf(mimeType),
    name: textOf(file, 'name') ?? textOf(file, 'title') ?? id,
    mimeType,
    ...(sizeBytes === undefined ? {} : { sizeBytes }),
    ref: JSON.stringify(ref),
  };
}

export function urlOf(file: Fields): string | undefined {
  return textOf(file, 'url_private_download') ?? textOf(file, 'url_private');
}

/** Undefined for a text that is not a reference made by `attachmentOf`. */
export function readRef(ref: string): FileRef | undefined {
  try {
    const fields = fieldsOf(JSON.parse(ref));
    const id = textOf(fields, 'id');
    const url = textOf(fields, 'url');
    return id === undefined ? undefined : { id, ...(url === undefined ? {} : { url }) };
  } catch {
    // Not JSON, so not ours: the caller says so.
    return undefined;
  }
}

function kindOf(mimeType: string): Attachment['kind'] {
  const family = mimeType.split('/')[0];
  return family === 'image' || family === 'audio' || family === 'video' ? family : 'file';
}
