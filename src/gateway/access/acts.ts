/** Acts on people run one after the other, in the order in which they were asked for. */
export class Acts {
  /** Settles with the last one that was asked for. */
  #last: Promise<unknown> = Promise.resolve();

  run<T>(act: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(act);
    this.#last = mine.catch(() => {});
    return mine;
  }
}
