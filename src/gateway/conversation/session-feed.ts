import type { Clock } from '../clock.ts';
import type { EventStream } from '../events.ts';
import type { TranscriptEntry } from '../model.ts';
import type { Lane } from './lane.ts';
import { sessionView } from './session-view.ts';
import type { SessionRecord } from './sessions.ts';
import { Transcripts } from './transcripts.ts';

/** What an operator sees of sessions: their rows, and the lines that are said in them. */
export class SessionFeed {
  readonly transcripts = new Transcripts();
  readonly #events: EventStream;
  readonly #clock: Clock;

  constructor(events: EventStream, clock: Clock) {
    this.#events = events;
    this.#clock = clock;
  }

  say(session: SessionRecord, role: TranscriptEntry['role'], text: string): void {
    const entry = { at: this.#clock(), role, text };
    this.transcripts.add(session.id, entry);
    this.#events.emit({ type: 'transcript', sessionId: session.id, entry });
  }

  show(session: SessionRecord, lane: Lane | undefined): void {
    this.#events.emit({ type: 'session', session: sessionView(session, lane) });
  }

  removed(sessionId: string): void {
    this.#events.emit({ type: 'session-removed', id: sessionId });
  }
}
