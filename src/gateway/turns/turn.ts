import { pause, unlessCut } from '../../base/async.ts';
import { messageOf } from '../../base/errors.ts';
import type { AgentEvent, AgentInput, Conversation, TurnEnd } from '../agent/agent.ts';
import { failedEnd, isGone } from '../agent/turn-end.ts';
import { say } from '../language/chat-text.ts';
import type { InboxItem } from '../receive/inbox.ts';
import { type AbortReason, type Outcome, outcomeOf } from './finish-turn.ts';
import type { ResumedEnd, ResumedTurn, TakenUp } from './resume.ts';

/** The agent has its own ladder of 10 s after an abort; one that ignores even that is given up. */
export const GIVE_UP_MS = 20_000;

/** What the agent does instead of answering. */
export type Doing = 'starting' | 'compacting';

/** What a turn needs from the outside. Storage marks resolve when they are durable. */
export interface TurnPort {
  readonly turnMs: number;
  readonly silenceMs: number;
  /** Waits between tries of a turn that has not reached the model; one entry a retry. */
  readonly retryDelaysMs: readonly number[];
  conversation(): Conversation;
  /** The rest of a turn that was cut off, for the message of which it was. */
  resumed(item: InboxItem): Pick<ResumedTurn, 'run'> | undefined;
  /** Can the next start of the gateway continue what is cut off now? */
  isContinuable(): boolean;
  /** The gateway stops, and the message keeps its turn: the next start continues it. */
  cutOff(item: InboxItem): Promise<void>;
  /** The model took the second message in the turn of the first. */
  tookOver(item: InboxItem, from: InboxItem): void;
  /**
   * What ran the turn is gone: takes the rest of it up elsewhere, of these messages the one that it now answers. Undefined:
   * that cannot be.
   */
  takeUp(items: readonly InboxItem[]): Promise<TakenUp | undefined>;
  /** The conversation does not end its turn: forget it, the next use opens a new one. */
  discard(): void;
  prepare(item: InboxItem): Promise<AgentInput>;
  mark(item: InboxItem, state: 'queued' | 'steering' | 'running'): Promise<void>;
  /** A turn begins to work on this message. */
  began(item: InboxItem): void;
  event(item: InboxItem, event: AgentEvent): void;
  /** The turn has not reached the model and is tried again. */
  retried(item: InboxItem, end: Extract<TurnEnd, { status: 'failed' }>): void;
  /** The message has its outcome. Resolves when outcome and answer are durable; never rejects. */
  settled(item: InboxItem, outcome: Outcome): Promise<void>;
  changed(): void;
}

/** The waiting messages behind a turn. */
export interface TurnQueue<W extends { readonly item: InboxItem }> {
  /** Takes the first one if it wants to be handed to a running turn of this sender. */
  takeSteerable(senderId: string): W | undefined;
  /** Puts messages back in front, in their order. */
  putBack(waiting: readonly W[]): void;
  /** Does it still wait? */
  has(item: InboxItem): boolean;
}

/**
 * One turn of the agent, from its first message on. Later messages may be handed to it; each that the model takes
 * gives the one before it its outcome. What the model did not take goes back to its place in the queue.
 */
export class Turn<W extends { readonly item: InboxItem }> {
  readonly #port: TurnPort;
  readonly #queue: TurnQueue<W>;
  readonly #first: W;
  /** The first message was stored as running when it was accepted. */
  readonly #begun: boolean;
  readonly #abort = new AbortController();
  /** Handed over, not yet taken by the model; in the order of arrival. */
  readonly #steered = new Map<string, W>();
  readonly #settling: Promise<void>[] = [];
  /** Handing over is asynchronous: what arrives in the meantime must not overtake. */
  #steering: Promise<void> = Promise.resolve();
  #current: InboxItem;
  #silence: NodeJS.Timeout | undefined;
  /** The model was reached: from here on the turn is never repeated on its own. */
  #started = false;
  /** Text came since the current message was taken. */
  #spoke = false;
  #over = false;
  #doing: Doing | undefined;
  #deadline: NodeJS.Timeout | undefined;
  /** Questions that are waiting for people. */
  #holds = 0;
  #outcome: Outcome | 'waits' | 'cut' | 'again' | undefined;
  /** Back in the queue because the model did not take them. */
  #late: readonly W[] = [];

  constructor(first: W, begun: boolean, port: TurnPort, queue: TurnQueue<W>) {
    this.#first = first;
    this.#begun = begun;
    this.#current = first.item;
    this.#port = port;
    this.#queue = queue;
  }

  /** The message that is being answered now. */
  get current(): InboxItem {
    return this.#current;
  }

  /** It was told to end: what its tools report from here on is no end of their own. */
  get aborted(): boolean {
    return this.#abort.signal.aborted;
  }

