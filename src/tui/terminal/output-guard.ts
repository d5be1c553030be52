/**
 * Keeps everything but the console off the screen: what libraries print goes to the log pane instead. Ink's own guard
 * catches `console.*` only, and writes what it caught over the frame.
 */
import type { LogLine } from '../../gateway/model.ts';

export type Note = (level: LogLine['level'], source: string, text: string) => void;

/** A line without an end is kept until it gets one; at most this much. UTF-16 units. */
const PARTIAL_LIMIT = 4_000;

type Write = NodeJS.WriteStream['write'];

function guardStream(stream: NodeJS.WriteStream, take: (line: string) => void): () => void {
  const original: Write = stream.write;
  let partial = '';
  const caught = (
    chunk: string | Uint8Array,
    encoding?: BufferEncoding | ((error?: Error | null) => void),
    done?: (error?: Error | null) => void,
  ): boolean => {
    const text = typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8');
    const lines = (partial + text).split(/\r?\n/u);
    partial = (lines.pop() ?? '').slice(-PARTIAL_LIMIT);
    for (const line of lines) if (line.trim() !== '') take(line);
    const finished = typeof encoding === 'function' ? encoding : done;
    if (finished !== undefined) setImmediate(finished);
    return true;
  };
  stream.write = caught;
  return () => {
    if (stream.write === caught) stream.write = original;
    if (partial.trim() !== '') take(partial);
    partial = '';
  };
}

export interface GuardedStream {
  readonly stream: NodeJS.WriteStream;
  /** Named in the log pane: "stdout", "stderr". */
  readonly name: string;
  readonly level: LogLine['level'];
}

/** Returns the function that gives the streams back. */
export function guardOutput(streams: readonly GuardedStream[], note: Note): () => void {
  const releases = streams.map(({ stream, name, level }) =>
    guardStream(stream, (line) => note(level, name, line)),
  );
  return () => {
    for (const release of releases) release();
  };
}
