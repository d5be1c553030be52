import type { Clock } from '../../base/clock.ts';
import type { EventStream } from '../events.ts';
import type { TranscriptEntry } from '../model.ts';
import type { Lane } from '../turns/lane.ts';
import { sessionView } from './session-view.ts';
import type { SessionRecord } from './sessions.ts';

const ENTRIES_PER_SESSION = 200;
const SESSIONS_KEPT = 200;
const CHARS_PER_ENTRY = 16_000;

/** The recent lines of recent sessions, for the console. The full record is the agent's own session file. */
export class Transcripts {
  readonly #bySession = new Map<string, TranscriptEntry[]>();

  add(sessionId: string, entry: TranscriptEntry): void {
    const entries = this.#bySession.get(sessionId) ?? [];
    this.#bySession.delete(sessionId); // re-inserted below: the map's order is the order of last use
    entries.push(
      entry.text.length > CHARS_PER_ENTRY
        ? { ...entry, text: `${entry.text.slice(0, CHARS_PER_ENTRY)}…` }
        : entry,
    );
    if (entries.length > ENTRIES_PER_SESSION) entries.shift();
    this.#bySession.set(sessionId, entries);
    if (this.#bySession.size > SESSIONS_KEPT)
      for (const oldest of this.#bySession.keys()) {
        this.#bySession.delete(oldest);
        break;
      }
  }

  last(sessionId: string, limit: number): readonly TranscriptEntry[] {
    return (this.#bySession.get(sessionId) ?? []).slice(-limit);
  }
}

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
