/** The live transcript of one session: what was said before, what is said now, and the answer in progress. */

import type { TranscriptEntry, UsageRow } from '../../gateway/model.ts';
import type { Operator, OperatorEvent, TurnEvent } from '../../gateway/operator/operator.ts';
import type { ActionContext } from '../actions/action.ts';
import { isLoaded } from './rows.ts';
import type { Timers } from './store.ts';
import { filterOf, replacePage, type ViewState } from './view.ts';

export interface TranscriptSlice {
  readonly sessionId: string;
  readonly entries: readonly TranscriptEntry[];
  /** Number of the first entry; entries that are loaded in front have lower ones. */
  readonly first: number;
  /** Whether there is more in front. */
  readonly older: 'more' | 'loading' | 'none';
  /** The answer as far as it is streamed, empty between turns. */
  readonly live: string;
  /** What the agent does right now, one phrase. */
  readonly activity: string;
  readonly loading: boolean;
  readonly error?: string;
}

/** Entries that are kept; the oldest are forgotten, and loaded again when someone scrolls there. */
const CAPACITY = 10_000;
const PAGE = 500;
/** On the way to a place far back. */
const LONG_PAGE = 2_000;
/** A gateway cuts a page of several megabytes short; a short page of less text than this has nothing before it. */
const SHORT_PAGE_CHARS = 1_000_000;
/** The end of a streamed answer that is kept until its entry arrives. UTF-16 units. */
const LIVE_LIMIT = 20_000;

export class TranscriptFeed {
  readonly #operator: Operator;
  readonly #changed: () => void;
  #sessionId: string | undefined;
  #unsubscribe: (() => void) | undefined;
  #entries: TranscriptEntry[] = [];
  #first = 0;
  #older: TranscriptSlice['older'] = 'more';
  /** The time that is looked for in older pages. */
  #place: number | undefined;
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

