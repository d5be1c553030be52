/** What was decided about messages and turns, and why: for the log, and for anyone who asks later. */
import type { Clock } from '../base/async.ts';
import { defined } from '../base/defined.ts';
import type { LogFields, Logger } from '../base/log.ts';
import type { Platform } from './chat.ts';

/** Why a message was not accepted. `code` is stable, `reason` is a sentence. */
export interface RefusalView {
  readonly id: string;
  readonly at: number;
  readonly platform: Platform;
  readonly chatId: string;
  readonly senderId: string;
  readonly senderName: string;
  readonly code: string;
  readonly reason: string;
  /** The beginning of what they wrote; kept on this machine for 7 days. */
  readonly text?: string;
  /** Messages of that sender that the row stands for; absent for one. The first is shown at once, the others once a minute. */
  readonly count?: number;
}

/** Something that was refused, dropped, reset, retried or given up. `code` is stable, `reason` is a sentence. */
export interface DecisionView {
  readonly at: number;
  readonly what: 'message' | 'turn' | 'session' | 'delivery' | 'task' | 'schedule';
  readonly kind:
    | 'refused'
    | 'dropped'
    | 'reset'
    | 'retried'
    /** Not done on its own anymore: anyone who wrote it may ask for it again. */
    | 'offered'
    | 'interrupted'
    /** A turn or task that was cut off continues. */
    | 'resumed'
    | 'aborted'
    | 'timed_out'
    | 'failed'
    | 'abandoned'
    /** Waits or runs for longer than it should: someone should look. */
    | 'stuck';
  readonly code: string;
  readonly reason: string;
  readonly platform?: Platform;
  readonly chatId?: string;
  readonly senderId?: string;
  readonly sessionId?: string;
  /** Of the message, delivery or task. */
  readonly id?: string;
  /** How often it happened; absent for once. */
  readonly count?: number;
}

export const DECISIONS_KEPT = 200;

/** What was decided about something that someone else may ask about later. */
type Decision = Omit<DecisionView, 'at'>;

/** Told about every refused, dropped, reset, retried, offered or abandoned thing. Never throws. */
export type Decide = (decision: Decision) => void;

interface DecisionTraceDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly show: (decision: DecisionView) => void;
}

/** The last decisions with their reasons: in the log as they happen, and kept for anyone who asks. */
export class DecisionTrace {
  readonly #deps: DecisionTraceDeps;
  readonly #kept: DecisionView[] = [];
  /** Refused messages in the log: the first of a kind, then a count a minute. */
  readonly #refused = new Repeats<Decision>((decision, count) => this.#write(decision, count));

  constructor(deps: DecisionTraceDeps) {
    this.#deps = deps;
  }

  /** Oldest first. */
  last(limit: number = DECISIONS_KEPT): readonly DecisionView[] {
    return this.#kept.slice(-limit);
  }

  readonly note: Decide = (decision) => {
    const { clock, show } = this.#deps;
    const view: DecisionView = { at: clock(), ...decision };
    this.#kept.push(view);
    if (this.#kept.length > DECISIONS_KEPT) this.#kept.shift();
    if (decision.kind === 'refused')
      this.#refused.note(JSON.stringify([decision.platform, decision.code]), decision, decision.count);
    else this.#write(decision, 1);
    show(view);
  };

  /** Takes decisions out, with what is counted about them. */
  forget(concerns: (decision: DecisionView) => boolean): void {
    this.#refused.flush();
    const kept = this.#kept.filter((decision) => !concerns(decision));
    this.#kept.splice(0, this.#kept.length, ...kept);
  }

  /** Writes what is counted and not in the log yet. */
  stop(): void {
    this.#refused.flush();
  }

  #write(decision: Decision, count: number): void {
    const { log } = this.#deps;
    const write = decision.kind === 'abandoned' || decision.kind === 'failed' ? log.warn : log.info;
    const fields = { ...fieldsOf(decision), ...(count === 1 ? {} : { count }) };
    write.call(log, `${decision.what} ${decision.kind}: ${decision.reason}`, fields);
  }
}

function fieldsOf({ code, platform, chatId, senderId, sessionId, id }: Decision): LogFields {
  return {
    code,
    ...defined({ platform, chat: chatId, sender: senderId, session: sessionId, id }),
  };
}

/** Different things that are told apart at a time; what comes beyond is counted together. */
const MOST_KEYS = 1000;
const WINDOW_MS = 60_000;

interface Repeated<T> {
  last: T;
  /** How often it happened since it was reported last. */
  more: number;
  timer: NodeJS.Timeout;
}

/** Reports the first of its kind at once, and all that follow once a minute as a count: a flood stays a few lines. */
export class Repeats<T> {
  readonly #report: (last: T, count: number) => void;
  readonly #known = new Map<string, Repeated<T>>();

  constructor(report: (last: T, count: number) => void) {
    this.#report = report;
  }

  note(key: string, value: T, times = 1): void {
    const known = this.#known.get(key) ?? (this.#known.size < MOST_KEYS ? undefined : this.#known.get(''));
    if (known !== undefined) {
      known.last = value;
      known.more += times;
      return;
    }
    const slot = this.#known.size < MOST_KEYS ? key : '';
    this.#known.set(slot, { last: value, more: 0, timer: this.#later(slot) });
    this.#report(value, times);
  }

  /** Reports what is counted and not reported yet. */
  flush(): void {
    for (const [key, { last, more, timer }] of [...this.#known]) {
      clearTimeout(timer);
      this.#known.delete(key);
      if (more > 0) this.#report(last, more);
    }
  }

  #later(key: string): NodeJS.Timeout {
    const timer = setTimeout(() => this.#over(key), WINDOW_MS);
    timer.unref();
    return timer;
  }

  #over(key: string): void {
    const known = this.#known.get(key);
    if (known === undefined) return;
    const { last, more } = known;
    if (more === 0) {
      this.#known.delete(key);
      return;
    }
    known.more = 0;
    known.timer = this.#later(key);
    this.#report(last, more);
  }
}
