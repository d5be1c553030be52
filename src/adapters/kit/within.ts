import { pause } from './supervisor.ts';

/** The result of `work`, or undefined when it takes longer than `ms` or `signal` aborts. Leaves no timer behind. */
export async function within<T>(work: Promise<T>, ms: number, signal?: AbortSignal): Promise<T | undefined> {
  const done = new AbortController();
  const end = signal === undefined ? done.signal : AbortSignal.any([signal, done.signal]);
  try {
    return await Promise.race([work, pause(ms, end).then(() => undefined)]);
  } finally {
    done.abort('over'); // without a reason Node makes an error with a stack, for nobody
  }
}
