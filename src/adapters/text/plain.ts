import type { Part } from '../../gateway/adapter.ts';
import { chunkText } from './chunk.ts';
import type { TextUnit } from './measure.ts';

export interface PlainOptions {
  /** Largest part, in `unit`. */
  readonly limit: number;
  readonly unit: TextUnit;
  /** CR and LF become spaces and no part starts with `/`, `\` or `.` (Twitch). */
  readonly singleLine: boolean;
}

/** Markdown to text without markup. */
export function formatPlain(markdown: string, options: PlainOptions): readonly Part[] {
  const text = options.singleLine ? markdown.replace(/\s+/g, ' ') : markdown;
  return chunkText(text, options.limit - 1, options.unit).map((piece) => {
    const plain = options.singleLine && /^[/\\.]/.test(piece) ? ` ${piece}` : piece;
    return { text: plain, plain };
  });
}
