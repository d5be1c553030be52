import type { Static } from 'typebox';
import { describe, expect, it } from 'vitest';
import { RunEvents } from '../../../src/agents/pi/failures.ts';
import type { Report } from '../../../src/gateway/bindings/terminal.ts';
import type { BindReport } from '../../../src/gateway/operator/operations/bindings.ts';
import { parseCommand } from '../../../src/server/parse.ts';

/** Nothing but names, types, and what may be absent. */
type Plain<T> = T extends object ? { -readonly [K in keyof T]: Plain<T[K]> } : T;
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

describe('what a pi in a terminal reports', () => {
  it('is what the gateway lets through, field by field', () => {
    // Does not compile when one of the two knows a field that the other does not.
    const same: Same<Plain<Report>, Plain<Static<typeof BindReport>>> = true;
    expect(same).toBe(true);
  });

  it.each(['stop', 'length', 'error', 'aborted'])(
    'is let through when the model has ended with "%s"',
    (stopReason) => {
      const reports: Report[] = [];
      const events = new RunEvents((event) => reports.push({ type: 'event', run: 'r1', event }));
      const content = [{ type: 'text', text: 'So far' }];
      const usage = { input: 3, output: 2, cost: { total: 0.1 } };
      events.take({
        type: 'message_end',
        message: { role: 'assistant', content, stopReason, usage, errorMessage: 'no' },
      });
      reports.push({ type: 'end', run: 'r1', end: events.outcome() });
      expect(reports).toHaveLength(4);
      const command = { type: 'bind.report', lease: 'l1', first: 1, reports };
      expect(parseCommand(command)).toEqual(command);
    },
  );
});
