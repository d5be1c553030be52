import type { AgentEvent, AgentInput, Conversation, TurnEnd } from '../agent/agent.ts';
import type { BusyMode } from '../config/schema.ts';
import type { InboxItem } from '../inbound/inbox.ts';
import type { TurnSlots } from './turn-slots.ts';

/** What a lane needs from the outside. Storage marks resolve when they are durable. */
export interface LanePort {
  readonly slots: TurnSlots;
  readonly maxWaiting: number;
  readonly turnMs: number;
  readonly silenceMs: number;
  /** Waits between tries of a turn that has not reached the model; one entry a retry. */
  readonly retryDelaysMs: readonly number[];
  conversation(): Conversation;
  prepare(item: InboxItem): Promise<AgentInput>;
  mark(item: InboxItem, state: 'queued' | 'steering' | 'running'): Promise<void>;
  /** A turn begins to work on this message. */
  began(item: InboxItem): void;
  event(item: InboxItem, event: AgentEvent): void;
  /** The message has its outcome. Resolves when outcome and answer are durable. */
  settled(item: InboxItem, outcome: Outcome): Promise<void>;
  changed(): void;
}

export type Outcome =
  | { readonly kind: 'answered' }
  /** Its text was joined into the turn of a later message that the model took before any answer began. */
  | { readonly kind: 'joined'; readonly to: InboxItem }
  | { readonly kind: 'aborted' }
  | { readonly kind: 'dropped' }
  | { readonly kind: 'timed_out' }
  | { readonly kind: 'failed'; readonly end: Extract<TurnEnd, { status: 'failed' }> };

interface Turn {
  readonly abort: AbortController;
  current: InboxItem;
  /** Handed to the running turn, not yet taken by the model; in the order of arrival. */
  readonly steered: Map<string, InboxItem>;
  /** Outcomes being stored: the turn ends when all are durable. */
  readonly settling: Promise<void>[];
  /** Text came since the current message was taken. */
  spoke: boolean;
  started: boolean;
}

/** One lane per session: first in, first out, one turn at a time. */
export class Lane {
  readonly #port: LanePort;
  readonly #waiting: InboxItem[] = [];
  #turn: Turn | undefined;
  #pumping = false;
  #paused = false;
  #stopped = false;
  #mode: BusyMode = 'queue';
  readonly #stopWaiting = new AbortController();
  #idle: (() => void)[] = [];
  /** Steering is asynchronous: what arrives meanwhile must not overtake. */
  #steering: Promise<void> = Promise.resolve();

  constructor(port: LanePort) {
    this.#port = port;
  }

