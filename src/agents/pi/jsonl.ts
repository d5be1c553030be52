const LF = 0x0a;

/** The longest line that is taken; a longer one means that the peer has lost its way. */
const MAX_LINE_BYTES = 16 * 1024 * 1024;

/**
 * Splits a byte stream into lines on LF only. Bytes are joined before they are decoded, so characters that arrive in
 * two chunks stay whole, and U+2028, which is legal inside JSON strings, is no border.
 */
export class LineSplitter {
  readonly #onLine: (line: string) => void;
  readonly #onOversize: () => void;
  readonly #maxBytes: number;
  #parts: Buffer[] = [];
  #length = 0;
  #closed = false;

  /** `onOversize` is called once; nothing is reported after it. */
  constructor(onLine: (line: string) => void, onOversize: () => void, maxBytes = MAX_LINE_BYTES) {
    this.#onLine = onLine;
    this.#onOversize = onOversize;
    this.#maxBytes = maxBytes;
  }

  push(chunk: Buffer): void {
    let from = 0;
    while (!this.#closed) {
      const end = chunk.indexOf(LF, from);
      const part = chunk.subarray(from, end < 0 ? chunk.length : end);
      this.#parts.push(part);
      this.#length += part.length;
      if (this.#length > this.#maxBytes) {
        this.#closed = true;
        this.#parts = [];
        this.#onOversize();
        return;
      }
      if (end < 0) return;
      this.#emit();
      from = end + 1;
    }
  }

  #emit(): void {
    const line = this.#parts.length === 1 ? this.#parts[0] : Buffer.concat(this.#parts, this.#length);
    this.#parts = [];
    this.#length = 0;
    if (line !== undefined && line.length > 0) this.#onLine(line.toString('utf8'));
  }
}
