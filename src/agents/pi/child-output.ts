import { ownText } from '../../base/text.ts';

/** Keeps the last part of a stream of text, so that a noisy child cannot fill the memory. */
export class Tail {
  readonly #maxChars: number;
  #text = '';

  constructor(maxChars = 8192) {
    this.#maxChars = maxChars;
  }

  add(text: string): void {
    this.#text = ownText((this.#text + text).slice(-this.#maxChars));
  }

  toString(): string {
    return this.#text;
  }
}

const ANSI = /\u001b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|.)/g;
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]+/g;

/** Text of a program on one clean line of at most `maxChars`, fit for a hint or a log. */
export function oneLine(text: string, maxChars = 300): string {
  const clean = text.replace(ANSI, '').replace(CONTROL, ' ').replace(/ {2,}/g, ' ').trim().toWellFormed();
  return clean.length <= maxChars ? clean : `${clean.slice(0, maxChars - 1).toWellFormed()}…`;
}

/**
 * The line of an error output that says what went wrong: the first that looks like an error (what follows is usually
 * a stack), else the last.
 */
export function tellingLine(stderr: string): string {
  const lines = stderr
    .split('\n')
    .map((line) => oneLine(line))
    .filter((line) => line !== '' && !/^(at |Node\.js v)/.test(line));
  return lines.find((line) => /error|cannot|not found|no such/i.test(line)) ?? lines.at(-1) ?? '';
}

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
