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
