import type { Clock } from '../../base/async.ts';
import type { EventStream } from '../events.ts';
import type { TranscriptEntry } from '../model.ts';
import { type Queue, sessionView } from './session-view.ts';
import type { SessionRecord } from './sessions.ts';

const CHARS_PER_ENTRY = 16_000;

/** What an operator sees of sessions: their rows, and the lines that are said in them. */
export class SessionFeed {
  readonly #events: EventStream;
  readonly #clock: Clock;

  constructor(events: EventStream, clock: Clock) {
    this.#events = events;
    this.#clock = clock;
  }

  now(): number {
    return this.#clock();
  }

  say(
    session: SessionRecord,
    role: TranscriptEntry['role'],
    text: string,
    more: Pick<TranscriptEntry, 'id' | 'name' | 'settles'> = {},
  ): void {
    const cut = text.length > CHARS_PER_ENTRY ? `${text.slice(0, CHARS_PER_ENTRY)}…` : text;
    const entry = { at: this.#clock(), role, text: cut, ...more };
    this.#events.emit({ type: 'transcript', sessionId: session.id, entry });
  }

  show(session: SessionRecord, queue: Queue | undefined): void {
    this.#events.emit({ type: 'session', session: sessionView(session, queue) });
  }

  removed(sessionId: string): void {
    this.#events.emit({ type: 'session-removed', id: sessionId });
  }
}
