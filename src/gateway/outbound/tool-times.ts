import { isDuring, mayWrite } from './own-files.ts';

/** pi says a little later that a tool has begun. */
const LATE_MS = 1000;
/** Older ones are forgotten: they count as not watched. */
const KEPT = 5000;

interface Span {
  readonly sessionId: string;
  readonly startedAt: number;
  endedAt: number;
}

/** When tools that may write files ran, in every session of this gateway since it was started. */
export class ToolTimes {
  readonly #clock: () => number;
  readonly #running = new Map<string, Span>();
  #ended: Span[] = [];
  #since: number;

  constructor(clock: () => number) {
    this.#clock = clock;
    this.#since = clock();
  }

  note(
    sessionId: string,
    event: { readonly type: 'tool_start' | 'tool_end'; readonly id: string; readonly name: string },
  ): void {
    if (!mayWrite(event.name)) return;
    const key = `${sessionId} ${event.id}`;
    if (event.type === 'tool_start') {
      this.#running.set(key, { sessionId, startedAt: this.#clock(), endedAt: Number.POSITIVE_INFINITY });
      return;
    }
    const span = this.#running.get(key);
    if (span === undefined) return;
    this.#running.delete(key);
    this.#keep(span);
  }

  /** Its turn or task is over, and with it every tool, whether it said so or not. */
  ended(sessionId: string): void {
    for (const [key, span] of this.#running)
      if (span.sessionId === sessionId) {
        this.#running.delete(key);
        this.#keep(span);
      }
  }

  /** Did a tool of another session run at that time? Undefined: nobody watched then. */
  othersAt(time: number, sessionId: string): boolean | undefined {
    if (time < this.#since) return undefined;
    return [...this.#running.values(), ...this.#ended].some(
      (span) => span.sessionId !== sessionId && isDuring(time, span.startedAt - LATE_MS, span.endedAt),
    );
  }

  #keep(span: Span): void {
    span.endedAt = this.#clock();
    this.#ended.push(span);
    if (this.#ended.length < KEPT) return;
    const [oldest] = this.#ended.splice(0, KEPT / 2).slice(-1);
    this.#since = oldest?.endedAt ?? this.#since;
    this.#ended = [...this.#ended];
  }
}
