import { messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { call } from './channels.ts';

const BEAT_MS = 60_000;

export interface HeartbeatDeps {
  /** Undefined: no one is to be called. */
  readonly url: () => Promise<string | undefined>;
  /** What does not work, one phrase each; empty: all is well. */
  readonly problems: () => readonly string[];
  readonly log: Logger;
}

/** Where a watchdog outside is called: the address itself, or the one for failures below it (Healthchecks). */
export function beatUrl(url: string, failing: boolean): string {
  if (!failing) return url;
  const address = new URL(url);
  address.pathname = `${address.pathname.replace(/\/$/, '')}/fail`;
  return address.href;
}

/** Tells a watchdog outside every minute that the gateway works: when the calls stay away, it calls the operator. */
export class Heartbeat {
  readonly #deps: HeartbeatDeps;
  readonly #stopping = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #beating = false;
  #failed = false;

  constructor(deps: HeartbeatDeps) {
    this.#deps = deps;
  }

  /** Only while an address is configured: there is no other timer. */
  follow(configured: boolean): void {
    if (!configured) {
      clearInterval(this.#timer);
      this.#timer = undefined;
      return;
    }
    if (this.#timer !== undefined) return;
    this.#timer = setInterval(() => void this.beat(), BEAT_MS);
    this.#timer.unref();
    void this.beat();
  }

  stop(): void {
    this.follow(false);
    this.#stopping.abort('stopping');
  }

  /** Never rejects; one at a time. A failure is logged once until it works again. */
  async beat(): Promise<void> {
    if (this.#beating) return;
    this.#beating = true;
    const { problems, log } = this.#deps;
    try {
      const url = await this.#deps.url();
      if (url === undefined) return;
      const failing = problems();
      await call(
        beatUrl(url, failing.length > 0),
        { method: 'POST', body: failing.join('\n') },
        this.#stopping.signal,
      );
      if (this.#failed) log.info('the heartbeat is answered again');
      this.#failed = false;
    } catch (error) {
      if (!this.#failed && !this.#stopping.signal.aborted)
        log.warn('the heartbeat was not answered; trying every minute', { error: messageOf(error) });
      this.#failed = true;
    } finally {
      this.#beating = false;
    }
  }
}
