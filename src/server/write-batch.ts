/** Something whose writes of one event-loop turn leave together. */
export interface Flushable {
  flush(): void;
}

/**
 * Collects the sockets that were written to in this turn of the event loop and flushes each once at its end: many
 * small frames become one system call, without adding a timer's delay.
 */
export class WriteBatch {
  #dirty: Flushable[] = [];

  /** The caller adds itself once until its `flush` is called. */
  add(socket: Flushable): void {
    this.#dirty.push(socket);
    if (this.#dirty.length === 1) setImmediate(() => this.#flushAll());
  }

  #flushAll(): void {
    const dirty = this.#dirty;
    this.#dirty = [];
    for (const socket of dirty) socket.flush();
  }
}
