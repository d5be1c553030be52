/** The live transcript of one session: what was said before, what is said now, and the answer under way. */
import type { TranscriptEntry } from '../../gateway/model.ts';
import type { Operator, OperatorEvent, TurnEvent } from '../../gateway/operator/operator.ts';
import { clean } from '../draw/cells.ts';
import { Ring } from './ring.ts';

export interface TranscriptSlice {
  readonly sessionId: string;
  readonly entries: readonly TranscriptEntry[];
  /** Number of entries forgotten in front. */
  readonly first: number;
  /** The answer as far as it is streamed, empty between turns. */
  readonly live: string;
  /** What the agent does right now, one phrase. */
  readonly activity: string;
  readonly loading: boolean;
  readonly error?: string;
}

const CAPACITY = 2_000;
/** The end of a streamed answer that is kept until its entry arrives. UTF-16 units. */
const LIVE_LIMIT = 20_000;

export class TranscriptFeed {
  readonly #operator: Operator;
  readonly #changed: () => void;
  #sessionId: string | undefined;
  #unsubscribe: (() => void) | undefined;
  #entries = new Ring<TranscriptEntry>(CAPACITY);
  #early: TranscriptEntry[] = [];
  #live = '';
  #activity = '';
  #loading = false;
  #error: string | undefined;
  #slice: TranscriptSlice | undefined;

  /** `changed` is called when the slice differs from the one read before. */
  constructor(operator: Operator, changed: () => void) {
    this.#operator = operator;
    this.#changed = changed;
  }

  /** Follows a session; the one followed before is let go. */
  open(sessionId: string): void {
    if (this.#sessionId === sessionId) return;
    this.close();
    this.#sessionId = sessionId;
    this.#loading = true;
    this.#unsubscribe = this.#operator.subscribe((event) => this.#fold(event));
    this.#operator.query('transcript', { sessionId, limit: 500 }).then(
      (entries) => this.#loaded(sessionId, entries),
      (error: unknown) => {
        if (this.#sessionId !== sessionId) return;
        this.#loading = false;
        this.#error = error instanceof Error ? error.message : String(error);
        this.#touch();
      },
    );
    this.#touch();
  }

  /** What was said while the link was broken came by no event. */
  reload(): void {
    const sessionId = this.#sessionId;
    if (sessionId === undefined) return;
    this.close();
    this.open(sessionId);
  }

  close(): void {
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
    this.#sessionId = undefined;
    this.#entries = new Ring(CAPACITY);
    this.#early = [];
    this.#live = '';
    this.#activity = '';
    this.#loading = false;
    this.#error = undefined;
    this.#slice = undefined;
  }

  slice(): TranscriptSlice | undefined {
    if (this.#sessionId === undefined) return undefined;
    this.#slice ??= {
      sessionId: this.#sessionId,
      entries: this.#entries.toArray(),
      first: this.#entries.first,
      live: this.#live,
      activity: this.#activity,
      loading: this.#loading,
      ...(this.#error === undefined ? {} : { error: this.#error }),
    };
    return this.#slice;
  }

  /** Entries so far, forgotten ones included. */
  count(): number {
    return this.#entries.first + this.#entries.toArray().length;
  }

  /** Everything as plain lines, for a pager. */
  lines(): string[] {
    return this.#entries
      .toArray()
      .flatMap(({ at, role, text }) => [
        `${new Date(at).toISOString()} ${role}`,
        ...text.split('\n').map((line) => `  ${clean(line, 20_000)}`),
      ]);
  }

  /** Entries that came by event while the answer to the query was on its way are not listed twice. */
  #loaded(sessionId: string, entries: readonly TranscriptEntry[]): void {
    if (this.#sessionId !== sessionId) return;
    const known = new Set(entries.map(entryKey));
    for (const entry of entries) this.#entries.push(entry);
    for (const entry of this.#early) if (!known.has(entryKey(entry))) this.#entries.push(entry);
    this.#early = [];
    this.#loading = false;
    this.#touch();
  }

  #fold(event: OperatorEvent): void {
    if (event.type === 'transcript' && event.sessionId === this.#sessionId) {
      if (this.#loading) this.#early.push(event.entry);
      else this.#entries.push(event.entry);
      if (event.entry.role === 'agent') {
        this.#live = '';
        this.#activity = '';
      }
      this.#touch();
    } else if (event.type === 'turn' && event.sessionId === this.#sessionId) {
      this.#turn(event.event);
      this.#touch();
    }
  }

  #turn(event: TurnEvent): void {
    switch (event.type) {
      case 'started':
        this.#live = '';
        this.#activity = 'thinking';
        break;
      case 'text_delta':
        this.#live = (this.#live + event.delta).slice(-LIVE_LIMIT);
        this.#activity = '';
        break;
      case 'tool_start':
        this.#activity = `tool ${event.name}`;
        break;
      case 'tool_end':
        this.#activity = event.ok ? '' : `tool ${event.name} failed`;
        break;
      case 'progress':
        this.#activity = `${Math.round(event.percent)} % ${event.message}`;
        break;
      case 'queued':
        this.#activity = `waiting, place ${event.position}`;
        break;
      case 'steered':
        this.#activity = 'a new message was handed to the running turn';
        break;
    }
  }

  #touch(): void {
    this.#slice = undefined;
    this.#changed();
  }
}

function entryKey(entry: TranscriptEntry): string {
  return `${entry.at} ${entry.role} ${entry.text}`;
}
