import { describe, expect, it } from 'vitest';
import { Pacer } from '../../../src/adapters/kit/pacer.ts';
import { DeliveryError } from '../../../src/base/errors.ts';

const LIMIT = { burst: 2, everyMs: 40 };

describe('the pacer', () => {
  it('lets a burst through and then spaces the sends', async () => {
    const pacer = new Pacer();
    const started = performance.now();
    const at: number[] = [];
    for (let n = 0; n < 4; n += 1) {
      await pacer.slot([{ key: 'chat', limit: LIMIT }], AbortSignal.timeout(10_000));
      at.push(performance.now() - started);
    }
    expect(at[1]).toBeLessThan(39);
    expect(at[2]).toBeGreaterThanOrEqual(35);
    expect(at[3]).toBeGreaterThanOrEqual(70);
  });

  it('does not let one chat slow another', async () => {
    const pacer = new Pacer(() => 0);
    const signal = AbortSignal.timeout(10_000);
    const slow = { burst: 1, everyMs: 60_000 };
    await pacer.slot([{ key: 'a', limit: slow }], signal);
    await pacer.slot([{ key: 'b', limit: slow }], signal);
  });

  it('fails at once while the platform has blocked the chat, and says for how long', async () => {
    let now = 1000;
    const pacer = new Pacer(() => now);
    pacer.block('chat', 500);
    now += 100;
    const error: unknown = await pacer
      .slot([{ key: 'chat', limit: LIMIT }], AbortSignal.timeout(1000))
      .catch((e: unknown) => e);
    expect(error).toBeInstanceOf(DeliveryError);
    if (error instanceof DeliveryError)
      expect(error).toMatchObject({ failure: 'rate-limited', retryAfterMs: 400 });
    now += 400;
    await pacer.slot([{ key: 'chat', limit: LIMIT }], AbortSignal.timeout(1000));
  });

  it('ends a wait when it is aborted', async () => {
    const pacer = new Pacer();
    const abort = new AbortController();
    const long = { burst: 1, everyMs: 60_000 };
    await pacer.slot([{ key: 'chat', limit: long }], abort.signal);
    const waiting = pacer.slot([{ key: 'chat', limit: long }], abort.signal);
    abort.abort();
    await waiting;
  });
});
