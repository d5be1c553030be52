import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Pool, type PoolSlot } from '../../../src/agents/pi/backend.ts';

const never = new AbortController().signal;

async function taken(promise: Promise<PoolSlot | undefined>): Promise<PoolSlot> {
  const slot = await promise;
  if (slot === undefined) throw new Error('no seat');
  return slot;
}

describe('seats', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('hands out as many as there are, then serves who has waited longest', async () => {
    const pool = new Pool(2, 1000);
    const [a] = [await taken(pool.take(never)), await taken(pool.take(never))];
    const order: string[] = [];
    const third = pool.take(never).then(() => order.push('third'));
    const fourth = pool.take(never).then((slot) => {
      order.push('fourth');
      return slot;
    });
    a.leave();
    await third;
    expect(order).toEqual(['third']);
    a.leave(); // leaving twice frees nothing twice
    await vi.advanceTimersByTimeAsync(0);
    expect(order).toEqual(['third']);
    expect(fourth).toBeInstanceOf(Promise);
  });

  it('asks the longest resting seat back for whoever waits, and only as many as are needed', async () => {
    const pool = new Pool(3, 60_000);
    const [a, b, c] = [
      await taken(pool.take(never)),
      await taken(pool.take(never)),
      await taken(pool.take(never)),
    ];
    const asked: string[] = [];
    b.rest(() => asked.push('b'));
    a.rest(() => asked.push('a'));
    expect(asked).toEqual([]);
    const waiting = pool.take(never);
    expect(asked).toEqual(['b']);
    expect(b.work()).toBe(false);
    expect(a.work()).toBe(true);
    b.leave();
    await taken(waiting);
    expect(c.work()).toBe(true);
  });

  it('asks a seat back as soon as it rests while somebody waits', async () => {
    const pool = new Pool(1, 60_000);
    const a = await taken(pool.take(never));
    const waiting = pool.take(never);
    const vacate = vi.fn(() => a.leave());
    a.rest(vacate);
    expect(vacate).toHaveBeenCalledOnce();
    await taken(waiting);
  });

  it('asks a seat back that has rested too long, but not one that went back to work', async () => {
    const pool = new Pool(2, 1000);
    const [a, b] = [await taken(pool.take(never)), await taken(pool.take(never))];
    const asked: string[] = [];
    a.rest(() => asked.push('a'));
    b.rest(() => asked.push('b'));
    await vi.advanceTimersByTimeAsync(900);
    expect(b.work()).toBe(true);
    await vi.advanceTimersByTimeAsync(2000);
    expect(asked).toEqual(['a']);
  });

  it('forgets who gave up waiting', async () => {
    const pool = new Pool(1, 1000);
    const a = await taken(pool.take(never));
    const impatient = new AbortController();
    const gone = pool.take(impatient.signal);
    const next = pool.take(never);
    impatient.abort();
    expect(await gone).toBeUndefined();
    a.leave();
    await taken(next);
    expect(await pool.take(AbortSignal.abort())).toBeUndefined();
  });

  it('refuses a number of seats that makes no sense', () => {
    expect(() => new Pool(0, 1000)).toThrow('expected at least one slot, received 0');
  });
});
