import { Histograms } from '../../base/histogram.ts';
import type { AgentEvent } from '../agent/agent.ts';
import type { StepKind, Timeline, TimelineStep } from '../events.ts';
import type { ChatRef, OutboxState } from '../model.ts';

/** Seconds. From a store that answers at once to a turn of an hour. */
const WAITS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800];
const WORK = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600];

/** Timelines of messages that have their outcome, and steps in all of them together. */
const KEPT = { timelines: 1000, steps: 20_000 } as const;
/** A turn of hours with thousands of tool calls keeps its beginning. */
const STEPS_OF_ONE = 200;
/** Messages without an outcome, and answers that are being sent. Of more than this the oldest are not measured. */
const OPEN = 5000;

/** What is known of a message in the inbox. */
interface Message {
  readonly id: string;
  readonly sessionId: string | undefined;
  readonly acceptedAt: number;
  readonly message: { readonly chat: ChatRef };
  readonly pieces?: readonly string[];
}

/** A row of the outbox. */
interface Answer {
  readonly id: string;
  readonly state: OutboxState;
  readonly chat: ChatRef;
  readonly createdAt: number;
}

type Step = { -readonly [K in keyof TimelineStep]: TimelineStep[K] };

/** A message that has not arrived at its end. */
interface Open {
  readonly id: string;
  readonly sessionId: string;
  readonly platform: Timeline['platform'];
  /** Epoch milliseconds, and the same moment of the monotonic clock. */
  readonly at: number;
  readonly zero: number;
  /** It was accepted by this process: how long it waited is known. */
  readonly whole: boolean;
  readonly steps: Step[];
  host: string | undefined;
  leftOut: number;
  outcome: string | undefined;
  /** Of the part that lasts. */
  turn: Step | undefined;
  model: Step | undefined;
  last: Step | undefined;
  tools: Map<string, Step> | undefined;
  spoke: boolean;
  took: number | undefined;
}

export interface TimingsOptions {
  readonly clock: () => number;
  /** Milliseconds that no one can set. Default: `performance.now`. */
  readonly monotonic?: () => number;
}

/**
 * How long the steps of messages take: counted forever in histograms, and kept of the last messages. A message costs a
 * few small objects; what is kept is bounded.
 */
export class Timings {
  /** By platform. */
  readonly queueWait = new Histograms(WAITS);
  readonly firstToken = new Histograms(WAITS);
  readonly delivery = new Histograms(WAITS);
  /** By outcome. */
  readonly turn = new Histograms(WORK);
  /** By `true` and `false`: did it end well? */
  readonly modelCall = new Histograms(WORK);
  readonly #clock: () => number;
  readonly #monotonic: () => number;
  readonly #open = new Map<string, Open>();
  /** Answers that are being sent, by their row. */
  readonly #sending = new Map<string, Open>();
  readonly #done: Open[] = [];
  #steps = 0;
  /** Hears of each message that has arrived at its end. */
  onDone: ((timeline: Timeline) => void) | undefined;

  constructor({ clock, monotonic = () => performance.now() }: TimingsOptions) {
    this.#clock = clock;
    this.#monotonic = monotonic;
  }

  /** A moment for `accepted`. */
  now(): number {
    return this.#monotonic();
  }

  /** A message is durable. `since`: when it arrived. */
  accepted(item: Message, since: number): void {
    const open = this.#begin(item, since, true);
    this.#step(open, 'accept', 0).to = this.#after(open);
    open.last = this.#step(open, 'queue', this.#after(open));
  }

  /** A turn begins to work on a message. */
  began(item: Message): void {
    const now = this.#monotonic();
    const open =
      this.#open.get(item.id) ??
      // Accepted before this process began.
      this.#begin(item, now - Math.max(0, this.#clock() - item.acceptedAt), false);
    for (const piece of item.pieces ?? []) this.#open.delete(piece);
    if (open.turn !== undefined) return; // it was taken into a turn that ran, or waited again
    const at = now - open.zero;
    if (open.last?.kind === 'queue') {
      open.last.to = at;
      if (open.whole) this.queueWait.observe(open.platform, (at - open.last.from) / 1000);
    }
    open.turn = this.#step(open, 'turn', at);
    open.last = this.#step(open, 'start', at);
  }

  /** The model took the message in the turn of another one: the call that has begun is for this one. */
  tookOver(item: Message, from: Message): void {
    const before = this.#open.get(from.id);
    const model = before?.model;
    this.began(item);
    const open = this.#open.get(item.id);
    if (open === undefined) return;
    this.#endStart(open);
    if (before === undefined || model === undefined) return;
    const place = before.steps.indexOf(model);
    // Of a long turn it may be one of those that are not kept.
    if (place >= 0) before.steps.splice(place, 1);
    else before.leftOut -= 1;
    before.model = undefined;
    open.model = this.#step(open, 'model', this.#after(open));
  }

  /** What the agent shows while it works on a message. */
  saw(item: Message, event: AgentEvent): void {
    const open = this.#open.get(item.id);
    if (open === undefined) return;
    switch (event.type) {
      case 'text_delta':
        if (!open.spoke) this.#spoke(open);
        if (open.model !== undefined) open.model.firstToken ??= this.#after(open);
        return;
      case 'started':
        this.#endStart(open);
        return;
      case 'model':
        if (event.on) open.model ??= this.#step(open, 'model', this.#after(open));
        else this.#endModel(open, event.ok);
        return;
      case 'tool_start': {
        const step = this.#step(open, 'tool', this.#after(open));
        step.name = event.name;
        open.tools ??= new Map();
        open.tools.set(event.id, step);
        return;
      }
      case 'tool_end': {
        const step = open.tools?.get(event.id);
        open.tools?.delete(event.id);
        if (step === undefined) return;
        step.to = this.#after(open);
        step.ok = event.ok;
        return;
      }
      case 'session':
        open.host = event.host;
        return;
      default:
    }
  }

