import type { RpcLink } from './rpc-link.ts';

/** What a child is started with; children of one kind can take any session of it. */
export interface ChildKind {
  readonly cwd: string;
  readonly flags: readonly string[];
}

export interface SpareOptions {
  /** Starts a child without a session. */
  readonly start: (kind: ChildKind) => RpcLink | undefined;
  /** A spare that nobody has needed for this many milliseconds is stopped. */
  readonly idleMs: number;
}

interface Waiting {
  readonly kind: string;
  readonly link: RpcLink;
  ready: boolean;
}

/** One child that is started ahead of the next session, which then need not wait for a process to start. */
export class Spare {
  readonly #options: SpareOptions;
  #waiting: Waiting | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: SpareOptions) {
    this.#options = options;
  }

  /** A child of the kind that has answered already; undefined when there is none. */
  take(kind: ChildKind): RpcLink | undefined {
    const waiting = this.#waiting;
    if (waiting === undefined || !waiting.ready || waiting.kind !== keyOf(kind)) return undefined;
    this.#forget(waiting);
    return waiting.link;
  }

  /** Sees to it that a child waits. One of another kind stays until it is taken or has waited too long. */
  prepare(kind: ChildKind): void {
    if (this.#closed) return;
    if (this.#waiting === undefined) this.#start(kind);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#drop(), this.#options.idleMs);
    this.#timer.unref();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#drop();
  }

  #start(kind: ChildKind): void {
    const link = this.#options.start(kind);
    if (link === undefined) return;
    const waiting: Waiting = { kind: keyOf(kind), link, ready: false };
    this.#waiting = waiting;
    void waiting.link.ended.then(() => this.#forget(waiting));
    waiting.link.request({ type: 'get_state' }).then(
      () => {
        waiting.ready = true;
      },
      // A session that starts by itself will tell what is wrong.
      () => void waiting.link.close(),
    );
  }

  #forget(waiting: Waiting): void {
    if (this.#waiting !== waiting) return;
    this.#waiting = undefined;
    clearTimeout(this.#timer);
  }

  async #drop(): Promise<void> {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    this.#forget(waiting);
    await waiting.link.close();
  }
}

function keyOf(kind: ChildKind): string {
  return JSON.stringify([kind.cwd, ...kind.flags]);
}
