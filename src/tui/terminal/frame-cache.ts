/**
 * Makes a frame of Ink cost what changed in it. Ink 8 tokenizes, measures and paints every row of every frame again.
 * The build wraps six of its modules with what is here (scripts/ink-frame-cache.ts), so that a row which Ink has
 * painted before is taken as it was, and only changed cells are written. Without the build everything works as well,
 * only slower.
 */

import { cellWidth, FILLER, NARROW } from '../draw/cells.ts';

/** Rows kept, twice; a screen has some dozens, a list that scrolls some hundreds. */
const MOST = 500;

/** Two generations: what was not used since the last change is forgotten. */
class Recent<Value> {
  #recent = new Map<string, Value>();
  #older = new Map<string, Value>();

  get(text: string): Value | undefined {
    const recent = this.#recent.get(text);
    if (recent !== undefined) return recent;
    const older = this.#older.get(text);
    // What stays on the screen is in use, whatever else comes and goes.
    if (older !== undefined) this.set(text, older);
    return older;
  }

  set(text: string, value: Value): void {
    if (this.#recent.size >= MOST) {
      this.#older = this.#recent;
      this.#recent = new Map();
    }
    this.#recent.set(text, value);
  }
}

/** Rows that the console has painted, with their cells. */
const paintedRows = new Recent<number>();

/**
 * Tells of a whole row of the screen: it takes `cells`, and it is written as Ink itself would write it (`draw/theme.ts`). Ink
 * then neither measures it nor takes it apart.
 */
export function painted(row: string, cells: number): string {
  paintedRows.set(row, cells);
  return row;
}

/** Cells of a row that the console has painted. */
export function paintedCells(row: string): number | undefined {
  return paintedRows.get(row);
}

/** A whole screen that the console has painted. */
interface PaintedScreen {
  readonly text: string;
  readonly rows: readonly string[];
  readonly cells: number;
}

/** Ink asks for the one that it draws, and for the one before while a frame is discarded; the newest comes first. */
let screens: readonly PaintedScreen[] = [];
const SCREENS_KEPT = 3;

/**
 * Tells of a screen: rows as in `painted`, one under the other. Ink gets it as one text, so that neither React nor the
 * layout has to visit rows. The same rows give the same text.
 */
export function paintedScreen(rows: readonly string[], cells: number): string {
  const before = screens[0];
  for (const [at, row] of rows.entries()) if (row !== before?.rows[at]) painted(row, cells);
  const screen: PaintedScreen = { text: rows.join('\n'), rows, cells };
  screens = [screen, ...screens.slice(0, SCREENS_KEPT - 1)];
  return screen.text;
}

function screenOf(text: string): PaintedScreen | undefined {
  return screens.find((screen) => screen.text === text);
}

/** What the console has painted as a whole: its widest row and its number of rows. */
function paintedSize(text: string): Dimensions | undefined {
  const screen = screenOf(text);
  if (screen !== undefined) return { width: screen.cells, height: screen.rows.length };
  const width = paintedRows.get(text);
  return width === undefined ? undefined : { width, height: 1 };
}

/** `compute`, which depends on its text alone, remembering the results of the last texts. */
export function memoized<Result>(compute: (text: string) => Result): (text: string) => Result {
  const results = new Recent<{ readonly value: Result }>();
  return (text) => {
    const known = results.get(text);
    if (known !== undefined) return known.value;
    const value = compute(text);
    results.set(text, { value });
    return value;
  };
}

/**
 * Ink's `sanitizeAnsi`: what the console has painted is clean.
 * @public For the build: scripts/ink-frame-cache.ts.
 */
export function withPaintedText(sanitize: (text: string) => string): (text: string) => string {
  const clean = memoized(sanitize);
  return (text) => (paintedSize(text) === undefined ? clean(text) : text);
}

/**
 * `widest-line` for rows whose cells are known.
 * @public For the build: scripts/ink-frame-cache.ts.
 */
export function withPaintedWidths(widest: (text: string) => number): (text: string) => number {
  const measure = memoized(widest);
  return (text) => paintedSize(text)?.width ?? measure(text);
}

interface Dimensions {
  readonly width: number;
  readonly height: number;
}

/**
 * Ink's `measureText`, which would keep thousands of rows.
 * @public For the build: scripts/ink-frame-cache.ts.
 */
