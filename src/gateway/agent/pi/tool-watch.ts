import type { PiLink } from './link.ts';
import { type PiRecord, stringAt } from './record.ts';

/**
 * A tool may work for long without a word. While one is at work pi is asked now and then whether it still reacts; each
 * answer is a sign of life. A pi that hangs, or whose machine is gone, gives none.
 */
export class ToolWatch {
  readonly #link: PiLink;
  readonly #everyMs: number;
  readonly #alive: () => void;
  readonly #running = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #asking = false;

  constructor(link: PiLink, everyMs: number, alive: () => void) {
    this.#link = link;
    this.#everyMs = everyMs;
    this.#alive = alive;
  }

  take(record: PiRecord): void {
    const id = stringAt(record, 'toolCallId') ?? '';
    if (record.type === 'tool_execution_start') this.#running.add(id);
    else if (record.type === 'tool_execution_end') this.#running.delete(id);
    else return;
    if (this.#running.size === 0) this.close();
    else this.#timer ??= setInterval(() => void this.#ask(), this.#everyMs).unref();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  async #ask(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    try {
      await this.#link.request({ type: 'get_state' });
      if (this.#timer !== undefined) this.#alive();
    } catch {
      // No sign of life; who owns the link hears why.
    } finally {
      this.#asking = false;
    }
  }
}
