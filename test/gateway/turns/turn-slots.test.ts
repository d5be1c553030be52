import { describe, expect, it } from 'vitest';
import { TurnSlots } from '../../../src/gateway/turns/turn-queue.ts';

describe('the slots of running turns', () => {
  it('are no more than asked for, and go to those who waited longest', async () => {
    const slots = new TurnSlots(2);
    const order: string[] = [];
    const take = async (name: string): Promise<() => void> => {
      const release = await slots.acquire();
      order.push(name);
      return release ?? (() => {});
    };
    const [a, b] = await Promise.all([take('a'), take('b')]);
    const c = take('c');
    const d = take('d');
    await Promise.resolve();
    expect(order).toEqual(['a', 'b']);
    expect(slots.running).toBe(2);
    b?.();
    const freeC = await c;
    expect(order).toEqual(['a', 'b', 'c']);
    freeC();
    await d;
    expect(order).toEqual(['a', 'b', 'c', 'd']);
    a?.();
    expect(slots.running).toBe(1);
  });

  it('count once however often they are given back', async () => {
    const slots = new TurnSlots(1);
    const release = await slots.acquire();
    release?.();
    release?.();
    expect(slots.running).toBe(0);
    expect(await slots.acquire()).toBeDefined();
    expect(slots.running).toBe(1);
  });

  it('pass over those who stopped waiting', async () => {
    const slots = new TurnSlots(1);
    const release = await slots.acquire();
    const gone = new AbortController();
    const first = slots.acquire(gone.signal);
    const second = slots.acquire();
    gone.abort();
    expect(await first).toBeUndefined();
    release?.();
    expect(await second).toBeDefined();
    expect(await slots.acquire(AbortSignal.abort())).toBeUndefined();
  });

  it('serve everybody the same number of times, whoever asks most', async () => {
    const slots = new TurnSlots(2);
    const served = new Map<string, number>();
    const work = async (name: string): Promise<void> => {
      for (let i = 0; i < 50; i += 1) {
        const release = await slots.acquire();
        served.set(name, (served.get(name) ?? 0) + 1);
        await new Promise((resolve) => setImmediate(resolve));
        release?.();
        const counts = [...served.values()];
        if (served.size === 7) expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(2);
      }
    };
    await Promise.all(['a', 'b', 'c', 'd', 'e', 'f', 'g'].map(work));
    expect([...served.values()]).toEqual(Array(7).fill(50));
  });
});
