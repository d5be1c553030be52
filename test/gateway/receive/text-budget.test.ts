import { afterEach, expect, it, vi } from 'vitest';
import { overBudget } from '../../../src/gateway/receive/text-budget.ts';
import { Rig } from '../rig.ts';

const BUDGET = { personBytes: 100, chatBytes: 200, totalBytes: 300 };

afterEach(() => {
  vi.useRealTimers();
});

it.each([
  [{ person: 0, chat: 0, total: 0 }, 100, undefined],
  [{ person: 0, chat: 0, total: 0 }, 101, 'message_too_large'],
  [{ person: 60, chat: 60, total: 60 }, 41, 'person_budget'],
  [{ person: 0, chat: 160, total: 160 }, 41, 'chat_budget'],
  [{ person: 0, chat: 0, total: 260 }, 41, 'total_budget'],
])('with %j in use, %i more bytes exceed: %s', (used, bytes, code) => {
  expect(overBudget(used, bytes, BUDGET)?.code).toBe(code);
});

it('text beyond the budget of one person is refused with a sentence; there is room again once it is answered', async () => {
  const rig = await Rig.start({
    config: { security: { allowAll: true }, limits: { personBytes: 10_000 } },
    capabilities: { edit: false, typing: false },
  });
  const long = 'x'.repeat(6000);
  await rig.say('[hang]');
  await rig.say(`/queue ${long}`);
  await rig.say(`/queue ${long}`);
  await rig.say(`/queue ${long}`, { from: 'bob', chat: rig.chat({ chatId: 'c2' }) });
  await rig.pass(100);
  expect(rig.texts()).toContain('Too much of your text is waiting. Wait for an answer, or /stop.');
  expect(rig.gateway.refusals.map(({ senderId, code }) => `${senderId} ${code}`)).toEqual([
    'ada person_budget',
  ]);
  await rig.say('/stop');
  await rig.pass(1000);
  await rig.say(long);
  await rig.pass(1000);
  expect(rig.gateway.refusals).toHaveLength(1);
  await rig.stop();
  rig.remove();
});

it('long text of an answered message and of its answer leaves the store, and /retry says so', async () => {
  const rig = await Rig.start({
    config: { security: { allowAll: true } },
    capabilities: { edit: false, typing: false },
  });
  await rig.say('y'.repeat(50_000));
  await rig.pass(120_000);
  const size = (sql: string): number => Number(rig.stores.sessions.get(sql)?.['size']);
  expect(size('SELECT SUM(LENGTH(message)) AS size FROM inbox')).toBeLessThan(1000);
  expect(size('SELECT SUM(LENGTH(parts)) AS size FROM outbox')).toBeLessThan(1000);
  await rig.say('/retry');
  await rig.pass(100);
  expect(rig.texts().at(-1)).toBe('That message was too long to be kept. Please send it again.');
  await rig.stop();
  rig.remove();
});