  /** The agent waits for people; returns what ends that. */
  asked(item: Message | undefined): () => void {
    const open = item === undefined ? undefined : this.#open.get(item.id);
    if (open === undefined) return () => {};
    const step = this.#step(open, 'question', this.#after(open));
    return () => {
      step.to ??= this.#after(open);
    };
  }

  /** The message has its outcome; the answer is not stored yet. */
  ended(item: Message, outcome: string): void {
    const open = this.#open.get(item.id);
    if (open === undefined || open.outcome !== undefined) return;
    const at = this.#after(open);
    open.outcome = outcome;
    if (open.model !== undefined) this.#endModel(open, false);
    for (const step of open.steps) step.to ??= at;
    if (open.turn !== undefined) this.turn.observe(outcome, (at - open.turn.from) / 1000);
    open.last = this.#step(open, 'store', at);
  }

  /** Its answer is durable and will be sent; without a row there is none. */
  answered(item: Message, row: Answer | undefined): void {
    const open = this.#open.get(item.id);
    if (open === undefined) return;
    this.#open.delete(item.id);
    const at = this.#after(open);
    if (open.last !== undefined) open.last.to = at;
    if (row === undefined) {
      this.#finish(open);
      return;
    }
    open.last = this.#step(open, 'send', at);
    put(this.#sending, row.id, open);
  }

  /** A row of the outbox is settled. */
  settled(row: Answer): void {
    if (row.state === 'delivered')
      this.delivery.observe(row.chat.platform, (this.#clock() - row.createdAt) / 1000);
    const open = this.#sending.get(row.id);
    if (open === undefined) return;
    this.#sending.delete(row.id);
    if (open.last !== undefined) {
      open.last.to = this.#after(open);
      open.last.ok = row.state === 'delivered';
    }
    this.#finish(open);
  }

  /** Those of a session, or of all, that are kept: the oldest first, and what lasts at the end. */
  list(sessionId: string | undefined, limit: number): readonly Timeline[] {
    const wanted = (each: { readonly sessionId: string }): boolean =>
      sessionId === undefined || each.sessionId === sessionId;
    const open = [...this.#sending.values(), ...this.#open.values()].filter(wanted);
    return [...this.#done.filter(wanted), ...open.toSorted((a, b) => a.at - b.at)]
      .slice(-limit)
      .map(timelineOf);
  }

  /** These sessions are no longer kept. */
  forget(sessionIds: readonly string[]): void {
    const gone = new Set(sessionIds);
    for (const map of [this.#open, this.#sending])
      for (const [key, open] of map) if (gone.has(open.sessionId)) map.delete(key);
    const kept = this.#done.filter(({ sessionId }) => !gone.has(sessionId));
    this.#done.splice(0, this.#done.length, ...kept);
    this.#steps = kept.reduce((sum, { steps }) => sum + steps.length, 0);
  }

  #begin({ id, sessionId = '', message, acceptedAt }: Message, zero: number, whole: boolean): Open {
    const open: Open = {
      id,
      sessionId,
      platform: message.chat.platform,
      at: acceptedAt,
      zero,
      whole,
      steps: [],
      host: undefined,
      leftOut: 0,
      outcome: undefined,
      turn: undefined,
      model: undefined,
      last: undefined,
      tools: undefined,
      spoke: false,
      took: undefined,
    };
    put(this.#open, id, open);
    return open;
  }

  #after({ zero }: Open): number {
    return this.#monotonic() - zero;
  }

  /** Begins one. Too many are measured, but not kept. */
  #step(open: Open, kind: StepKind, from: number): Step {
    const step: Step = { kind, from };
    // The end of a long turn is kept, too.
    if (open.steps.length < STEPS_OF_ONE || kind === 'store' || kind === 'send') open.steps.push(step);
    else open.leftOut += 1;
    return step;
  }

  #spoke(open: Open): void {
    open.spoke = true;
    if (open.turn !== undefined)
      this.firstToken.observe(open.platform, (this.#after(open) - open.turn.from) / 1000);
  }

  #endStart(open: Open): void {
    if (open.last?.kind === 'start') open.last.to ??= this.#after(open);
  }

  #endModel(open: Open, ok: boolean): void {
    const step = open.model;
    if (step === undefined) return;
    open.model = undefined;
    step.to = this.#after(open);
    step.ok = ok;
    this.modelCall.observe(String(ok), (step.to - step.from) / 1000);
  }

  #finish(open: Open): void {
    open.took = this.#after(open);
    open.tools = undefined;
    this.#done.push(open);
    this.#steps += open.steps.length;
    while (this.#done.length > KEPT.timelines || this.#steps > KEPT.steps)
      this.#steps -= this.#done.shift()?.steps.length ?? this.#steps;
    this.onDone?.(timelineOf(open));
  }
}

function timelineOf({ id, sessionId, platform, at, steps, host, leftOut, outcome, took }: Open): Timeline {
  return {
    id,
    sessionId,
    platform,
    at,
    steps,
    ...(host === undefined ? {} : { host }),
    ...(leftOut === 0 ? {} : { leftOut }),
    ...(outcome === undefined ? {} : { outcome }),
    ...(took === undefined ? {} : { took }),
  };
}

/** Of too many the oldest goes. */
function put(map: Map<string, Open>, key: string, open: Open): void {
  map.set(key, open);
  if (map.size <= OPEN) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return;
  }
}