  get waiting(): readonly InboxItem[] {
    return [...(this.#turn?.steered.values() ?? []), ...this.#waiting];
  }

  get current(): InboxItem | undefined {
    return this.#turn?.current;
  }

  get idle(): boolean {
    return !this.#pumping && this.#waiting.length === 0;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** Is there room for one more message? Beyond the cap the newest is refused. */
  get full(): boolean {
    return this.waiting.length >= this.#port.maxWaiting;
  }

  /** Takes an accepted message. Returns its place: 0 starts now, n waits behind n others. */
  push(item: InboxItem, mode: BusyMode): number {
    const turn = this.#turn;
    this.#mode = mode;
    this.#waiting.push(item);
    const place = this.waiting.length - (turn === undefined && !this.#pumping ? 1 : 0);
    if (turn !== undefined && !turn.abort.signal.aborted) {
      if (mode === 'interrupt') turn.abort.abort('interrupted');
      else if (mode === 'steer') this.#steer(turn);
    }
    void this.#pump();
    this.#port.changed();
    return place;
  }

  /** Ends the running turn and drops waiting messages (only the sender's own, when given). */
  stop(senderId?: string): { readonly aborted: boolean; readonly dropped: number } {
    const mine = (item: InboxItem): boolean => senderId === undefined || item.message.sender.id === senderId;
    const dropped = this.#waiting.filter(mine);
    for (const item of dropped) this.#remove(item);
    const turn = this.#turn;
    if (turn !== undefined)
      for (const item of [...turn.steered.values()].filter(mine)) {
        // The model may already hold it; the turn is ended below, so its outcome is "aborted" either way.
        turn.steered.delete(item.id);
        dropped.push(item);
      }
    for (const item of dropped) void this.#port.settled(item, { kind: 'dropped' });
    const aborted = turn !== undefined && mine(turn.current);
    if (aborted) turn.abort.abort('stopped');
    this.#port.changed();
    return { aborted, dropped: dropped.length };
  }

  /** Takes one waiting message out. */
  drop(id: string): boolean {
    const item = this.#waiting.find((each) => each.id === id);
    if (item === undefined) return false;
    this.#remove(item);
    void this.#port.settled(item, { kind: 'dropped' });
    this.#port.changed();
    return true;
  }

  /** The sender edited a message that still waits: it runs with the new text. */
  replaceText(messageId: string, text: string): InboxItem | undefined {
    const at = this.#waiting.findIndex((each) => each.message.messageId === messageId);
    const item = this.#waiting[at];
    if (item === undefined) return undefined;
    const edited: InboxItem = { ...item, message: { ...item.message, text } };
    this.#waiting[at] = edited;
    return edited;
  }

  /** Moves a waiting message one place up. */
  up(id: string): boolean {
    const at = this.#waiting.findIndex((each) => each.id === id);
    const item = this.#waiting[at];
    if (at < 1 || item === undefined) return at === 0;
    this.#waiting.splice(at, 1);
    this.#waiting.splice(at - 1, 0, item);
    this.#port.changed();
    return true;
  }

  pause(): void {
    this.#paused = true;
    this.#port.changed();
  }

  resume(): void {
    this.#paused = false;
    void this.#pump();
    this.#port.changed();
  }

  /** No new turn begins; resolves when the running one has ended. Waiting messages stay accepted. */
  async close(): Promise<void> {
    this.#stopped = true;
    this.#stopWaiting.abort();
    if (this.#pumping) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** Ends the running turn now (shutdown after its grace). */
  abort(reason: 'stopped' | 'timed_out'): void {
    this.#turn?.abort.abort(reason);
  }

  async #pump(): Promise<void> {
    if (this.#pumping || this.#stopped || this.#paused) return;
    this.#pumping = true;
    try {
      while (this.#waiting.length > 0 && !this.#stopped && !this.#paused) {
        const release = await this.#port.slots.acquire(this.#stopWaiting.signal);
        if (release === undefined) return;
        try {
          const item = this.#stopped || this.#paused ? undefined : this.#waiting.shift();
          if (item !== undefined) await this.#runTurn(item);
        } finally {
          release();
        }
      }
    } finally {
      this.#pumping = false;
      for (const resolve of this.#idle.splice(0)) resolve();
      this.#port.changed();
    }
  }

  async #runTurn(first: InboxItem): Promise<void> {
    const turn: Turn = {
      abort: new AbortController(),
      current: first,
      steered: new Map(),
      settling: [],
      spoke: false,
      started: false,
    };
    this.#turn = turn;
    this.#port.changed();
    let silence: NodeJS.Timeout | undefined;
    const hush = (): void => {
      clearTimeout(silence);
      silence = setTimeout(() => turn.abort.abort('timed_out'), this.#port.silenceMs);
    };
    const deadline = setTimeout(() => turn.abort.abort('timed_out'), this.#port.turnMs);
    try {
      await this.#port.mark(first, 'running');
      this.#port.began(first);
      hush();
      const end = await this.#tries(turn, first, hush);
      this.#turn = undefined; // from here on a new message is a new turn
      await this.#steering;
      await Promise.all(turn.settling);
      await this.#end(turn, end);
    } catch (error) {
      this.#turn = undefined;
      await this.#end(turn, {
        status: 'failed',
        code: 'agent_crashed',
        message: 'Something went wrong inside the gateway while working on this.',
        hint: `Look at the log: ${error instanceof Error ? error.message : String(error)}`,
        reachedModel: true,
        retryable: false,
      });
    } finally {
      clearTimeout(silence);
      clearTimeout(deadline);
    }
  }

  /** A turn that has not reached the model is tried again, with back-off; one that has is never repeated. */
  async #tries(turn: Turn, first: InboxItem, hush: () => void): Promise<TurnEnd> {
    const input = await this.#port.prepare(first);
    for (let attempt = 0; ; attempt += 1) {
      if (turn.abort.signal.aborted) return { status: 'aborted' };
      const end = await this.#port.conversation().run(
        input,
        (event) => {
          hush();
          this.#listen(turn, event);
        },
        turn.abort.signal,
      );
      const delay = this.#port.retryDelaysMs[attempt];
      const again =
        end.status === 'failed' && end.retryable && !end.reachedModel && !turn.started && delay !== undefined;
      if (!again) return end;
      await wait(delay, turn.abort.signal);
    }
  }

  #listen(turn: Turn, event: AgentEvent): void {
    if (event.type === 'started') {
      turn.started = true;
      if (this.#mode === 'steer') this.#steer(turn); // what came before the model was reached
    }
    if (event.type === 'text_delta') turn.spoke = true;
    if (event.type === 'consumed') {
      const next = turn.steered.get(event.inputId);
      if (next === undefined) return; // dropped by /stop while it was on its way
      turn.steered.delete(event.inputId);
      const previous = turn.current;
      turn.current = next;
      turn.settling.push(
        this.#port.settled(previous, turn.spoke ? { kind: 'answered' } : { kind: 'joined', to: next }),
      );
      turn.spoke = false;
      this.#port.began(next);
      this.#port.changed();
      return;
    }
    this.#port.event(turn.current, event);
  }

  async #end(turn: Turn, end: TurnEnd): Promise<void> {
    const timedOut = turn.abort.signal.reason === 'timed_out';
    const outcome: Outcome =
      end.status === 'answered'
        ? { kind: 'answered' }
        : end.status === 'failed'
          ? { kind: 'failed', end }
          : { kind: timedOut ? 'timed_out' : 'aborted' };
    await this.#port.settled(turn.current, outcome);
    // Handed over too late: they become the next turns, in their original place.
    const late = [...turn.steered.values()];
    turn.steered.clear();
    for (const item of late) await this.#port.mark(item, 'queued').catch(() => {}); // else reported at the next start
    this.#waiting.unshift(...late);
    this.#port.changed();
  }

  /** Hands waiting messages to the running turn, in order, as long as the agent takes them. */
  #steer(turn: Turn): void {
    this.#steering = this.#steering
      .then(async () => {
        for (let item = this.#waiting[0]; item !== undefined; item = this.#waiting[0]) {
          if (this.#turn !== turn || turn.abort.signal.aborted || !turn.started) return;
          if (item.message.sender.id !== turn.current.message.sender.id) return; // never merged across senders
          this.#waiting.shift();
          turn.steered.set(item.id, item);
          // The mark goes first: after a crash it is known that the model may have seen it.
          await this.#port.mark(item, 'steering');
          const input = await this.#port.prepare(item);
          const stillOpen = this.#turn === turn && turn.steered.has(item.id);
          const taken = stillOpen && (await this.#port.conversation().steer(input));
          if (taken || !turn.steered.has(item.id)) continue;
          if (this.#turn !== turn) return; // the turn has ended: its end puts the item back
          turn.steered.delete(item.id);
          this.#waiting.unshift(item);
          await this.#port.mark(item, 'queued');
          return;
        }
      })
      .catch(() => {
        // A mark that could not be stored: the messages wait for their own turns.
      });
  }

  #remove(item: InboxItem): void {
    const at = this.#waiting.indexOf(item);
    if (at >= 0) this.#waiting.splice(at, 1);
  }
}

function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
    if (signal.aborted) done();
  });
}
