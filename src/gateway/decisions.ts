import type { Clock } from '../base/async.ts';
import { defined } from '../base/defined.ts';
import type { LogFields, Logger } from '../base/log.ts';
import type { DecisionView } from './decision-view.ts';
import { Repeats } from './repeats.ts';

export const DECISIONS_KEPT = 200;

/** What was decided about something that someone else may ask about later. */
export type Decision = Omit<DecisionView, 'at'>;

/** Told about every refused, dropped, reset, retried, offered or abandoned thing. Never throws. */
export type Decide = (decision: Decision) => void;

export interface DecisionTraceDeps {
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
