import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DeliveryError, type DeliveryFailure } from '../../../src/base/errors.ts';
import { Rig, type RigOptions } from '../rig.ts';

let rig: Rig;

async function start(options: RigOptions = {}): Promise<void> {
  rig = await Rig.start({ capabilities: { edit: false, typing: false }, ...options });
}

beforeEach(() => start());
afterEach(async () => {
  await rig.stop();
  rig.remove();
  vi.useRealTimers();
});

const post = (text: string, chatId = 'c1'): Promise<unknown> => rig.gateway.send('telegram', chatId, text);
const refuse = (
  failure: DeliveryFailure,
  more: { times?: number; retryAfterMs?: number; text?: string } = {},
) =>
  rig.world.fault({
    on: 'send',
    error: new DeliveryError(
      failure,
      `it is ${failure}`,
      more.retryAfterMs === undefined ? {} : { retryAfterMs: more.retryAfterMs },
    ),
    ...(more.times === undefined ? {} : { times: more.times }),
    when: ({ text }) => text.includes(more.text ?? ''),
  });
const rows = () =>
  rig.stores.sessions.all('SELECT state, receipts, attempts, error FROM outbox ORDER BY seq');
const NOTICE = '(The connection was lost while sending: the next message may be a repeat.)';

describe('a delivery', () => {
  it('is kept with the proof of its arrival', async () => {
    await post('hello');
    await rig.pass(10);
    expect(rows()).toEqual([{ state: 'delivered', receipts: '["p1"]', attempts: 1, error: null }]);
    expect(rig.gateway.outbox.pending).toBe(0);
  });

  it('is tried again when the platform cannot be reached, with growing pauses', async () => {
    refuse('unreachable', { times: 4 });
    await post('hello');
    await rig.pass(120_000);
    expect(rig.texts()).toEqual(['hello']);
    const times = rig.world.calls.map(({ at }) => at);
    const pauses = times.slice(1).map((at, i) => at - (times[i] ?? 0));
    for (const [i, pause] of pauses.entries()) {
      expect(pause).toBeGreaterThanOrEqual(1000 * 2 ** i);
      expect(pause).toBeLessThanOrEqual(2000 * 2 ** i + 100);
    }
    expect(rig.decisions()).toEqual(['delivery retried unreachable']);
  });

  it('waits exactly as long as the platform asks, and so does everything else for that chat', async () => {
    refuse('rate-limited', { retryAfterMs: 9000, text: 'one' });
    await post('one');
    await post('two');
    await post('elsewhere', 'c2');
    await rig.pass(8900);
    expect(rig.texts()).toEqual(['elsewhere']);
    await rig.pass(200);
    expect(rig.texts({ chatId: 'c1' })).toEqual(['one', 'two']);
  });

  it('holds back what comes behind it in its chat, and nothing in another', async () => {
    refuse('unreachable', { text: 'one', times: 3 });
    await post('one');
    await post('two');
    await post('elsewhere', 'c2');
    await rig.pass(100);
    expect(rig.texts()).toEqual(['elsewhere']);
    await rig.pass(60_000);
    expect(rig.texts({ chatId: 'c1' })).toEqual(['one', 'two']);
  });

  it('that the platform will never take fails alone', async () => {
    refuse('rejected', { text: 'one', times: 9 });
    await post('one');
    await post('two');
    await rig.pass(10);
    expect(rig.texts()).toEqual(['two']);
    expect(rows().map(({ state }) => state)).toEqual(['failed', 'delivered']);
    expect(rig.gateway.outbox.list()).toMatchObject([
      { state: 'failed', error: 'it is rejected', text: 'one' },
    ]);
    expect(rig.decisions()).toEqual(['delivery retried refused', 'delivery failed rejected']);
  });

  it('that the platform does not take, who knows why, goes out as plain text in smaller parts', async () => {
    const said = `${'word '.repeat(19)}*bold*\n\n${'more '.repeat(10)}`;
    rig.world.fault({
      on: 'send',
      when: ({ text }) => text.includes('*'),
      error: new DeliveryError('rejected', 'Bad Request: who knows'),
      times: 99,
    });
    await post(said);
    await rig.pass(10);
    expect(rig.texts().join(' ').split(/\s+/)).toEqual(said.replaceAll('*', '').trim().split(/\s+/));
    expect(rig.texts().length).toBeGreaterThan(1);
    expect(rig.decisions()).toEqual(['delivery retried refused']);
  });

  it('of which a part is refused in every form loses no other part, and the chat is told', async () => {
    refuse('rejected', { text: 'b', times: 99 });
    await rig.say('b');
    await rig.pass(1000);
    expect(rig.texts()).toEqual([
      'My answer was refused here, even as plain text. The operator can read it in the console.',
    ]);
    expect(rig.gateway.outbox.list()).toMatchObject([{ state: 'failed', text: 'You said: b' }]);
    rig = await rig.crash();
    expect(rig.gateway.outbox.list()).toMatchObject([{ state: 'failed', text: 'You said: b' }]);
  });

  it('cut into smaller parts goes on behind those that have arrived, also after a crash', async () => {
    const said = `*${'a'.repeat(90)} ${'b'.repeat(90)}*${'c'.repeat(150)}`;
    rig.world.fault({
      on: 'send',
      when: ({ text }) => text.includes('*'),
      error: new DeliveryError('rejected', 'no'),
      times: 99,
    });
    rig.world.fault({ on: 'send', ms: Number.POSITIVE_INFINITY, when: ({ text }) => text.startsWith('b') });
    await post(said);
    await rig.pass(100);
    expect(rig.texts()).toEqual(['a'.repeat(90)]);
    rig = await rig.crash();
    await rig.pass(100);
    const texts = rig.texts().filter((text) => text !== NOTICE);
    expect(texts.join('').replaceAll(' ', '')).toBe(said.replaceAll('*', '').replaceAll(' ', ''));
  });

  it('to a chat that is gone is given up, with everything for it, until the chat speaks again', async () => {
    refuse('gone', { text: 'one' });
    await post('one');
    await post('two');
    await rig.pass(10);
    expect(rig.texts()).toEqual([]);
    expect(rows().map(({ state }) => state)).toEqual(['abandoned', 'abandoned']);
    expect(rig.world.count('send')).toBe(1);
    rig = await rig.crash();
    await post('three');
    await rig.pass(10);
    expect(rig.world.count('send')).toBe(1);
    await rig.say('I am back');
    await rig.pass(1000);
    expect(rig.texts()).toEqual(['You said: I am back']);
  });

  it('without markup goes out when the markup is refused', async () => {
    refuse('markup', { text: '*' });
    await post('*hello*');
    await rig.pass(10);
    expect(rig.texts()).toEqual(['hello']);
    refuse('markup', { text: 'plain' });
    await post('plain');
    await rig.pass(10);
    expect(rig.texts()).toEqual(['hello', 'plain']);
  });

  it('that hangs is cut off after a minute and may be a repeat from then on', async () => {
    rig.world.fault({ on: 'send', ms: Number.POSITIVE_INFINITY });
    await post('hello');
    await rig.pass(59_000);
    expect(rig.texts()).toEqual([]);
    await rig.pass(10_000);
    expect(rig.texts()).toEqual([NOTICE, 'hello']);
    expect(rig.world.shown()[1]?.request.meta.repeat).toBe(true);
  });

  it('that was lost on its way may be a repeat; one that certainly did not arrive is none', async () => {
    refuse('unknown', { text: 'lost' });
    refuse('unreachable', { text: 'never' });
    await post('lost');
    await post('never', 'c2');
    await rig.pass(10_000);
    expect(rig.texts({ chatId: 'c1' })).toEqual([NOTICE, 'lost']);
    expect(rig.texts({ chatId: 'c2' })).toEqual(['never']);
  });

  it('whose adapter throws something else may be a repeat as well', async () => {
    rig.world.fault({ on: 'send', error: new TypeError('a bug'), happens: true });
    await post('hello');
    await rig.pass(10_000);
    expect(rig.texts()).toEqual(['hello', NOTICE, 'hello']);
  });

  it('of several parts goes on behind those that have arrived', async () => {
    refuse('unreachable', { text: 'b', times: 2 });
    await post('a'.repeat(200) + 'b'.repeat(200) + 'c'.repeat(200));
    await rig.pass(60_000);
    expect(rig.texts().map((text) => text[0])).toEqual(['a', 'b', 'c']);
    expect(rows()).toMatchObject([{ state: 'delivered', receipts: '["p1","p2","p3"]' }]);
  });
});

