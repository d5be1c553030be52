import { afterEach, expect, it, vi } from 'vitest';
import { DeliveryError } from '../../../src/base/errors.ts';
import type { InboundMessage } from '../../../src/gateway/model.ts';
import { KeptTexts, overBudget, textBytes } from '../../../src/gateway/receive/message-text.ts';
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

it('an edit that makes a waiting message exceed the budget is not taken, and its author hears so', async () => {
  const rig = await Rig.start({
    config: { security: { allowAll: true }, limits: { personBytes: 10_000 } },
    capabilities: { edit: false, typing: false },
  });
  await rig.say('[hang]');
  await rig.say('/queue as it was', { messageId: 'w1' });
  await rig.say('e'.repeat(20_000), { messageId: 'w1', edited: true });
  await rig.pass(100);
  expect(rig.texts()[0]).toMatch(/^Your edit was rejected\. /);
  await rig.say('short enough', { messageId: 'w1', edited: true });
  await rig.say('e'.repeat(20_000), { messageId: 'w1', edited: true });
  rig.gateway.conversations.queue([...rig.gateway.conversations.views()][0]?.id ?? '')?.abort('interrupted');
  await rig.pass(1000);
  expect(rig.texts().at(-1)).toBe('You said: short enough');
  await rig.stop();
  rig.remove();
});

it('the first message of a new user counts, until the operator decides', async () => {
  const rig = await Rig.start({
    config: { limits: { totalBytes: 10_000 } },
    capabilities: { edit: false, typing: false },
  });
  const from = (name: string) => ({ from: name, chat: rig.chat({ chatId: `dm-${name}` }) });
  const texts = (name: string): string => rig.texts({ chatId: `dm-${name}` }).join('\n');
  await rig.say('x'.repeat(6000), from('ada'));
  await rig.say('x'.repeat(6000), from('bob'));
  expect(texts('bob')).toContain('Too much is waiting at the moment.');
  const code = /code to its operator: (\S+)\./.exec(texts('ada'))?.[1] ?? '';
  await rig.operator.run({ type: 'pairing.deny', code });
  await rig.pass(100);
  await rig.say('x'.repeat(6000), from('bob'));
  expect(texts('bob')).toContain('Your message is saved');
  await rig.stop();
  rig.remove();
});

it('an answer that cannot be delivered counts for its chat, also after a restart', async () => {
  let rig = await Rig.start({
    config: { security: { allowAll: true }, limits: { chatBytes: 10_000 } },
    capabilities: { edit: false, typing: false },
  });
  const codes = (): string[] => rig.gateway.refusals.map(({ code }) => code);
  rig.world.fault({ on: 'send', times: 6, error: new DeliveryError('unreachable', 'the line is down') });
  await rig.say('[long 8000]');
  await rig.pass(1000);
  await rig.say('x'.repeat(4000));
  expect(codes()).toEqual(['chat_budget']);
  rig = await rig.crash();
  await rig.say('x'.repeat(4000));
  expect(codes()).toEqual(['chat_budget']);
  await rig.pass(600_000);
  await rig.say('x'.repeat(4000));
  await rig.pass(1000);
  expect(codes()).toEqual(['chat_budget']);
  await rig.stop();
  rig.remove();
});

it('text of forwarded messages and of messages above counts like any other', () => {
  const message = {
    text: '1234',
    forwardedFrom: { text: '12345' },
    above: [{ text: '1' }, { text: '12' }],
    replyTo: { messageId: 'm', text: '123' },
  };
  expect(textBytes(Object.assign({} as InboundMessage, message))).toBe(15);
});

it('kept texts give way to newer ones, the oldest first; short ones are not counted', () => {
  const kept = new KeptTexts(10_000);
  expect(kept.keep('a', 4000)).toEqual([]);
  expect(kept.keep('short', 100)).toEqual([]);
  expect(kept.keep('b', 4000)).toEqual([]);
  expect(kept.keep('b', 4000)).toEqual([]);
  expect(kept.keep('c', 4000)).toEqual(['a']);
  expect(kept.keep('d', 9000)).toEqual(['b', 'c']);
});
