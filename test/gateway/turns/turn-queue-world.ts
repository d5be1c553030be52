import type { Conversation } from '../../../src/gateway/agent/agent.ts';
import type { BusyMode } from '../../../src/gateway/config/schema.ts';
import type { InboxItem, InboxState } from '../../../src/gateway/receive/inbox.ts';
import { TurnQueue, type TurnQueuePort, TurnSlots } from '../../../src/gateway/turns/turn-queue.ts';
import { type RunPlan, ScriptedModel } from './scripted-model.ts';

export interface Accepted {
  readonly item: InboxItem;
  readonly session: number;
  readonly sender: string;
  readonly mode: BusyMode;
}

export interface WorldOptions {
  readonly sessions: number;
  readonly plans: readonly RunPlan[];
  readonly slots: number;
  readonly maxWaiting: number;
  readonly storeMs: number;
  /** Fetching attachments. */
  readonly prepareMs: number;
  /** The commit that accepts a message; what happens meanwhile happens in between. */
  readonly acceptMs: number;
}

interface Session {
  queue: TurnQueue;
  readonly model: ScriptedModel;
  /** Its changes are stored one after the other. */
  storing: Promise<unknown>;
  /** Its messages are accepted one after the other. */
  accepting: Promise<void>;
}

/**
 * Sessions that share the turn slots, over a store that forgets nothing it has confirmed, takes its time, and now and
 * then takes nothing. A crash throws the lanes away; what was stored decides how they go on, as in the gateway.
 */
export class LaneWorld {
  readonly accepted: Accepted[] = [];
  /** Durable outcomes in the order in which they became so. */
  readonly outcomes: { readonly id: string; readonly kind: string }[] = [];
  readonly sessions: Session[];
  readonly #options: WorldOptions;
  readonly #states = new Map<string, InboxState>();
  #slots: TurnSlots;
  /** Raised by a crash: writes of a process that is dead go nowhere. */
  #life = 0;
  #blocked: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.#slots = new TurnSlots(options.slots);
    this.sessions = Array.from({ length: options.sessions }, () => {
      const session: Session = {
        model: new ScriptedModel(options.plans),
        storing: Promise.resolve(),
        accepting: Promise.resolve(),
        queue: new TurnQueue(this.#port(() => session)),
      };
      return session;
    });
  }

  get running(): number {
    return this.#slots.running;
  }

  /** Counts the starts. */
  get life(): number {
    return this.#life;
  }

  queue(session: number): TurnQueue {
    return this.#session(session).queue;
  }

  state(id: string): InboxState | undefined {
    return this.#states.get(id);
  }

  /**
   * A message arrives and is stored, as the intake does it. Without room it is refused (false); killed before, it never
   * was.
   */
  push(session: number, sender: string, mode: BusyMode): boolean {
    const { acceptMs } = this.#options;
    const life = this.#life;
    const own = this.#session(session);
    if (acceptMs === 0) {
      const handOver = this.#commit(session, sender, mode);
      handOver?.();
      return handOver !== undefined;
    }
    own.accepting = own.accepting.then(async () => {
      if (life !== this.#life) return;
      const handOver = this.#commit(session, sender, mode);
      await new Promise((resolve) => setTimeout(resolve, acceptMs));
      if (life === this.#life) handOver?.();
    });
    return true;
  }

  /** The message is stored, as begun if it can begin; what is returned hands it to the lane. */
  #commit(session: number, sender: string, mode: BusyMode): (() => void) | undefined {
    const { queue } = this.#session(session);
    if (queue.full) return undefined;
    const begun = queue.begin();
    const seq = this.accepted.length + 1;
    const id = `m${seq}`;
    const item: InboxItem = {
      id,
      seq,
      sessionId: `s${session}`,
      acceptedAt: 0,
      state: 'queued',
      message: {
        dedupeKey: id,
        chat: { platform: 'telegram', accountId: 'default', chatId: 'c' },
        chatKind: 'dm',
        sender: { id: sender, name: sender },
        text: id,
        messageId: id,
        mentioned: true,
      },
    };
    this.accepted.push({ item, session, sender, mode });
    this.#states.set(id, begun === undefined ? 'queued' : 'running');
    return () => queue.push(item, mode, begun);
  }

  storeDown(): void {
    this.#blocked ??= Promise.withResolvers<void>();
  }

  storeUp(): void {
    this.#blocked?.resolve();
    this.#blocked = undefined;
  }

  /** `kill -9`, and the start after it: what may have reached the model is reported, the rest runs. */
  crash(): void {
    this.#life += 1;
    this.#slots = new TurnSlots(this.#options.slots);
    for (const session of this.sessions) {
      session.model.kill();
      session.storing = Promise.resolve();
      session.accepting = Promise.resolve();
      session.queue = new TurnQueue(this.#port(() => session));
    }
    for (const { item, session } of this.accepted) {
      const state = this.#states.get(item.id);
      if (state === 'queued') this.queue(session).push(item, 'queue');
      else if (state === 'running' || state === 'steering') this.#done(item.id, 'interrupted');
    }
  }

  /** A clean stop within `graceMs`, and the start after it. Resolves when it is up again. */
  async restart(graceMs: number): Promise<void> {
    await Promise.all(this.sessions.map(({ accepting }) => accepting));
    const ended = Promise.all(this.sessions.map(({ queue }) => queue.close()));
    const timer = setTimeout(() => {
      for (const { queue } of this.sessions) queue.abort('shutdown');
    }, graceMs);
    await ended;
    clearTimeout(timer);
    await Promise.all(this.sessions.map(({ storing }) => storing));
    this.crash();
  }

  #session(index: number): Session {
    const session = this.sessions[index];
    if (session === undefined) throw new RangeError(`no session ${index}`);
    return session;
  }

  #done(id: string, kind: string): void {
    this.#states.set(id, 'done');
    this.outcomes.push({ id, kind });
  }

  #store(life: number, session: Session, change: () => void): Promise<void> {
    if (life !== this.#life) return new Promise(() => {}); // a dead process stores nothing
    const mine = session.storing.then(async () => {
      if (life === this.#life) await this.#blocked?.promise;
      await new Promise((resolve) => setTimeout(resolve, this.#options.storeMs));
      if (life !== this.#life) await new Promise(() => {}); // nobody is left to hear of it
      change();
    });
    session.storing = mine;
    return mine;
  }

  #port(session: () => Session): TurnQueuePort {
    const life = this.#life;
    let conversation: Conversation | undefined;
    return {
      slots: this.#slots,
      maxWaiting: this.#options.maxWaiting,
      turnMs: 60_000,
      silenceMs: 20_000,
      retryDelaysMs: [500, 2000],
      conversation: () => {
        if (life !== this.#life) throw new Error('a dead process asks for nothing');
        conversation ??= session().model.open();
        return conversation;
      },
      takeUp: async () => undefined,
      discard: () => {
        session().model.kill(); // as the gateway closes it: what ran there is gone
        conversation = undefined;
      },
      prepare: async (item) => {
        await new Promise((resolve) => setTimeout(resolve, this.#options.prepareMs));
        return { id: item.id, text: item.message.text };
      },
      mark: (item, state) =>
        this.#store(life, session(), () => {
          if (this.#states.get(item.id) !== 'done') this.#states.set(item.id, state);
        }),
      resumed: () => undefined,
      isContinuable: () => false,
      cutOff: async () => {},
      tookOver: () => {},
      began: () => {},
      event: () => {},
      retried: () => {},
      settled: (item, outcome) => this.#store(life, session(), () => this.#done(item.id, outcome.kind)),
      changed: () => {},
    };
  }
}
