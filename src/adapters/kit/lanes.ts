/** Runs tasks of the same key one after another, in the order they came; different keys run side by side. */
export class Lanes {
  readonly #tails = new Map<string, { tail: Promise<unknown>; waiting: number }>();

  /** How many tasks of this key have not finished. */
  waiting(key: string): number {
    return this.#tails.get(key)?.waiting ?? 0;
  }

  /** Settles as the task does. A task that fails does not hold up the ones behind it. */
  run<T>(key: string, task: () => Promise<T>): Promise<T> {
    const lane = this.#tails.get(key) ?? { tail: Promise.resolve(), waiting: 0 };
    const result = lane.tail.then(task);
    lane.waiting += 1;
    lane.tail = result.then(
      () => this.#finished(key, lane),
      () => this.#finished(key, lane),
    );
    this.#tails.set(key, lane);
    return result;
  }

  #finished(key: string, lane: { waiting: number }): void {
    lane.waiting -= 1;
    if (lane.waiting === 0) this.#tails.delete(key);
  }
}