describe('while the platform is away', () => {
  it('nothing is tried; everything goes out in order when it is back', async () => {
    rig.adapter.health('reconnecting');
    await post('one');
    await post('two');
    await rig.pass(600_000);
    expect(rig.world.count('send')).toBe(0);
    expect(rig.gateway.outbox.list().map(({ state }) => state)).toEqual(['pending', 'pending']);
    rig.adapter.health('connected');
    await rig.pass(10);
    expect(rig.texts()).toEqual(['one', 'two']);
  });

  it('what is older than a day is given up', async () => {
    rig.adapter.health('reconnecting');
    await post('old');
    await rig.skip(24 * 3_600_000 + 120_000);
    expect(rig.gateway.outbox.list()).toMatchObject([{ state: 'abandoned', error: 'older than 24 hours' }]);
    rig.adapter.health('connected');
    await rig.pass(1000);
    expect(rig.texts()).toEqual([]);
    expect(rig.decisions()).toContain('delivery abandoned too_old');
  });
});

describe('after a crash', () => {
  it('what was not sent yet is sent, unmarked', async () => {
    rig.adapter.health('reconnecting');
    await post('one');
    rig = await rig.crash();
    await rig.pass(100);
    expect(rig.texts()).toEqual(['one']);
  });

  it('what was being sent is sent once more, with a mark', async () => {
    rig.world.fault({ on: 'send', ms: Number.POSITIVE_INFINITY, happens: true });
    await post('one');
    await rig.pass(100);
    rig = await rig.crash();
    await rig.pass(100);
    expect(rig.texts()).toEqual(['one', NOTICE, 'one']);
  });

  it('what was being sent needs no mark where the platform knows a repeat', async () => {
    await rig.stop();
    rig.remove();
    await start({ capabilities: { edit: false, typing: false, idempotentSend: true } });
    rig.world.idempotent = true;
    rig.world.fault({ on: 'send', ms: Number.POSITIVE_INFINITY, happens: true });
    await post('one');
    await rig.pass(100);
    rig = await rig.crash();
    await rig.pass(100);
    expect(rig.texts()).toEqual(['one']);
  });

  it('parts that had arrived are not sent again', async () => {
    rig.world.fault({ on: 'send', ms: Number.POSITIVE_INFINITY, when: ({ text }) => text.startsWith('b') });
    await post('a'.repeat(200) + 'b'.repeat(200));
    await rig.pass(100);
    rig = await rig.crash();
    await rig.pass(100);
    expect(rig.texts().map((text) => text.slice(0, 5))).toEqual(['aaaaa', NOTICE.slice(0, 5), 'bbbbb']);
  });

  it('what is older than a day does not go out by itself, but when the operator asks for it', async () => {
    rig.adapter.health('reconnecting');
    await post('old');
    rig = await rig.crash(25 * 3_600_000);
    await rig.pass(100);
    expect(rig.texts()).toEqual([]);
    const [row] = rig.gateway.outbox.list();
    await rig.operator.run({ type: 'outbox.retry', id: row?.id ?? '' });
    await rig.pass(100);
    expect(rig.texts()).toEqual(['old']);
  });
});

