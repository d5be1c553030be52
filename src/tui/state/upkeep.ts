/** After each publication: what is over goes away, what was lost is asked for again. */

import type { UsageRow } from '../../gateway/model.ts';
import type { ActionContext } from '../actions/action.ts';
import { isLoaded } from './rows.ts';
import type { Timers } from './store.ts';
import type { TranscriptFeed } from './transcript.ts';
import { filterOf, replacePage, type ViewState } from './view.ts';

/** One for each session of a day. */
const USAGE_ROWS = 10_000;

type Desk = Pick<ActionContext, 'view' | 'slices' | 'update' | 'toast' | 'load' | 'query'> & {
  countUsage(usage: readonly UsageRow[]): void;
  readonly transcript: TranscriptFeed;
};

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
