import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UpdateWindow } from '../../../src/adapters/telegram/connection.ts';

describe('the update window', () => {
  it('never confirms an update that is still pending', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.record({ id: fc.integer({ min: 1, max: 1000 }), durable: fc.boolean() }), {
          selector: (entry) => entry.id,
        }),
        (updates) => {
          const window = new UpdateWindow();
          for (const { id } of updates) window.admit(id);
          for (const { id, durable } of updates) if (durable) window.settle(id);
          const offset = window.offset();
          for (const { id, durable } of updates) if (!durable) expect(id).toBeGreaterThanOrEqual(offset);
        },
      ),
    );
  });

  it('confirms everything once all is durable, and then asks for the earliest update whatever its id', () => {
    const window = new UpdateWindow();
    for (const id of [12, 10, 11]) window.admit(id);
    for (const id of [10, 11, 12]) window.settle(id);
    expect(window.offset()).toBe(13);
    window.confirmed(13);
    expect(window.offset()).toBe(0);
    // After a week of silence Telegram may start again with a lower id.
    expect(window.admit(3)).toBe(true);
    window.settle(3);
    expect(window.offset()).toBe(4);
  });

  it('follows the highest id, not the last one', () => {
    const window = new UpdateWindow();
    for (const id of [20, 15]) {
      window.admit(id);
      window.settle(id);
    }
    expect(window.offset()).toBe(21);
  });

  it('takes an update in hand only once, and again after it was released', () => {
    const window = new UpdateWindow();
    expect(window.admit(5)).toBe(true);
    expect(window.admit(5)).toBe(false);
    expect(window.pending).toBe(1);
    window.release(5);
    expect(window.admit(5)).toBe(true);
  });
});
