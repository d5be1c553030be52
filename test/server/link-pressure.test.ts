import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { foldEvents } from '../../src/server/mirror.ts';
import { LINK_PRESSURE, thinEvents } from '../../src/server/operator-link.ts';
import { anyEvent } from './arbitrary-state.ts';
import { emptySnapshot } from './fake-operator.ts';

const events = fc.array(anyEvent, { maxLength: 60 });

describe('what a console gets that reads slowly', () => {
  it('is everything while little waits', () => {
    fc.assert(
      fc.property(events, (all) => {
        expect(thinEvents(all, LINK_PRESSURE.thin)).toEqual({ events: all, skipped: false });
      }),
    );
  });

  it('is the last state of every row when more waits', () => {
    fc.assert(
      fc.property(events, (all) => {
        const { events: kept, skipped } = thinEvents(all, LINK_PRESSURE.thin + 1);
        const rows = (list: readonly (typeof all)[number][]) => {
          const { log, ...rest } = foldEvents(emptySnapshot(), list);
          return Object.values(rest).map((value) =>
            JSON.stringify(
              [value]
                .flat()
                .map((v) => JSON.stringify(v))
                .sort(),
            ),
          );
        };
        expect(rows(kept)).toEqual(rows(all));
        expect(skipped).toBe(all.some((event) => event.type === 'log' || event.type === 'traffic'));
      }),
    );
  });

  it('is nothing when far too much waits', () => {
    fc.assert(
      fc.property(events, (all) => {
        expect(thinEvents(all, LINK_PRESSURE.stop + 1)).toEqual({ events: [], skipped: all.length > 0 });
      }),
    );
  });
});
