/** Wall-clock time in milliseconds since the epoch. Passed in, so that decisions can be tested. */
export type Clock = () => number;

export const systemClock: Clock = () => Date.now();

/** `setTimeout` fires at once for a longer time than this, about 24.8 days. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Waits `ms` milliseconds, or forever with `Infinity`. Resolves true when the time has passed and false when
 * `signal` fired first; never rejects and leaves neither timer nor listener behind.
 */
export function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return Promise.resolve(false);
  return new Promise((resolve) => {
    const timer =
      ms === Number.POSITIVE_INFINITY
        ? undefined
        : setTimeout(() => settle(true), Math.min(ms, LONGEST_TIMER_MS));
    const onAbort = (): void => settle(false);
    const settle = (passed: boolean): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      resolve(passed);
    };
    signal.addEventListener('abort', onAbort, { once: true });
  });
}

/**
 * Runs `work` with a signal that aborts after `ms` or with `parent`, whichever is first. Settles no later than the
 * signal even when `work` ignores it; the reason is then thrown. No timer is left behind.
 */
export async function withDeadline<T>(
  ms: number,
  work: (signal: AbortSignal) => Promise<T>,
  options: { readonly parent?: AbortSignal; readonly reason?: () => Error } = {},
): Promise<T> {
  const { parent } = options;
  const controller = new AbortController();
  let fail: (reason: unknown) => void = () => {};
  const cut = new Promise<never>((_, reject) => {
    fail = reject;
  });
  cut.catch(() => {}); // raced below; must not count as unhandled when `work` wins
  const abort = (reason: unknown): void => {
    controller.abort(reason);
    fail(reason);
  };
  const onParent = (): void => abort(parent?.reason);
  const timer = setTimeout(() => abort(options.reason?.() ?? new Error(`no answer within ${ms} ms`)), ms);
  if (parent?.aborted) onParent();
  else parent?.addEventListener('abort', onParent, { once: true });
  try {
    return await Promise.race([work(controller.signal), cut]);
  } finally {
    clearTimeout(timer);
    parent?.removeEventListener('abort', onParent);
  }
}

/** Whether `work` has settled, one way or the other, before `ms` are over. Leaves no timer behind. */
export async function settlesWithin(work: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  const done = work.then(
    () => true,
    () => true,
  );
  try {
    return await Promise.race([done, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Settles as `work` does, or with undefined `graceMs` after `signal` has fired, whichever is first. Leaves neither timer
 * nor listener behind, and needs no signal of its own: every turn waits like this more than once.
 */
export async function unlessCut<T>(
  work: Promise<T>,
  signal: AbortSignal,
  graceMs: number,
): Promise<T | undefined> {
  const late = Promise.withResolvers<undefined>();
  let timer: NodeJS.Timeout | undefined;
  const cut = (): void => {
    if (graceMs === 0) late.resolve(undefined);
    else timer = setTimeout(() => late.resolve(undefined), graceMs);
  };
  if (signal.aborted) cut();
  else signal.addEventListener('abort', cut, { once: true });
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', cut);
  }
}

/**
 * The result of `work`, or undefined when it takes longer than `ms` or `signal` aborts. Leaves neither timer nor listener
 * behind, and needs no signal of its own.
 */
export async function within<T>(work: Promise<T>, ms: number, signal?: AbortSignal): Promise<T | undefined> {
  const late = Promise.withResolvers<undefined>();
  const end = (): void => late.resolve(undefined);
  const timer = ms === Number.POSITIVE_INFINITY ? undefined : setTimeout(end, Math.min(ms, LONGEST_TIMER_MS));
  if (signal?.aborted) end();
  else signal?.addEventListener('abort', end, { once: true });
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', end);
  }
}

/** Settles as the promise does, or rejects with `aborted()` as soon as `signal` aborts; the promise is then left alone. */
export async function unlessAborted<T>(
  promise: Promise<T>,
  signal: AbortSignal,
  aborted: () => Error,
): Promise<T> {
  if (signal.aborted) {
    promise.catch(() => {
      // No one waits for it anymore.
    });
    throw aborted();
  }
  const cut = Promise.withResolvers<never>();
  const abort = (): void => cut.reject(aborted());
  signal.addEventListener('abort', abort);
  try {
    return await Promise.race([promise, cut.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** Runs work one after another, in the order it was asked for. A failure does not stop what comes behind. */
export class SerialQueue {
  #last: Promise<unknown> = Promise.resolve();

  /** Settles as `work` does. */
  run<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(work);
    this.#last = mine.catch(() => {}); // told to the one who asked
    return mine;
  }

  /** Resolves when everything that was asked for until now has ended. */
  async idle(): Promise<void> {
    await this.#last;
  }
}

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
