/** What the last frame showed. An act is taken only on what could be read at that moment. */
import type { ListId } from '../lists/list.ts';
import type { Mode } from './view.ts';

export class Drawn {
  readonly #rows = new Map<ListId, Set<string>>();
  /** Tool calls whose text was on the screen to its end. */
  readonly #read = new Set<string>();
  #sheet: string | undefined;
  #front: Mode | undefined;
  #begun = false;

  /** False where nothing is drawn: the linear mode speaks what it offers. */
  get begun(): boolean {
    return this.#begun;
  }

  /** A frame begins; what the one before showed counts no more. */
  begin(): void {
    this.#begun = true;
    this.#rows.clear();
    this.#sheet = undefined;
    this.#front = undefined;
  }

  /** A row was drawn with all its lines. */
  row(list: ListId, key: string): void {
    const keys = this.#rows.get(list) ?? new Set<string>();
    this.#rows.set(list, keys.add(key));
  }

  sheet(subject: string): void {
    this.#sheet = subject;
  }

  front(mode: Mode): void {
    this.#front = mode;
  }

  /** A call was drawn to its end; `hash` tells one from another. */
  read(hash: string): void {
    this.#read.add(hash);
  }

  hasRow(list: ListId, key: string): boolean {
    return !this.#begun || this.#rows.get(list)?.has(key) === true;
  }

  hasSheet(subject: string): boolean {
    return !this.#begun || this.#sheet === subject;
  }

  hasFront(mode: Mode): boolean {
    if (!this.#begun) return true;
    const front = this.#front;
    // Keys that arrive together change a field before it is drawn again: it is the same prompt.
    if (mode.kind === 'text') return front?.kind === 'text' && front.submit === mode.submit;
    if (mode.kind === 'dialog') return front?.kind === 'dialog' && front.confirmed === mode.confirmed;
    return front?.kind === mode.kind;
  }

  hasRead(hash: string): boolean {
    return !this.#begun || this.#read.has(hash);
  }
}
