import { describe, expect, it } from 'vitest';
import { PINGS_AT_ONCE, PingLedger } from '../../src/server/client-socket.ts';

/** Asks, and notes under `name` when the answer came. */
function asking() {
  const ledger = new PingLedger();
  const done: string[] = [];
  const ask = (name: string): string | undefined => {
    const { ping, answered } = ledger.ask();
    answered.then(
      () => done.push(name),
      (error: Error) => done.push(`${name}: ${error.message}`),
    );
    return ping;
  };
  return { ledger, done, ask };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('the ledger of pings', () => {
  it('numbers pings and settles each by its pong', async () => {
    const { ledger, done, ask } = asking();
    expect([ask('a'), ask('b')]).toEqual(['1', '2']);
    ledger.pong('1');
    await settled();
    expect(done).toEqual(['a']);
    ledger.pong('2');
    await settled();
    expect(done).toEqual(['a', 'b']);
  });

  it('takes the answer to the newest for an answer to all', async () => {
    const { ledger, done, ask } = asking();
    for (const name of ['a', 'b', 'c']) ask(name);
    ledger.pong('3');
    await settled();
    expect(done).toEqual(['a', 'b', 'c']);
  });

  it('ignores pongs that belong to no ping', async () => {
    const { ledger, done, ask } = asking();
    ask('a');
    for (const payload of ['', '0', '2', '-1', '1.5', 'x', '9'.repeat(30)]) ledger.pong(payload);
    await settled();
    expect(done).toEqual([]);
  });

  it('keeps few pings on their way: who asks beyond that shares the next one', async () => {
    const { ledger, done, ask } = asking();
    for (let i = 1; i <= PINGS_AT_ONCE; i += 1) expect(ask(`early ${i}`)).toBe(String(i));
    expect([ask('late 1'), ask('late 2')]).toEqual([undefined, undefined]);
    const next = ledger.pong('1');
    expect(next).toBe(String(PINGS_AT_ONCE + 1));
    ledger.pong(next ?? '');
    await settled();
    expect(done.slice(-2)).toEqual(['late 1', 'late 2']);
    expect(ask('again')).toBe(String(PINGS_AT_ONCE + 2));
  });

  it('fails everybody when the connection is gone', async () => {
    const { ledger, done, ask } = asking();
    ask('a');
    ledger.fail(new Error('gone'));
    await settled();
    expect(done).toEqual(['a: gone']);
  });
});
