import type { BusyMode } from '../config/schema.ts';
import { ChatError, say } from '../language/chat-text.ts';
import type { InboxItem } from '../receive/inbox.ts';
import { editedMessage, withoutPiece } from '../receive/message-text.ts';
import type { AbortReason } from './finish-turn.ts';
import { type Doing, Turn, type TurnPort } from './turn.ts';

/** What a queue needs from the outside. */
export interface TurnQueuePort extends TurnPort {
  readonly slots: TurnSlots;
  readonly maxWaiting: number;
}

/** A turn slot held for a message that is stored as begun while it is being accepted. Free it or hand it to `push`. */
export interface Beginning {
  readonly release: () => void;
}

interface Waiting {
  readonly item: InboxItem;
  /** How it wants to be treated while a turn runs; each message has its own. */
  readonly mode: BusyMode;
}

/** What a stop has done. */
interface Stopped {
  readonly aborted: boolean;
  readonly dropped: number;
  /** Resolves when what was dropped stays dropped, whatever happens. */
  readonly stored: Promise<void>;
}

/** One queue per session: first in, first out, one turn at a time. */
export class TurnQueue {
  readonly #port: TurnQueuePort;
  readonly #waiting: Waiting[] = [];
  #turn: Turn<Waiting> | undefined;
  #pumping = false;
  #paused = false;
  #stopped = false;
  /** Work that is no turn: messages wait behind it. */
  #work: { readonly senderId: string; readonly abort: AbortController } | undefined;
  #stopWaiting: AbortController | undefined;
  #settled: (() => void)[] = [];

  constructor(port: TurnQueuePort) {
    this.#port = port;
  }

