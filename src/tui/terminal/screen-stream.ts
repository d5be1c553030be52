/**
 * The stream Ink writes to: the real terminal behind a switch. When the terminal is gone nothing is written any more
 * (each write would raise EIO), and the real `write` is used even while the process's own stream is guarded.
 */
import { EventEmitter } from 'node:events';
import { withClusters } from '../draw/placeholders.ts';

type Done = (error?: Error | null) => void;

const ESCAPE_SEQUENCE = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[ -/]*[0-~])/gu;

export class ScreenStream extends EventEmitter implements NodeJS.WritableStream {
  readonly #real: NodeJS.WriteStream;
  readonly #write: NodeJS.WriteStream['write'];
  readonly #plain: boolean;
  readonly #onResize = (): void => {
    this.emit('resize');
  };
  #lost = false;

  /** With `plain`, escape sequences are taken out: for terminals that know none. */
  constructor(real: NodeJS.WriteStream, plain = false) {
    super();
    this.#real = real;
    this.#write = real.write.bind(real);
    this.#plain = plain;
    real.on('resize', this.#onResize);
  }

  get isTTY(): boolean {
    return this.#real.isTTY === true;
  }

  get columns(): number {
    return this.#real.columns > 0 ? this.#real.columns : 80;
  }

  get rows(): number {
    return this.#real.rows > 0 ? this.#real.rows : 24;
  }

  get writable(): boolean {
    return !this.#lost && this.#real.writable;
  }

  get destroyed(): boolean {
    return this.#lost || this.#real.destroyed;
  }

  get writableEnded(): boolean {
    return this.#real.writableEnded;
  }

  write(chunk: string | Uint8Array, encoding?: BufferEncoding | Done, done?: Done): boolean {
    const finished = typeof encoding === 'function' ? encoding : done;
    if (this.#lost || this.#real.destroyed || this.#real.writableEnded) {
      if (finished !== undefined) setImmediate(finished);
      return true;
    }
    const text = typeof chunk === 'string' ? this.#terminalText(chunk) : chunk;
    return finished === undefined ? this.#write(text) : this.#write(text, finished);
  }

  #terminalText(chunk: string): string {
    return withClusters(this.#plain ? chunk.replace(ESCAPE_SEQUENCE, '') : chunk);
  }

  /** The terminal stays open for anyone who comes next. */
  end(): this {
    return this;
  }

  /** The terminal is gone: from now on writes vanish. */
  lose(): void {
    this.#lost = true;
  }

  release(): void {
    this.#real.off('resize', this.#onResize);
  }
}
