import type { Clock } from '../../base/clock.ts';
import { ownText } from '../../base/own-text.ts';
import type { EventStream } from '../events.ts';
import type { TranscriptEntry } from '../model.ts';
import type { Lane } from '../turns/lane.ts';
import { sessionView } from './session-view.ts';
import type { SessionRecord } from './sessions.ts';

const ENTRIES_PER_SESSION = 200;
const SESSIONS_KEPT = 200;
const CHARS_PER_ENTRY = 16_000;
const CHARS_PER_SESSION = 400_000;
/** Of all sessions together: the sessions that were used least lately give way. */
const CHARS_KEPT = 4_000_000;

interface Kept {
  readonly entries: TranscriptEntry[];
  chars: number;
}

/** The recent lines of recent sessions, for the console. The full record is the agent's own session file. */
export class Transcripts {
  readonly #bySession = new Map<string, Kept>();
  #chars = 0;

  add(sessionId: string, { text, ...entry }: TranscriptEntry): void {
    const kept = this.#bySession.get(sessionId) ?? { entries: [], chars: 0 };
    this.#bySession.delete(sessionId); // re-inserted below: the map's order is the order of last use
    this.#bySession.set(sessionId, kept);
    const line = ownText(text.length > CHARS_PER_ENTRY ? `${text.slice(0, CHARS_PER_ENTRY)}…` : text);
    kept.entries.push({ ...entry, text: line });
    this.#count(kept, line.length);
    while (kept.entries.length > ENTRIES_PER_SESSION || kept.chars > CHARS_PER_SESSION)
      this.#count(kept, -(kept.entries.shift()?.text.length ?? 0));
    for (const [oldest, { chars }] of this.#bySession) {
      if (this.#bySession.size <= SESSIONS_KEPT && this.#chars <= CHARS_KEPT) break;
      this.#bySession.delete(oldest);
      this.#chars -= chars;
    }
  }

  last(sessionId: string, limit: number): readonly TranscriptEntry[] {
    return (this.#bySession.get(sessionId)?.entries ?? []).slice(-limit);
  }

  #count(kept: Kept, chars: number): void {
    kept.chars += chars;
    this.#chars += chars;
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
