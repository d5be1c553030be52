/** Work of one chat runs one after the other, in the order in which it was asked for; chats do not wait for each other. */
export class ChatTails {
  readonly #tails = new Map<string, Promise<void>>();

  /** Runs `work` behind everything of the same key. Settles with it; a failure does not stop what comes behind. */
  run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key);
    const mine = before === undefined ? work() : before.then(work);
    const settled = mine.then(
      () => {},
      () => {},
    );
    this.#tails.set(key, settled);
    void settled.then(() => {
      if (this.#tails.get(key) === settled) this.#tails.delete(key);
    });
    return mine;
  }

  /** Resolves when everything that was asked for until now has ended. */
  async idle(): Promise<void> {
    await Promise.all(this.#tails.values());
  }
}