  get waiting(): readonly InboxItem[] {
    return [...(this.#turn?.steered ?? []), ...this.#waiting.map(({ item }) => item)];
  }

  /** The message that is being worked on. */
  get current(): InboxItem | undefined {
    return this.#turn?.current;
  }

  /** The same, as long as nothing has told its turn to end. */
  get unaborted(): InboxItem | undefined {
    return this.#turn?.aborted === false ? this.#turn.current : undefined;
  }

  /** What the queue does that is no turn, or a turn does before it continues; undefined: nothing of the kind. */
  get doing(): Doing | undefined {
    return this.#work !== undefined ? 'compacting' : this.#turn?.doing;
  }

  get idle(): boolean {
    return !this.#pumping && this.#waiting.length === 0;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** Is there no room for one more message? Beyond the cap the newest is refused. */
  get full(): boolean {
    return this.waiting.length >= this.#port.maxWaiting;
  }

  /**
   * Could a message begin its turn this very moment? Then its acceptance and its beginning can be one commit: store it
   * as `running`, and hand the slot to `push` (or free it when the commit fails).
   */
  begin(): Beginning | undefined {
    if (this.#pumping || this.#waiting.length > 0 || this.#stopped || this.#paused) return undefined;
    const release = this.#port.slots.tryAcquire();
    return release === undefined ? undefined : { release };
  }

  /** Takes an accepted message. Returns its place: 0 starts now, n waits behind n others. */
  push(item: InboxItem, mode: BusyMode, begun?: Beginning): number {
    const begins = begun !== undefined && this.idle && !this.#stopped && !this.#paused;
    this.#waiting.push({ item, mode });
    const place = this.waiting.length - (this.#pumping ? 0 : 1);
    if (mode === 'interrupt') this.#turn?.abort('interrupted');
    else if (mode === 'steer') this.#turn?.steer();
    if (begun !== undefined && !begins) this.#notBegun(item, begun);
    void this.#pump(begins ? begun : undefined);
    this.#port.changed();
    return place;
  }

  /**
   * Ends the running turn and drops waiting messages (only the sender's own, when given). In force at once. `told`: the
   * caller tells the chat, so the turn itself does not.
   */
  stop(senderId?: string, told = false): Stopped {
    const mine = (item: InboxItem): boolean => senderId === undefined || item.message.sender.id === senderId;
    const turn = this.#turn;
    const aborted = turn !== undefined && !turn.over && mine(turn.current);
    const dropped = [...(turn?.drop(mine) ?? []), ...this.#take(mine)];
    if (aborted) turn.abort(told ? 'told' : 'stopped');
    const worked = this.#work !== undefined && (senderId === undefined || this.#work.senderId === senderId);
    if (worked) this.#work?.abort.abort(told ? 'told' : 'stopped');
    const stored = Promise.all(dropped.map((item) => this.#port.settled(item, { kind: 'dropped' })));
    this.#port.changed();
    return { aborted: aborted || worked, dropped: dropped.length, stored: stored.then(() => {}) };
  }

  /**
   * A compaction in the place of a turn: what arrives in the meantime waits, and a stop of its sender ends it. Rejects at once
   * when a turn runs or is about to.
   */
  async compact<T>(senderId: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (this.#pumping || this.#stopped)
      throw new ChatError('agent_busy', say('command.waitUntilDone'), {
        status: 409,
        hint: say('command.stopEnds'),
      });
    const abort = new AbortController();
    this.#pumping = true;
    this.#work = { senderId, abort };
    this.#port.changed();
    try {
      return await work(abort.signal);
    } finally {
      this.#work = undefined;
      this.#pumping = false;
      for (const resolve of this.#settled.splice(0)) resolve();
      void this.#pump();
      this.#port.changed();
    }
  }

  /** Takes everything out that is waiting, for anyone who cares for it from now on. */
  takeWaiting(): InboxItem[] {
    return this.#take(() => true);
  }

  /** Takes one waiting message out. */
  drop(id: string): boolean {
    const [item] = this.#take((each) => each.id === id);
    if (item === undefined) return false;
    void this.#port.settled(item, { kind: 'dropped' });
    this.#port.changed();
    return true;
  }

  /** The sender edited a message that still waits: it runs with the new text. */
  replaceText(messageId: string, text: string): InboxItem | undefined {
    for (const [at, known] of this.#waiting.entries()) {
      const message = editedMessage(known.item.message, messageId, text);
      if (message === undefined) continue;
      const item: InboxItem = { ...known.item, message };
      this.#waiting[at] = { ...known, item };
      return item;
    }
    return undefined;
  }

  /**
   * Its author deleted a message, or a piece of one: what still waits is dropped, or goes without the piece. Undefined:
   * nothing of it waits.
   */
  deleted(
    messageId: string,
  ): { readonly stored: Promise<void> } | { readonly changed: InboxItem } | undefined {
    for (const [at, known] of this.#waiting.entries()) {
      const message = withoutPiece(known.item.message, messageId);
      if (message === undefined) continue;
      if (message === 'nothing') {
        this.#waiting.splice(at, 1);
        this.#port.changed();
        return { stored: this.#port.settled(known.item, { kind: 'dropped' }) };
      }
      const item: InboxItem = { ...known.item, message };
      this.#waiting[at] = { ...known, item };
      return { changed: item };
    }
    return undefined;
  }

  /** Moves a waiting message one place up. */
  up(id: string): boolean {
    const at = this.#waiting.findIndex(({ item }) => item.id === id);
    const [moved] = at < 1 ? [] : this.#waiting.splice(at, 1);
    if (moved === undefined) return at === 0;
    this.#waiting.splice(at - 1, 0, moved);
    this.#port.changed();
    return true;
  }

  /** The running turn ends as it would; nothing is handed to it anymore, and no other begins. */
  pause(): void {
    this.#paused = true;
    this.#port.changed();
  }

  resume(): void {
    this.#paused = false;
    this.#turn?.steer();
    void this.#pump();
    this.#port.changed();
  }

  /** No new turn begins; resolves when the running one has ended. Waiting messages stay accepted. */
  close(): Promise<void> {
    this.#stopped = true;
    this.#stopWaiting?.abort();
    return this.settled();
  }

  /** Resolves when no turn runs and none is about to begin. */
  settled(): Promise<void> {
    return this.#pumping ? new Promise((resolve) => this.#settled.push(resolve)) : Promise.resolve();
  }

  /** See `Turn.hold`; nothing happens where no turn runs. */
  hold(): () => void {
    return this.#turn?.hold() ?? (() => {});
  }

  /** See `Turn.cutQuestion`. */
  cutQuestion(): void {
    this.#turn?.cutQuestion();
  }

  /** Ends the running turn now. */
  abort(reason: AbortReason): void {
    this.#turn?.abort(reason);
    this.#work?.abort.abort(reason);
  }

  /** Something came in between: what is stored as begun waits like any other. */
  #notBegun(item: InboxItem, { release }: Beginning): void {
    release();
    // A mark that is not stored makes the next start report the message instead of running it.
    void this.#port.mark(item, 'queued').catch(() => {});
  }

  /** `begun`: the first waiting message has its slot, and is stored as running. */
  async #pump(begun?: Beginning): Promise<void> {
    if (this.#pumping || !this.#ready()) return;
    this.#pumping = true;
    try {
      const first = begun === undefined ? undefined : this.#waiting.shift();
      if (first !== undefined && begun !== undefined) await this.#run(first, begun.release, true);
      while (this.#ready()) {
        this.#stopWaiting ??= new AbortController();
        const release = await this.#port.slots.acquire(this.#stopWaiting.signal);
        if (release === undefined) return;
        // While it waited for its slot everything may have been dropped, or the operator took over.
        const next = this.#ready() ? this.#waiting.shift() : undefined;
        if (next === undefined) release();
        else await this.#run(next, release, false);
      }
    } finally {
      this.#pumping = false;
      this.#stopWaiting = undefined;
      for (const resolve of this.#settled.splice(0)) resolve();
      this.#port.changed();
    }
  }

  #ready(): boolean {
    return this.#waiting.length > 0 && !this.#stopped && !this.#paused;
  }

  async #run(first: Waiting, release: () => void, begun: boolean): Promise<void> {
    const turn = new Turn<Waiting>(first, begun, this.#port, {
      takeSteerable: (senderId) => this.#takeSteerable(senderId),
      putBack: (back) => {
        this.#waiting.unshift(...back);
      },
      has: (item) => this.#waiting.some((each) => each.item.id === item.id),
    });
    this.#turn = turn;
    this.#port.changed();
    try {
      await turn.work();
    } finally {
      // The slot is for the agent's part alone: storing the outcome delays no one else.
      release();
    }
    await turn.finish();
    this.#turn = undefined;
  }

  /** Never merged across senders, never overtaking: only the first waiting message can be handed over. */
  #takeSteerable(senderId: string): Waiting | undefined {
    const head = this.#waiting[0];
    if (head === undefined || this.#paused || this.#stopped) return undefined;
    if (head.mode !== 'steer' || head.item.message.sender.id !== senderId) return undefined;
    return this.#waiting.shift();
  }

  #take(fits: (item: InboxItem) => boolean): InboxItem[] {
    const taken = this.#waiting.filter(({ item }) => fits(item));
    for (const each of taken) this.#waiting.splice(this.#waiting.indexOf(each), 1);
    return taken.map(({ item }) => item);
  }
}

/** A counting semaphore with fair, first-come hand-over: the global cap on running turns. */
export class TurnSlots {
  readonly max: number;
  #taken = 0;
  readonly #waiting: { readonly grant: () => void; cancelled: boolean }[] = [];

  constructor(max: number) {
    this.max = max;
  }

  get running(): number {
    return this.#taken;
  }

  /** The function that frees a slot, if one is free and no one waits for it. */
  tryAcquire(): (() => void) | undefined {
    if (this.#taken >= this.max || this.#waiting.length > 0) return undefined;
    this.#taken += 1;
    return this.#releaser();
  }

  /** Resolves with the function that frees the slot (call it once); undefined when `signal` aborts first. */
  acquire(signal?: AbortSignal): Promise<(() => void) | undefined> {
    if (signal?.aborted) return Promise.resolve(undefined);
    const free = this.tryAcquire();
    if (free !== undefined) return Promise.resolve(free);
    return new Promise((resolve) => {
      const entry = {
        cancelled: false,
        grant: () => {
          signal?.removeEventListener('abort', cancel);
          this.#taken += 1;
          resolve(this.#releaser());
        },
      };
      const cancel = (): void => {
        entry.cancelled = true;
        resolve(undefined);
      };
      signal?.addEventListener('abort', cancel, { once: true });
      this.#waiting.push(entry);
    });
  }

  #releaser(): () => void {
    let released = false;
    return () => {
      if (released) return;
      released = true;
      this.#taken -= 1;
      let next = this.#waiting.shift();
      while (next?.cancelled) next = this.#waiting.shift();
      next?.grant();
    };
  }
}
