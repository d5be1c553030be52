/**
 * A rendered document: visible text plus marks over ranges of it. Markup is added only when a slice is written,
 * so a slice may begin and end anywhere and its markup still opens and closes properly.
 */

/** A span of markup. The object's identity is the span: equal neighbours are still two spans. */
export type Mark =
  | { readonly type: 'bold' | 'italic' | 'strike' | 'quote' }
  | { readonly type: 'heading'; readonly depth: number }
  /** `ticks`: the length of backtick run that encloses it (1 unless the code has backticks itself). */
  | { readonly type: 'code'; readonly ticks: number }
  /** `bare`: the label is the address itself. */
  | { readonly type: 'link'; readonly url: string; readonly bare: boolean }
  | { readonly type: 'pre'; readonly language: string };

/** A stretch of text under the same marks, outermost first. */
export interface Run {
  readonly text: string;
  readonly marks: readonly Mark[];
  /** Markup of its own (a list marker): written unchanged, and never the last thing of a part. */
  readonly raw: boolean;
}

export interface StyledText {
  readonly runs: readonly Run[];
  /** Offset of each run in `text`. */
  readonly starts: readonly number[];
  /** The visible text of all runs. */
  readonly text: string;
  /** Ascending offsets in `text` where one block ends and a part ends best. */
  readonly breaks: readonly number[];
  /** Offsets where a part must not end if it can be helped: behind a heading. */
  readonly keeps: ReadonlySet<number>;
}

/** Index of the run that holds the character at `offset` (the last run for the end of the text). */
export function runAt(doc: StyledText, offset: number): number {
  let low = 0;
  let high = doc.starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((doc.starts[middle] ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** How many marks two runs share, from the outermost on. */
export function sharedMarks(a: readonly Mark[], b: readonly Mark[]): number {
  if (a === b) return a.length;
  let count = 0;
  while (count < a.length && count < b.length && a[count] === b[count]) count += 1;
  return count;
}

export function quoteDepth(marks: readonly Mark[]): number {
  let depth = 0;
  for (const mark of marks) if (mark.type === 'quote') depth += 1;
  return depth;
}

export function isCodeBlock(run: Run | undefined): boolean {
  return run?.marks.at(-1)?.type === 'pre';
}

const BLANK = /\s/;
/** Characters that join the one before them; a blank under one of them is visible. */
const EXTENDS = /^(?:\p{M}|\u200d|\p{Emoji_Modifier})/u;

/** True for white space that may be dropped at a cut. */
export function isBlankAt(text: string, index: number): boolean {
  const code = text.charCodeAt(index);
  if (code === 0x0a) return true;
  if (code !== 0x20 && code !== 0x09 && (!(code > 0x9f) || !BLANK.test(text.charAt(index)))) return false;
  const next = text.charCodeAt(index + 1);
  return !(next > 0x2ff) || !EXTENDS.test(text.slice(index + 1, index + 3));
}
