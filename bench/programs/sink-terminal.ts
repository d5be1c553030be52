/** Streams of a terminal that swallows everything and counts it: measuring the console, not a terminal emulator. */
import { Socket } from 'node:net';

export class SinkOutput extends Socket {
  readonly isTTY = true;
  readonly columns: number;
  readonly rows: number;
  bytes = 0;
  frames = 0;
  #waiting: { readonly sign: string; readonly done: () => void } | undefined;

  constructor(columns: number, rows: number) {
    super();
    this.columns = columns;
    this.rows = rows;
  }

  /** Calls back when a write contains `sign`. */
  expect(sign: string, done: () => void): void {
    this.#waiting = { sign, done };
  }

  override write(chunk: string | Uint8Array, ...rest: readonly unknown[]): boolean {
    const text = typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8');
    this.bytes += Buffer.byteLength(text);
    // End of a synchronised update: one frame.
    if (text.includes('\u001b[?2026l')) this.frames += 1;
    if (this.#waiting !== undefined && text.includes(this.#waiting.sign)) {
      const { done } = this.#waiting;
      this.#waiting = undefined;
      done();
    }
    const callback = rest.find((entry): entry is () => void => typeof entry === 'function');
    if (callback !== undefined) setImmediate(callback);
    return true;
  }
}

export class SinkInput extends Socket {
  readonly isTTY = true;

  /** Nothing connects: the socket's own would wait for that with one more listener after each key. */
  override _read(): void {}

  setRawMode(): this {
    return this;
  }

  override ref(): this {
    return this;
  }

  override unref(): this {
    return this;
  }
}