export function withPaintedSizes(measure: (text: string) => Dimensions): (text: string) => Dimensions {
  return (text) => paintedSize(text) ?? measure(text);
}

/** `width`, answered at once for text of narrow characters only. */
export function withNarrowText(width: (text: string) => number): (text: string) => number {
  return (text) => (NARROW.test(text) ? text.length : width(text));
}

type Transformer = (line: string, index: number) => string;

interface Write {
  readonly x: number;
  readonly y: number;
  readonly text: string;
  /** Its place in the text that was written. */
  readonly index: number;
  readonly transformers: readonly Transformer[];
}

interface Painted {
  readonly output: string;
  readonly height: number;
}

/** Ink's own class: writes are collected, then painted cell by cell. */
interface InkOutput {
  write(x: number, y: number, text: string, options: { readonly transformers: readonly Transformer[] }): void;
  clip(clip: unknown): void;
  unclip(): void;
  get(): Painted;
}
export type InkOutputClass = new (size: { readonly width: number; readonly height: number }) => InkOutput;

/** `Original` with rows remembered: the same result for every sequence of calls. */
export function withRowCache(Original: InkOutputClass): InkOutputClass {
  const painters = new Map<number, (text: string) => string>();
  const plain = memoized((text) => {
    // What Ink hands to a transformer: the text with its styles in their shortest form.
    let seen = '';
    const probe = new Original({ width: 0, height: 1 });
    probe.write(0, 0, text, {
      transformers: [
        (line) => {
          seen = line;
          return '';
        },
      ],
    });
    probe.get();
    return seen;
  });
  /** The painter of whole rows of one width. */
  const painterOf = (width: number): ((text: string) => string) => {
    let painter = painters.get(width);
    if (painter === undefined) {
      if (painters.size >= 4) painters.clear(); // sizes of a terminal that is being resized
      painter = memoized((text) => {
        const row = new Original({ width, height: 1 });
        row.write(0, 0, text, { transformers: [] });
        return row.get().output;
      });
      painters.set(width, painter);
    }
    return painter;
  };

  return class CachedOutput extends Original {
    readonly #width: number;
    readonly #height: number;
    /** One write for each row at most; undefined when a row has more, or something is clipped. */
    #rows: (Write | undefined)[] | undefined = [];

    constructor(size: { readonly width: number; readonly height: number }) {
      super(size);
      this.#width = size.width;
      this.#height = size.height;
    }

    override write(
      x: number,
      y: number,
      text: string,
      options: { transformers: readonly Transformer[] },
    ): void {
      super.write(x, y, text, options);
      if (text === '') return;
      const lines = screenOf(text)?.rows ?? [text];
      for (const [index, line] of lines.entries())
        this.#row({ x, y: y + index, text: line, index, transformers: options.transformers });
    }

    #row(write: Write): void {
      const { x, y, text } = write;
      if (this.#rows === undefined) return;
      const simple =
        x === 0 && Number.isInteger(y) && y >= 0 && !text.includes('\n') && this.#rows[y] === undefined;
      if (simple) this.#rows[y] = write;
      else this.#rows = undefined;
    }

    override clip(clip: unknown): void {
      super.clip(clip);
      this.#rows = undefined;
    }

    override get(): Painted {
      const rows = this.#rows;
      if (rows === undefined) return super.get();
      const paint = painterOf(this.#width);
      const lines = Array.from({ length: this.#height }, (_, y) => {
        const write = rows[y];
        if (write === undefined) return '';
        const { text, index, transformers } = write;
        const known = paintedRows.get(text);
        const line = transformers.reduce(
          (before, transform) => transform(before, index),
          known === undefined ? plain(text) : text,
        );
        return known === this.#width && line === text ? text.trimEnd() : paint(line);
      });
      return { output: lines.join('\n'), height: lines.length };
    }
  };
}

const ESC = '\u001b';
const SGR = /\u001b\[[\d;]*m/gu;
const LOW_SURROGATE = /^[\udc00-\udfff]/u;

type LineUpdate = (previous: string, next: string, columns: number | undefined) => string;

/** `original` for everything but two rows that the console has painted over the whole width. */
export function withRowUpdates(original: LineUpdate): LineUpdate {
  return (previous, next, columns) => {
    const whole =
      columns !== undefined && paintedCells(previous) === columns && paintedCells(next) === columns;
    return (whole ? rowUpdate(previous, next, columns) : undefined) ?? original(previous, next, columns);
  };
}

/**
 * Writes of a changed row only the cells that changed. Ink writes from the first one to the end of the line: with a
 * page next to the lists that would be the whole page again for every row of the list. Undefined where the rows have
 * too little in common.
 */
export function rowUpdate(previous: string, next: string, columns: number): string | undefined {
  const from = startOfChange(previous, next);
  const kept = commonEnd(previous, next, from);
  const end = next.length - kept;
  const before = activeAfter([], next, 0, from);
  const after = kept === 0 ? [] : activeAfter(before, next, from, end);
  // What stays at the right must have the attributes that it had.
  if (kept > 0 && written(after) !== written(activeAfter(before, previous, from, previous.length - kept)))
    return undefined;
  const column = cellWidth(next.slice(0, from).replaceAll(SGR, ''));
  if (column >= columns) return undefined;
  const change = written(before) + next.slice(from, end);
  return `${ESC}[${column + 1}G${change}${after.length === 0 ? '' : `${ESC}[0m`}`;
}

/**
 * The greatest length up to `most` that is the same. Whole texts are compared instead of characters: on a quiet console
 * this code runs too seldom to be compiled, and a loop over some hundred characters was a tenth of a frame.
 */
function longest(most: number, isSame: (length: number) => boolean): number {
  let low = 0;
  let high = most;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (isSame(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Where the rows begin to differ: not within a sequence, and not within a character. */
function startOfChange(previous: string, next: string): number {
  const most = Math.min(previous.length, next.length);
  let at = longest(most, (length) => previous.startsWith(next.slice(0, length)));
  const sequence = next.lastIndexOf(ESC, at - 1);
  if (sequence >= 0 && !next.slice(sequence, at).includes('m')) at = sequence;
  while (at > 0 && isInside(previous, next, at)) at -= 1;
  return at;
}

function isInside(previous: string, next: string, at: number): boolean {
  const [a, b] = [previous[at] ?? '', next[at] ?? ''];
  return a === FILLER || b === FILLER || LOW_SURROGATE.test(a) || LOW_SURROGATE.test(b);
}

/** How many characters at the end are the same; begins with a whole character outside of sequences. */
function commonEnd(previous: string, next: string, from: number): number {
  const most = Math.min(previous.length, next.length) - from;
  let kept = longest(most, (length) => previous.endsWith(next.slice(next.length - length)));
  for (;;) {
    const first = next[next.length - kept] ?? '';
    if (kept === 0) return 0;
    const cut = Math.max(
      cutSequence(previous, previous.length - kept),
      cutSequence(next, next.length - kept),
    );
    if (cut > 0) kept -= Math.min(kept, cut);
    else if (first === FILLER || LOW_SURROGATE.test(first)) kept -= 1;
    else return kept;
  }
}

/** How far the sequence goes on that began before `at`; 0 outside of one. */
function cutSequence(row: string, at: number): number {
  const sequence = row.lastIndexOf(ESC, at - 1);
  if (sequence < 0) return 0;
  const end = row.indexOf('m', sequence);
  return end >= at ? end + 1 - at : 0;
}

/** An attribute that is on: its code, and the code that ends it. */
interface Attribute {
  readonly code: string;
  readonly ends: string;
}

function written(attributes: readonly Attribute[]): string {
  return attributes.map(({ code }) => `${ESC}[${code}m`).join('');
}

/** The attributes that are on after a part of a row. */
function activeAfter(on: readonly Attribute[], row: string, from: number, to: number): readonly Attribute[] {
  let active = on;
  for (let at = row.indexOf(ESC, from); at >= 0 && at < to; at = row.indexOf(ESC, at + 1)) {
    const code = row.slice(at + 2, row.indexOf('m', at));
    if (code === '' || code === '0') active = [];
    else if (ENDS.has(code)) active = active.filter(({ ends }) => ends !== code);
    else {
      const ends = endOf(code);
      // Bold and dim share their end and can be on together.
      const others = active.filter((each) => (ends === '22' ? each.code !== code : each.ends !== ends));
      active = [...others, { code, ends }];
    }
  }
  return active;
}

const ENDS: ReadonlySet<string> = new Set(['22', '24', '27', '39', '49']);

function endOf(code: string): string {
  if (code === '1' || code === '2') return '22';
  if (code === '4') return '24';
  if (code === '7') return '27';
  return /^(?:4\d|10\d)(?:;|$)/u.test(code) ? '49' : '39';
}
