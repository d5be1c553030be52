/** Settles as the promise does, or rejects with `aborted()` as soon as `signal` aborts; the promise is then left alone. */
export async function unlessAborted<T>(
  promise: Promise<T>,
  signal: AbortSignal,
  aborted: () => Error,
): Promise<T> {
  if (signal.aborted) {
    promise.catch(() => {
      // Nobody waits for it any more.
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