describe('the operator', () => {
  it('tries a stuck delivery again at once', async () => {
    refuse('unreachable', { times: 1, retryAfterMs: 3_600_000 });
    await post('hello');
    await rig.pass(1000);
    const [row] = rig.gateway.outbox.list();
    await rig.operator.run({ type: 'outbox.retry', id: row?.id ?? '' });
    await rig.pass(10);
    expect(rig.texts()).toEqual(['hello']);
  });

  it('gives one up, and what waits behind it goes out', async () => {
    refuse('unreachable', { text: 'one', times: 99, retryAfterMs: 3_600_000 });
    await post('one');
    await post('two');
    await rig.pass(1000);
    const [row] = rig.gateway.outbox.list();
    await rig.operator.run({ type: 'outbox.abandon', id: row?.id ?? '' });
    await rig.pass(10);
    expect(rig.texts()).toEqual(['two']);
    await expect(rig.operator.run({ type: 'outbox.abandon', id: 'nope' })).rejects.toMatchObject({
      code: 'outbox_not_found',
    });
  });
});

describe('secrets', () => {
  it('leave in no text, whoever says it', async () => {
    rig.redactor.add('hunter2-hunter2');
    await post('the password is hunter2-hunter2');
    await rig.say('what about hunter2-hunter2');
    await rig.say('/title hunter2-hunter2');
    await rig.pass(2000);
    expect(rig.texts()).toEqual([
      'the password is [redacted]',
      'You said: what about [redacted]',
      'Title: [redacted]',
    ]);
  });
});
