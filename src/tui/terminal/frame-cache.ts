/**
 * Makes a frame of Ink cost what changed in it. Ink 8 tokenizes, measures and paints every row of every frame anew. The
 * build wraps four of its modules with what is here (scripts/ink-frame-cache.ts), so that a row which Ink has painted
 * before is taken as it was. Without the build everything works as well, only slower.
 */

/** Rows kept; a screen has some dozens, a list that scrolls some hundreds. */
const MOST = 2_000;

/** `compute`, which depends on its text alone, remembering the results of the last texts. */
export function memoized<Result>(compute: (text: string) => Result): (text: string) => Result {
  let recent = new Map<string, Result>();
  let older = new Map<string, Result>();
  return (text) => {
    let result = recent.get(text);
    if (result !== undefined) return result;
    result = older.get(text) ?? compute(text);
    if (recent.size >= MOST) {
      older = recent;
      recent = new Map();
    }
    recent.set(text, result);
    return result;
  };
}

/** Characters that take one column each, whatever stands beside them: ASCII, Latin letters, boxes, blocks, our glyphs. */
const NARROW = /^[ -~¡-¬®-ɏ–—‘’“”•…←-↓─-▟●○◌▸✓✕]*$/;

/** `width`, answered at once for text of narrow characters only. */
export function withNarrowText(width: (text: string) => number): (text: string) => number {
  return (text) => (NARROW.test(text) ? text.length : width(text));
}

type Transformer = (line: string, index: number) => string;

interface Write {
  readonly x: number;
  readonly y: number;
  readonly text: string;
  readonly transformers: readonly Transformer[];
}

interface Painted {
  readonly output: string;
  readonly height: number;
}

/** Ink's own class: writes are collected, then painted cell by cell. */
export interface InkOutput {
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
      if (text === '' || this.#rows === undefined) return;
      const simple =
        x === 0 && Number.isInteger(y) && y >= 0 && !text.includes('\n') && this.#rows[y] === undefined;
      if (simple) this.#rows[y] = { x, y, text, transformers: options.transformers };
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
        return paint(write.transformers.reduce((line, transform) => transform(line, 0), plain(write.text)));
      });
      return { output: lines.join('\n'), height: lines.length };
    }
  };
}
