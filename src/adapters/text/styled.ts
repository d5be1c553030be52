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

/** Marks that stay open over a line break; all others close before it and open again behind it. */
function isContainer(mark: Mark): boolean {
  return mark.type === 'quote' || mark.type === 'pre';
}

/** Collects runs; knows the open marks, the indentation of list items and the gap owed before the next text. */
export class StyledBuilder {
  readonly #runs: Run[] = [];
  readonly #starts: number[] = [];
  readonly #parts: string[] = [];
  readonly #breaks: number[] = [];
  readonly #keeps = new Set<number>();
  #length = 0;
  #marks: readonly Mark[] = [];
  #containers: readonly Mark[] = [];
  #indent = '';
  #gap: { readonly newlines: number; readonly marks: readonly Mark[] } | undefined;
  /** The indentation of a first line that has no text yet. */
  #lead = '';
  #breakOwed = false;
  #last = '';
  #lastMarks: readonly Mark[] = [];
  #lastRaw = false;

  get marks(): readonly Mark[] {
    return this.#marks;
  }

  has(type: Mark['type']): boolean {
    return this.#marks.some((mark) => mark.type === type);
  }

  /** Visible text under the open marks. A line break closes inline marks and repeats the indentation. */
  text(value: string): void {
    if (value === '') return;
    if (this.#containers === this.#marks || !value.includes('\n')) {
      this.#emit(
        this.#indent === '' ? value : value.replaceAll('\n', `\n${this.#indent}`),
        this.#marks,
        false,
      );
      return;
    }
    let start = 0;
    for (let at = value.indexOf('\n'); at >= 0; at = value.indexOf('\n', start)) {
      if (at > start) this.#emit(value.slice(start, at), this.#marks, false);
      this.#emit(`\n${this.#indent}`, this.#containers, false);
      start = at + 1;
    }
    if (start < value.length) this.#emit(value.slice(start), this.#marks, false);
  }

  /** Text that is markup already, such as a list marker; on one line. */
  raw(value: string): void {
    if (value !== '') this.#emit(value, this.#marks, true);
  }

  /** Runs `body` with `mark` open. */
  within(mark: Mark, body: () => void): void {
    const marks = this.#marks;
    const containers = this.#containers;
    this.#marks = [...marks, mark];
    if (isContainer(mark)) this.#containers = this.#marks;
    body();
    this.#marks = marks;
    this.#containers = containers;
  }

  /** Runs `body` with only `mark` inside the containers: no other inline mark around it. */
  alone(mark: Mark, body: () => void): void {
    const marks = this.#marks;
    this.#marks = this.#containers;
    this.within(mark, body);
    this.#marks = marks;
  }

  /** Runs `body` with every further line indented by `indent` more. */
  indented(indent: string, body: () => void): void {
    const before = this.#indent;
    this.#indent += indent;
    body();
    this.#indent = before;
  }

  /** The same for a block that begins on the line that is being written, and that is indented as well. */
  indentedFrom(indent: string, body: () => void): void {
    this.#lead += indent;
    this.indented(indent, body);
    this.#lead = '';
  }

  /** Runs `body` without indentation: code keeps its own, and markers of quotes stand at the start of a line. */
  unindented(body: () => void): void {
    const before = this.#indent;
    this.#indent = '';
    this.#lead = '';
    body();
    this.#indent = before;
  }

  /** At least `newlines` line breaks before the next text, none at the very start or end. */
  gap(newlines: number): void {
    const owed = this.#gap;
    // Of two gaps with nothing between them the outer one counts, at the width of the wider.
    const marks =
      owed !== undefined && owed.marks.length < this.#containers.length ? owed.marks : this.#containers;
    this.#gap = { newlines: Math.max(newlines, owed?.newlines ?? 0), marks };
  }

  /** The next text begins a line of its own. */
  freshLine(): void {
    if (this.#gap === undefined && this.#length > 0 && !this.#last.endsWith('\n')) this.gap(1);
  }

  /** The text so far ends a block: a good place for a part to end. */
  breakHere(): void {
    this.#breakOwed = true;
  }

  /** No part should end here (behind a heading). */
  keepWithNext(): void {
    this.#breakOwed = false;
    this.#keeps.add(this.#length);
  }

  build(): StyledText {
    this.#flushRun();
    return {
      runs: this.#runs,
      starts: this.#starts,
      text: this.#parts.join(''),
      breaks: this.#breaks,
      keeps: this.#keeps,
    };
  }

  #emit(value: string, marks: readonly Mark[], raw: boolean): void {
    const gap = this.#gap;
    const lead = this.#lead;
    this.#gap = undefined;
    this.#lead = '';
    if (this.#length > 0) {
      if (this.#breakOwed && this.#breaks.at(-1) !== this.#length) this.#breaks.push(this.#length);
      // The indentation of a first line belongs inside a quote that begins with it.
      const indent = lead === '' ? this.#indent : this.#indent.slice(0, -lead.length);
      if (gap !== undefined) this.#append('\n'.repeat(gap.newlines) + indent, gap.marks, false);
    }
    if (lead !== '') this.#append(lead, this.#containers, false);
    this.#breakOwed = false;
    this.#append(value, marks, raw);
  }

  #append(value: string, marks: readonly Mark[], raw: boolean): void {
    if (this.#last !== '' && marks === this.#lastMarks && raw === this.#lastRaw && !raw) {
      this.#last += value;
    } else {
      this.#flushRun();
      this.#last = value;
      this.#lastMarks = marks;
      this.#lastRaw = raw;
    }
    this.#length += value.length;
  }

  #flushRun(): void {
    if (this.#last === '') return;
    this.#starts.push(this.#length - this.#last.length);
    this.#runs.push({ text: this.#last, marks: this.#lastMarks, raw: this.#lastRaw });
    this.#parts.push(this.#last);
    this.#last = '';
  }
}
