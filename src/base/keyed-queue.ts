/** Runs work of the same key one after another, in the order it was asked for; different keys run side by side. */
export class KeyedQueue {
  readonly #queues = new Map<string, { last: Promise<void>; waiting: number }>();

  /** How many pieces of work of this key have not ended. */
  waiting(key: string): number {
    return this.#queues.get(key)?.waiting ?? 0;
  }

  /** Settles as `work` does; starts it at once when nothing waits. A failure does not stop what comes behind. */
  run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const queue = this.#queues.get(key);
    const mine = queue === undefined ? work() : queue.last.then(work);
    const entry = queue ?? { last: Promise.resolve(), waiting: 0 };
    const ended = (): void => {
      entry.waiting -= 1;
      if (entry.waiting === 0) this.#queues.delete(key);
    };
    entry.waiting += 1;
    entry.last = mine.then(ended, ended);
    this.#queues.set(key, entry);
    return mine;
  }

  /** Resolves when everything that was asked for until now has ended. */
  async idle(): Promise<void> {
    await Promise.all([...this.#queues.values()].map(({ last }) => last));
  }
}
