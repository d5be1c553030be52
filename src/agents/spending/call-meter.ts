import { randomUUID } from 'node:crypto';
import type { TurnEnd } from '../../gateway/agent/agent.ts';
import {
  type CallRefusal,
  isRefusal,
  nobodyCounts,
  type Reservation,
  type ReserveCall,
} from '../../gateway/agent/agent.ts';
import { type PiRecord, stringAt } from '../../gateway/agent/pi-files.ts';
import { failedEnd } from '../../gateway/agent/turn-end.ts';
import type { PiLink } from '../pi/backend.ts';
import { readSpending, SPENDING_TITLE, type SpendingRequest, writeSpending } from './wire.ts';

/** Reserves and settles the calls of one pi session, at the gateway's end of its link. */
export class CallMeter {
  readonly #link: PiLink;
  readonly #reserve: ReserveCall;
  readonly #hello = Promise.withResolvers<void>();
  readonly #gone = new AbortController();
  readonly #open = new Map<string, Reservation>();
  readonly #waiting = new Map<string, AbortController>();
  /** Between turns each call is one of its own. */
  #turn: string | undefined;
  #signal: AbortSignal | undefined;
  #refusal: CallRefusal | undefined;
  #cut: CallRefusal | undefined;

  constructor(link: PiLink, reserve: ReserveCall | undefined) {
    this.#link = link;
    this.#reserve = reserve ?? nobodyCounts;
    void link.ended.then(() => {
      this.#gone.abort();
      // Whatever the provider charges for them, no one will hear of it.
      for (const each of this.#open.values()) each.settle('cut');
      this.#open.clear();
    });
  }

  /** Resolves when pi has shown that every call is reserved before it is sent. */
  get guarded(): Promise<void> {
    return this.#hello.promise;
  }

  /** From now on calls belong to this turn. */
  during(turn: string | undefined, signal: AbortSignal | undefined): void {
    this.#turn = turn;
    this.#signal = signal;
    this.#refusal = undefined;
    this.#cut = undefined;
  }

  /** Why the last call was not made, or why its answer could end early; undefined: it was made as asked for. */
  get refusal(): CallRefusal | undefined {
    return this.#refusal;
  }

  get cut(): CallRefusal | undefined {
    return this.#cut;
  }

  /** False when the record is none of these. */
  take(record: PiRecord): boolean {
    if (record.type !== 'extension_ui_request' || stringAt(record, 'title') !== SPENDING_TITLE) return false;
    const id = stringAt(record, 'id');
    const request = readSpending(stringAt(record, 'placeholder') ?? '');
    if (id === undefined) return true;
    const reply = (value: string | undefined): void =>
      this.#link.send({
        type: 'extension_ui_response',
        id,
        ...(value === undefined ? { cancelled: true } : { value }),
      });
    if (request?.type !== 'reserve') {
      if (request !== undefined) this.#note(request);
      reply(undefined);
      return true;
    }
    this.#make(request).then(reply, () => reply(undefined));
    return true;
  }

  #note(request: Exclude<SpendingRequest, { type: 'reserve' }>): void {
    if (request.type === 'hello') {
      this.#hello.resolve();
      return;
    }
    // It gave up before it had an answer.
    this.#waiting.get(request.id)?.abort();
    this.#open.get(request.id)?.settle(request.use);
    this.#open.delete(request.id);
  }

  async #make({ id, call }: Extract<SpendingRequest, { type: 'reserve' }>): Promise<string> {
    const given = new AbortController();
    this.#waiting.set(id, given);
    const signals = [this.#gone.signal, given.signal, ...(this.#signal === undefined ? [] : [this.#signal])];
    const signal = AbortSignal.any(signals);
    try {
      const outcome = await this.#reserve(call, this.#turn ?? randomUUID(), signal);
      if (isRefusal(outcome)) {
        this.#refusal = outcome;
        return writeSpending({ id, refused: outcome.sentence.in('en') });
      }
      if (given.signal.aborted) outcome.settle('unused');
      else if (this.#gone.signal.aborted) outcome.settle('cut');
      else this.#open.set(id, outcome);
      this.#refusal = undefined;
      this.#cut = outcome.cut;
      return writeSpending({ id, outputTokens: outcome.outputTokens, reservation: outcome.id });
    } finally {
      this.#waiting.delete(id);
    }
  }
}

/** A turn that ends because a call was refused, or its answer held short, says so: by our own mark, not by pi's words. */
export function limitedEnd(end: TurnEnd, { refusal, cut }: CallMeter): TurnEnd {
  const failed = end.status === 'failed' && end.code === 'model_error' ? refusal : undefined;
  const short = end.status === 'answered' && end.cutShort === true ? cut : undefined;
  const { sentence, hint } = failed ?? short ?? {};
  if (sentence === undefined || hint === undefined) return end;
  return failedEnd('limit_reached', sentence, hint, { reachedModel: true });
}
