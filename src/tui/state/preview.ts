/** Which transcript is followed: that of the open page, else the one next to the lists once the cursor rests. */
import type { Timers } from './scheduler.ts';
import type { TranscriptFeed } from './transcript.ts';
import type { ViewState } from './view.ts';

/** Anyone who runs down the list does not ask the gateway for every chat on the way. */
const REST_MS = 120;

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
