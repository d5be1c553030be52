import type { Cell } from './ledger.ts';

interface Waiting {
  /** Looks again; true: it does not wait anymore. */
  readonly look: (blocked: ReadonlySet<string>) => boolean;
  readonly cells: readonly Cell[];
}

/** Calls that fit only once others are settled: first come, first served. */
export class WaitingCalls {
  readonly #waiting = new Set<Waiting>();

  /** Cells for which someone waits: anyone who comes later waits behind. */
  blocked(): ReadonlySet<string> {
    return new Set([...this.#waiting].flatMap(({ cells }) => cells.map(({ key }) => key)));
  }

  /** Waits until `take` has something; undefined: `signal` has fired. */
  turnOf<T>(
    cells: readonly Cell[],
    take: (blocked: ReadonlySet<string>) => T | undefined,
    signal: AbortSignal,
  ): Promise<T | undefined> {
    const { promise, resolve } = Promise.withResolvers<T | undefined>();
    const end = (taken: T | undefined): void => {
      this.#waiting.delete(waiting);
      signal.removeEventListener('abort', onAbort);
      resolve(taken);
    };
    const waiting: Waiting = {
      cells,
      look: (blocked) => {
        const taken = take(blocked);
        if (taken !== undefined) end(taken);
        return taken !== undefined;
      },
    };
    const onAbort = (): void => {
      end(undefined);
      this.wake();
    };
    signal.addEventListener('abort', onAbort, { once: true });
    this.#waiting.add(waiting);
    return promise;
  }

  /** Something was settled: those who are waiting look again, in their order. */
  wake(): void {
    const blocked = new Set<string>();
    for (const waiting of [...this.#waiting])
      if (!waiting.look(blocked)) for (const { key } of waiting.cells) blocked.add(key);
  }
}