  /** Follows a session; the one followed before is let go. With `place`, loads back to that time. */
  open(sessionId: string, place?: number): void {
    if (this.#sessionId === sessionId) {
      if (place !== undefined) this.#reach(place);
      return;
    }
    this.close();
    this.#sessionId = sessionId;
    this.#place = place;
    this.#loading = true;
    this.#unsubscribe = this.#operator.subscribe((event) => this.#fold(event));
    this.#operator.query('transcript', { sessionId, limit: PAGE }).then(
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
    this.#entries = [];
    this.#first = 0;
    this.#older = 'more';
    this.#place = undefined;
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
      entries: [...this.#entries],
      first: this.#first,
      older: this.#older,
      live: this.#live,
      activity: this.#activity,
      loading: this.#loading,
      ...(this.#error === undefined ? {} : { error: this.#error }),
    };
    return this.#slice;
  }

  /** Number of the next entry. */
  end(): number {
    return this.#first + this.#entries.length;
  }

  /** Number of the entry of that time, or of the last one before it; undefined while it is being loaded. */
  numberAt(time: number): number | undefined {
    if (this.#sessionId === undefined || this.#loading || this.#place !== undefined) return undefined;
    const same = this.#entries.findIndex(({ at }) => at === time);
    const index = same >= 0 ? same : this.#entries.findLastIndex(({ at }) => at < time);
    return this.#first + Math.max(0, index);
  }

  /** Loads the page before the first entry, once at a time. */
  older(limit = PAGE): void {
    const sessionId = this.#sessionId;
    const before = this.#entries[0]?.at;
    if (sessionId === undefined || before === undefined || this.#loading || this.#older !== 'more') return;
    if (this.#entries.length >= CAPACITY) return;
    this.#older = 'loading';
    this.#operator.query('transcript', { sessionId, limit, before }).then(
      (page) => {
        if (this.#sessionId !== sessionId) return;
        // A gateway that does not know `before` sends what is here already.
        const older = page.filter(({ at }) => at < before);
        this.#entries = [...older, ...this.#entries];
        this.#first -= older.length;
        this.#older = older.length === 0 || isFirstPage(page, limit) ? 'none' : 'more';
        if (this.#place !== undefined) this.#reach(this.#place);
        this.#touch();
      },
      (error: unknown) => {
        if (this.#sessionId !== sessionId) return;
        this.#older = 'more';
        this.#place = undefined;
        this.#error = error instanceof Error ? error.message : String(error);
        this.#touch();
      },
    );
    this.#touch();
  }

  #reach(place: number): void {
    const there = (this.#entries[0]?.at ?? 0) <= place || this.#older === 'none';
    const full = this.#entries.length >= CAPACITY;
    this.#place = there || full ? undefined : place;
    if (this.#place !== undefined) this.older(LONG_PAGE);
  }

  /** Entries that came by event while the answer to the query was on its way are not listed twice. */
  #loaded(sessionId: string, entries: readonly TranscriptEntry[]): void {
    if (this.#sessionId !== sessionId) return;
    const known = new Set(entries.map(entryKey));
    this.#entries = [...entries, ...this.#early.filter((entry) => !known.has(entryKey(entry)))];
    this.#early = [];
    this.#loading = false;
    if (isFirstPage(entries, PAGE)) this.#older = 'none';
    if (this.#place !== undefined) this.#reach(this.#place);
    this.#touch();
  }

  #fold(event: OperatorEvent): void {
    if (event.type === 'transcript' && event.sessionId === this.#sessionId) {
      if (this.#loading) this.#early.push(event.entry);
      else this.#add(event.entry);
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

  #add(entry: TranscriptEntry): void {
    const { settles } = entry;
    if (settles !== undefined)
      this.#entries = this.#entries.map((each) =>
        each.id === settles.id ? { ...each, mark: settles.mark } : each,
      );
    // A message waits until its turn begins.
    const waits = entry.role === 'user' && entry.id !== undefined && entry.mark === undefined;
    this.#entries.push(waits ? { ...entry, mark: 'queued' } : entry);
    if (this.#entries.length < CAPACITY * 1.25) return;
    const extra = this.#entries.length - CAPACITY;
    this.#entries = this.#entries.slice(extra);
    this.#first += extra;
    this.#older = 'more';
  }

  #turn(event: TurnEvent): void {
    switch (event.type) {
      case 'started': {
        const next = this.#entries.find(({ mark }) => mark === 'queued');
        this.#entries = this.#entries.map((each) => (each === next ? { ...each, mark: 'running' } : each));
        this.#live = '';
        this.#activity = 'thinking';
        break;
      }
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

/** Nothing was said before the page: it has room left. */
function isFirstPage(page: readonly TranscriptEntry[], limit: number): boolean {
  return page.length < limit && page.reduce((sum, { text }) => sum + text.length, 0) < SHORT_PAGE_CHARS;
}

function entryKey(entry: TranscriptEntry): string {
  return `${entry.at} ${entry.role} ${entry.text}`;
}

/** One for each session of a day. */
const USAGE_ROWS = 10_000;

type Desk = Pick<ActionContext, 'view' | 'slices' | 'update' | 'toast' | 'load' | 'query'> & {
  countUsage(usage: readonly UsageRow[]): void;
  readonly transcript: TranscriptFeed;
};

/** After each publication: what is over goes away, what was lost is asked for again, transcripts first. */
export class Upkeep {
  readonly #desk: Desk;
  #connected = true;
  #usage = false;

  constructor(desk: Desk) {
    this.#desk = desk;
  }

  published(): void {
    this.#catchUp();
    this.#inviteOver();
    this.#standAtPlace();
    this.#askUsage();
  }

  /** Tokens of sessions are asked for once someone filters or sorts by them. */
  #askUsage(): void {
    const { view } = this.#desk;
    if (
      this.#usage ||
      !(view.sorts.sessions?.column === 'tok' || filterOf(view, 'sessions').includes('tok:'))
    )
      return;
    this.#usage = true;
    this.#desk.query('usage', { limit: USAGE_ROWS }, ({ rows }) => this.#desk.countUsage(rows));
  }

  /** The link is back: what is not part of the snapshot is asked for again. */
  #catchUp(): void {
    const { slices, view, transcript } = this.#desk;
    const { connected } = slices.link;
    const back = connected && !this.#connected;
    this.#connected = connected;
    if (!back) return;
    transcript.reload();
    const open = view.modes.findLast((mode) => mode.kind === 'list');
    if (open !== undefined && isLoaded(open.list)) this.#desk.load(open.list, open.subject);
  }

  /** The code was used, or its hour has ended: a code that works no more is not shown. */
  #inviteOver(): void {
    const { slices, view } = this.#desk;
    const mode = view.modes.find((entry) => entry.kind === 'page' && entry.page === 'invite');
    if (mode?.kind !== 'page' || mode.invite === undefined) return;
    const { id, expiresAt } = mode.invite;
    const guest = slices.allowlist.find((row) => row.note === `invitation ${id}`);
    if (guest === undefined && slices.now < expiresAt) return;
    this.#desk.update((before) => ({ ...before, modes: before.modes.filter((entry) => entry !== mode) }));
    if (guest === undefined) this.#desk.toast('The code has expired; p makes a new one.', 'warn');
    else this.#desk.toast(`${guest.name} (${guest.platform} ${guest.userId}) is approved.`);
  }

  /** A page that was opened at a time stands there as soon as what was said then is loaded. */
  #standAtPlace(): void {
    const { view, transcript } = this.#desk;
    const mode = view.modes.findLast((each) => each.kind === 'page');
    if (mode?.place === undefined) return;
    const number = transcript.numberAt(mode.place);
    if (number === undefined) return;
    const { place: _reached, ...rest } = mode;
    const anchor = { number, line: 0 };
    this.#desk.update((before) => replacePage(before, { ...rest, top: 0, anchor, seen: transcript.end() }));
  }
}

/** Anyone who runs down the list does not ask the gateway for every chat on the way. */
const REST_MS = 120;

/** Which transcript is followed: that of the open page, else the one next to the lists once the cursor rests. */
export class Preview {
  readonly #transcript: TranscriptFeed;
  readonly #timers: Timers;
  /** The session next to the lists in the last frame. */
  #wanted: string | undefined;
  #rested: string | undefined;
  #cancel: (() => void) | undefined;
  #view: ViewState | undefined;

  constructor(transcript: TranscriptFeed, timers: Timers) {
    this.#transcript = transcript;
    this.#timers = timers;
  }

  /** A frame was drawn. */
  drawn(session: string | undefined): void {
    if (session === this.#wanted) return;
    this.#wanted = session;
    this.#cancel?.();
    this.#cancel = undefined;
    if (session !== undefined)
      this.#cancel = this.#timers.after(REST_MS, () => {
        this.#cancel = undefined;
        this.#rested = session;
        this.#follow();
      });
    else {
      this.#rested = undefined;
      this.#follow();
    }
  }

  changed(view: ViewState): void {
    this.#view = view;
    this.#follow();
  }

  stop(): void {
    this.#cancel?.();
    this.#transcript.close();
  }

  #follow(): void {
    const page = this.#view?.modes.findLast((mode) => mode.kind === 'page' && mode.page === 'session');
    if (page?.kind === 'page') this.#transcript.open(page.subject, page.place);
    else if (this.#rested !== undefined) this.#transcript.open(this.#rested);
    else this.#transcript.close();
  }
}
