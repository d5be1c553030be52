import { describe, expect, it } from 'vitest';
import { snapshotOf } from '../fixtures.ts';
import { harness } from '../harness.ts';

const LENT = { lease: 'l', leaseMs: 30_000, argv: ['pi'], cwd: '/' };

describe('usage', () => {
  it('opens from the palette: the sums first, then day by day', async () => {
    const total = { answers: 3, inputTokens: 12_345, outputTokens: 678, costUsd: 0.25 };
    const row = {
      day: '2026-05-06',
      platform: 'telegram',
      senderId: '1',
      senderName: 'Ada',
      sessionId: 's1',
    };
    const h = harness({ queries: { usage: { today: total, total, rows: [{ ...row, ...total }] } } });
    h.press(':');
    h.type('usage');
    h.press('enter');
    await h.settle();
    const text = h.text().join('\n');
    expect(text).toContain('Today   3 answers, 12,345 tokens in, 678 out, $0.2500');
    expect(text).toContain('2026-05-06');
    expect(text).toContain('Ada (telegram): 3 answers');
  });
});

describe('a session in pi', () => {
  it('is asked for first; the terminal is given away when it is lent', async () => {
    const h = harness({ answer: () => ({ message: 'lent', data: LENT }) });
    h.press('2 o');
    expect(h.effects.opened).toEqual([]);
    await h.settle();
    expect(h.operator.commands).toEqual([{ type: 'session.lend', id: 's1' }]);
    expect(h.effects.opened).toEqual([['s1', LENT]]);
  });

  it('stays here when it cannot be lent, and says why', async () => {
    const h = harness({ answer: () => new Error('the agent is running in this session') });
    h.press('2 o');
    await h.settle();
    expect(h.effects.opened).toEqual([]);
    expect(h.text().join('\n')).toContain('the agent is running in this session');
  });

  it('is opened on the machine of the gateway when that is another one', async () => {
    const h = harness({ snapshot: snapshotOf() });
    h.operator.setLink({ kind: 'remote', url: 'ws://far:1', connected: true });
    await h.settle();
    h.press('2 o');
    await h.settle();
    expect(h.operator.commands).toEqual([]);
  });

  it('leaves o to the outbox in every other pane', async () => {
    const h = harness();
    h.press('1 o');
    await h.settle();
    expect(h.operator.commands).toEqual([]);
    expect(h.text().join('\n')).toContain('Outbox');
  });
});
