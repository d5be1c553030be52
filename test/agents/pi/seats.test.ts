import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Seat, Seats } from '../../../src/agents/pi/seats.ts';

const never = new AbortController().signal;

async function taken(promise: Promise<Seat | undefined>): Promise<Seat> {
  const seat = await promise;
  if (seat === undefined) throw new Error('no seat');
  return seat;
}

describe('seats', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('hands out as many as there are, then serves who has waited longest', async () => {
    const seats = new Seats(2, 1000);
    const [a] = [await taken(seats.take(never)), await taken(seats.take(never))];
    const order: string[] = [];
    const third = seats.take(never).then(() => order.push('third'));
    const fourth = seats.take(never).then((seat) => {
      order.push('fourth');
      return seat;
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
    const seats = new Seats(3, 60_000);
    const [a, b, c] = [
      await taken(seats.take(never)),
      await taken(seats.take(never)),
      await taken(seats.take(never)),
    ];
    const asked: string[] = [];
    b.rest(() => asked.push('b'));
    a.rest(() => asked.push('a'));
    expect(asked).toEqual([]);
    const waiting = seats.take(never);
    expect(asked).toEqual(['b']);
    expect(b.work()).toBe(false);
    expect(a.work()).toBe(true);
    b.leave();
    await taken(waiting);
    expect(c.work()).toBe(true);
  });

  it('asks a seat back as soon as it rests while somebody waits', async () => {
    const seats = new Seats(1, 60_000);
    const a = await taken(seats.take(never));
    const waiting = seats.take(never);
    const vacate = vi.fn(() => a.leave());
    a.rest(vacate);
    expect(vacate).toHaveBeenCalledOnce();
    await taken(waiting);
  });

  it('asks a seat back that has rested too long, but not one that went back to work', async () => {
    const seats = new Seats(2, 1000);
    const [a, b] = [await taken(seats.take(never)), await taken(seats.take(never))];
    const asked: string[] = [];
    a.rest(() => asked.push('a'));
    b.rest(() => asked.push('b'));
    await vi.advanceTimersByTimeAsync(900);
    expect(b.work()).toBe(true);
    await vi.advanceTimersByTimeAsync(2000);
    expect(asked).toEqual(['a']);
  });

  it('forgets who gave up waiting', async () => {
    const seats = new Seats(1, 1000);
    const a = await taken(seats.take(never));
    const impatient = new AbortController();
    const gone = seats.take(impatient.signal);
    const next = seats.take(never);
    impatient.abort();
    expect(await gone).toBeUndefined();
    a.leave();
    await taken(next);
    expect(await seats.take(AbortSignal.abort())).toBeUndefined();
  });

  it('refuses a number of seats that makes no sense', () => {
    expect(() => new Seats(0, 1000)).toThrow('expected at least one seat, received 0');
  });
});