  get steered(): InboxItem[] {
    return [...this.#steered.values()].map(({ item }) => item);
  }

  /** What the agent does before it continues. */
  get doing(): Doing | undefined {
    return this.#over ? undefined : this.#doing;
  }

  /** The agent is done with it; only its outcome is still being stored. */
  get over(): boolean {
    return this.#over;
  }

  abort(reason: AbortReason): void {
    if (!this.#over) this.#abort.abort(reason);
  }

  /** The agent waits for people: its silence does not count. Returns what makes it count again. */
  hold(): () => void {
    this.#holds += 1;
    clearTimeout(this.#silence);
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#holds -= 1;
      this.#listenForSilence();
    };
  }

  /** The gateway stops: no one will answer the question that the turn waits for, and the next start asks again. */
  cutQuestion(): void {
    if (this.#holds > 0 && (this.#port.isContinuable() || this.#port.resumed(this.#current) !== undefined))
      this.abort('shutdown');
  }

  /** Takes back what was handed over and not taken yet. The model may hold it: the caller ends the turn as well. */
  drop(fits: (item: InboxItem) => boolean): InboxItem[] {
    const dropped = this.steered.filter(fits);
    for (const { id } of dropped) this.#steered.delete(id);
    return dropped;
  }

  /** Hands waiting messages to the agent, in order, as long as it takes them. */
  steer(): void {
    this.#steering = this.#steering
      .then(() => this.#handOver())
      .catch(() => {
        // A mark that could not be stored: the messages wait for their own turns.
      });
  }

  /** The agent's part. Never rejects. */
  async work(): Promise<void> {
    this.#outcome = await this.#answer();
    this.#over = true;
    // Back at once, so that a /stop or a look at the queue finds them; the next turn begins only after `finish`.
    const late = [...this.#steered.values()];
    this.#steered.clear();
    if (this.#outcome === 'waits') late.unshift(this.#first);
    if (this.#outcome === 'again') late.unshift({ ...this.#first, item: this.#current });
    this.#queue.putBack(late);
    this.#late = late;
  }

  /** Stores the outcome, and that what came too late waits for its own turn. Never rejects. */
  async finish(): Promise<void> {
    await this.#steering;
    await Promise.all(this.#settling);
    if (this.#outcome === 'cut') await this.#port.cutOff(this.#current).catch(() => {});
    else if (this.#outcome !== undefined && this.#outcome !== 'waits' && this.#outcome !== 'again')
      await this.#settle(this.#current, this.#outcome);
    // A mark that is not stored makes the next start report the message instead of running it.
    for (const { item } of this.#late) {
      // It stays stored as running: a stop of the gateway now cuts off the same turn.
      if (this.#outcome === 'again' && item === this.#current) continue;
      if (this.#queue.has(item)) await this.#port.mark(item, 'queued').catch(() => {});
    }
  }

  /**
   * The outcome of the message that is current at the end. `waits`: it never began, and waits on; `cut`: the next start
   * of the gateway continues it; `again`: the next turn does.
   */
  async #answer(): Promise<Outcome | 'waits' | 'cut' | 'again'> {
    const { signal } = this.#abort;
    try {
      if (!this.#begun) await this.#port.mark(this.#first.item, 'running');
      if (!signal.aborted) {
        this.#port.began(this.#first.item);
        this.#startClock();
        this.#listenForSilence();
      }
      const resumed = this.#port.resumed(this.#first.item);
      const end = await this.#tries(this.#first.item, resumed);
      if (end === 'interrupted' && !signal.aborted) return { kind: 'interrupted' };
      if (signal.reason === 'shutdown' && (end === 'interrupted' || end.status !== 'answered')) {
        if (resumed !== undefined || (this.#started && this.#port.isContinuable())) return 'cut';
        if (!this.#started) return 'waits';
      }
      if (await this.#continuesElsewhere(end))
        return signal.aborted ? outcomeOf({ status: 'aborted' }, signal) : 'again';
      return outcomeOf(end === 'interrupted' ? { status: 'aborted' } : end, signal);
    } catch (error) {
      return outcomeOf(brokenEnd(error, this.#started), signal);
    } finally {
      clearTimeout(this.#deadline);
      clearTimeout(this.#silence);
    }
  }

  /** What ran it is gone, and the next turn continues with it. */
  async #continuesElsewhere(end: ResumedEnd): Promise<boolean> {
    if (end === 'interrupted' || !isGone(end) || this.#abort.signal.aborted) return false;
    if (end.status !== 'failed' || !end.reachedModel) return false;
    await this.#steering;
    await Promise.all(this.#settling);
    const taken = await this.#port.takeUp([this.#current, ...this.steered]);
    if (taken === undefined) return false;
    const { current, later, unclear } = taken;
    this.#current = current;
    for (const { id } of this.steered) if (!later.some((each) => each.id === id)) this.#steered.delete(id);
    for (const item of unclear) this.#settling.push(this.#settle(item, { kind: 'interrupted' }));
    return true;
  }

  #startClock(): void {
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => this.abort('timed_out'), this.#port.turnMs);
  }

  #listenForSilence(): void {
    clearTimeout(this.#silence);
    if (this.#holds > 0 || this.#over || this.#abort.signal.aborted) return;
    this.#silence = setTimeout(() => this.abort('timed_out'), this.#port.silenceMs);
  }

  /** A turn that has not reached the model is tried again, with back-off; one that has is never repeated. */
  async #tries(first: InboxItem, resumed: Pick<ResumedTurn, 'run'> | undefined): Promise<ResumedEnd> {
    const { signal } = this.#abort;
    if (signal.aborted) return { status: 'aborted' };
    const input = resumed === undefined ? await this.#unlessAborted(this.#port.prepare(first)) : undefined;
    const work = resumed ?? (input === undefined ? undefined : this.#fresh(input));
    for (let attempt = 0; ; attempt += 1) {
      if (signal.aborted || work === undefined) return { status: 'aborted' };
      const end = await this.#runOnce(work);
      const delay = this.#port.retryDelaysMs[attempt];
      const again =
        end !== 'interrupted' &&
        end.status === 'failed' &&
        end.retryable &&
        !end.reachedModel &&
        !this.#started &&
        delay !== undefined;
      if (!again || signal.aborted) return end;
      this.#port.retried(first, end);
      await pause(delay, signal);
    }
  }

  #fresh(input: AgentInput): Pick<ResumedTurn, 'run'> {
    return { run: (listener, signal) => this.#port.conversation().run(input, listener, signal) };
  }

  async #runOnce(work: Pick<ResumedTurn, 'run'>): Promise<ResumedEnd> {
    const run = (async () => work.run((event) => this.#listen(event), this.#abort.signal))();
    const end = run.catch((error: unknown) => brokenEnd(error, this.#started));
    const ended = await unlessCut(end, this.#abort.signal, GIVE_UP_MS);
    if (ended !== undefined) return ended;
    this.#port.discard();
    return { status: 'aborted' };
  }

  async #unlessAborted<T>(work: Promise<T>): Promise<T | undefined> {
    try {
      return await unlessCut(work, this.#abort.signal, 0);
    } finally {
      work.catch(() => {}); // no one waits for it anymore
    }
  }

  #listen(event: AgentEvent): void {
    if (this.#over) return;
    if (this.#holds === 0) this.#silence?.refresh();
    if (event.type === 'alive') return;
    if (event.type === 'compacting' || event.type === 'starting') {
      this.#doing = event.on ? event.type : undefined;
      // A start has a limit of its own (agent.startSeconds): in a queue it may take longer than a turn.
      if (event.type === 'starting') {
        if (event.on) clearTimeout(this.#deadline);
        else if (!this.#abort.signal.aborted) this.#startClock();
        this.#port.event(this.#current, event);
      }
      this.#port.changed();
      return;
    }
    if (event.type === 'started') {
      this.#started = true;
      this.#doing = undefined;
      this.steer(); // what came before the model was reached
    }
    if (event.type === 'text_delta') this.#spoke = true;
    if (event.type === 'consumed') this.#consumed(event.inputId);
    else this.#port.event(this.#current, event);
  }

  /** The model took a later message: the one before has its outcome. */
  #consumed(inputId: string): void {
    const next = this.#steered.get(inputId)?.item;
    if (next === undefined) return; // dropped by /stop while it was on its way
    this.#steered.delete(inputId);
    const previous = this.#current;
    this.#current = next;
    this.#port.tookOver(next, previous);
    const outcome: Outcome = this.#spoke ? { kind: 'answered' } : { kind: 'joined', to: next };
    this.#spoke = false;
    this.#settling.push(this.#settle(previous, outcome));
    this.#port.began(next);
    this.#port.changed();
  }

  async #handOver(): Promise<void> {
    while (!this.#closed && this.#started) {
      const next = this.#queue.takeSteerable(this.#current.message.sender.id);
      if (next === undefined) return;
      const { item } = next;
      this.#steered.set(item.id, next);
      if (await this.#offer(item)) continue;
      // Dropped in the meantime, or put back by the end of the turn: someone else cares for it.
      if (this.#over || !this.#steered.delete(item.id)) continue;
      this.#queue.putBack([next]);
      await this.#port.mark(item, 'queued');
      return;
    }
  }

  /** True when the agent holds the message. */
  async #offer(item: InboxItem): Promise<boolean> {
    const wanted = (): boolean => !this.#closed && this.#steered.has(item.id);
    // The mark goes first: after a crash it is known that the model may have seen it.
    await this.#port.mark(item, 'steering');
    if (!wanted()) return false;
    try {
      const input = await this.#port.prepare(item);
      return wanted() && (await this.#port.conversation().steer(input));
    } catch {
      return false; // it waits for its own turn, which says what is wrong
    }
  }

  get #closed(): boolean {
    return this.#over || this.#abort.signal.aborted;
  }

  async #settle(item: InboxItem, outcome: Outcome): Promise<void> {
    await this.#port.settled(item, outcome).catch(() => {}); // says itself what went wrong
  }
}

function brokenEnd(error: unknown, reachedModel: boolean): TurnEnd {
  return failedEnd('agent_crashed', say('failure.gateway'), `Check the log: ${messageOf(error)}`, {
    reachedModel,
  });
}
