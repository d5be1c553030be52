import { describe, expect, it } from 'vitest';
import { GatewayError } from '../../src/base/errors.ts';
import { BindingLine } from '../../src/extension/binding-line.ts';
import type { Report } from '../../src/gateway/bindings/terminal.ts';
import type { Operator, OperatorCommand } from '../../src/gateway/operator/operator.ts';
import { parseCommand } from '../../src/server/parse.ts';

/** A gateway that reads as the real one does, and notes what it has taken. */
function line() {
  const taken: string[] = [];
  const tries: number[] = [];
  const refused: { report: Report; why: GatewayError }[] = [];
  const run = async (command: OperatorCommand) => {
    if (command.type !== 'bind.report') return { message: 'orders', data: { epoch: 'e', orders: [] } };
    tries.push(command.reports.length);
    parseCommand(JSON.parse(JSON.stringify(command)));
    for (const [i, { type }] of command.reports.entries()) taken.push(`${command.first + i} ${type}`);
    return { message: 'noted', data: [] };
  };
  const made = new BindingLine(
    { operator: async () => ({ run }) as unknown as Operator },
    { lease: 'l1', number: 0, seen: { number: 0 } },
    {
      order: () => {},
      renewed: () => {},
      refused: (report, why) => refused.push({ report, why }),
      over: () => {},
    },
  );
  return { line: made, taken, tries, refused };
}

/** As a terminal of another version would say it. */
const UNKNOWN = { type: 'event', run: 'r1', event: { type: 'hologram' } } as unknown as Report;

describe('the line of a bound terminal', () => {
  it('gives up a report that the gateway cannot read, with the reason, and nothing else', async () => {
    const { line: made, taken, tries, refused } = line();
    made.report({ type: 'typed', text: 'before' });
    made.report(UNKNOWN);
    const ended = made.confirm({ type: 'end', run: 'r1', end: { status: 'answered', cutShort: true } });
    expect(await ended).toBe(true);
    expect(taken).toEqual(['1 typed', '3 end']);
    expect(tries).toEqual([3, 1, 1, 1]);
    expect(refused).toEqual([{ report: UNKNOWN, why: expect.any(GatewayError) }]);
    expect(refused[0]?.why.message).toContain('reports.0.event.type');
    await made.stop(0);
  });

  it('says so to whoever waits for that report', async () => {
    const { line: made, refused } = line();
    expect(await made.confirm(UNKNOWN)).toBe(false);
    expect(refused).toHaveLength(1);
    await made.stop(0);
  });
});
