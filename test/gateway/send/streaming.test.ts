import { afterEach, describe, expect, it, vi } from 'vitest';
import { DeliveryError } from '../../../src/base/errors.ts';
import { showTyping } from '../../../src/gateway/send/draft.ts';
import { InTestAdapter } from '../in-test-adapter.ts';
import { Rig, type RigOptions } from '../rig.ts';
import { TestPlatform } from '../test-platform.ts';

let rig: Rig;

async function start(options: RigOptions = {}): Promise<Rig> {
  rig = await Rig.start({ chunkDelayMs: 300, ...options });
  return rig;
}

afterEach(async () => {
  await rig.stop();
  rig.remove();
  vi.useRealTimers();
});

const WORDS = 'one two three four five six seven eight nine ten eleven twelve';

describe('an answer that grows', () => {
  it('is one message that is edited, at most once a second, and ends as the whole text', async () => {
    await start();
    await rig.say(WORDS);
    await rig.pass(1500);
    expect(rig.texts()).toHaveLength(1);
    expect(rig.texts()[0]).toMatch(/^You said: one/);
    expect(`You said: ${WORDS}`.startsWith(rig.texts()[0] ?? '-')).toBe(true);
    await rig.pass(10_000);
    expect(rig.texts()).toEqual([`You said: ${WORDS}`]);
    const [message] = rig.world.shown();
    expect(message?.edits).toBeGreaterThan(2);
    const edits = rig.world.calls.filter(({ on }) => on === 'edit').map(({ at }) => at);
    for (const [i, at] of edits.slice(1, -1).entries())
      expect(at - (edits[i] ?? 0)).toBeGreaterThanOrEqual(1000);
    expect(rig.world.count('send')).toBe(1);
  });

  it('appears once there is something to read', async () => {
    await start({ chunkDelayMs: 3000 });
    await rig.say('x');
    await rig.pass(100); // "You " is four characters
    expect(rig.texts()).toEqual(['You ']);
  });

  it('that is complete at once is one message, with no draft, no edit and no typing', async () => {
    await start({ chunkDelayMs: 0 });
    await rig.say('hi');
    await rig.pass(5000);
    expect(rig.texts()).toEqual(['You said: hi']);
    expect(rig.world.calls.map(({ on }) => on)).toEqual(['send']);
  });

  it('replies to the message that it answers', async () => {
    await start();
    await rig.say('hi', { messageId: 'the-question' });
    await rig.pass(5000);
    expect(rig.world.shown()[0]?.request.replyToMessageId).toBe('the-question');
  });

  it('goes on in further messages when it is too long for one', async () => {
    await start({ chunkDelayMs: 0 });
    await rig.say('[long 900] go');
    await rig.pass(5000);
    const texts = rig.texts();
    expect(texts).toHaveLength(5);
    expect(texts.join('')).toHaveLength(900);
  });

  it.each([
    ['a secret', 'hunter2-hunter2 ', /hunter|\ufffd/],
    ['an emoji', '123456789😀 ', /\ufffd/],
  ])('shows no half of %s where its draft is full', async (_what, piece, half) => {
    await start();
    rig.redactor.add('hunter2-hunter2');
    await rig.say(`${'word '.repeat(36)}${piece}${'more '.repeat(60)}`);
    const seen = new Set<string>();
    for (let step = 0; step < 150; step += 1) {
      await rig.pass(500);
      for (const text of rig.texts()) seen.add(text);
    }
    expect([...seen].filter((text) => half.test(text))).toEqual([]);
    // The draft has been full, and the answer is complete.
    expect([...seen].some((text) => text.length > 190)).toBe(true);
    expect(rig.texts().join('')).toMatch(/more more $/);
  });

  it('is not streamed where messages cannot be edited', async () => {
    await start({ capabilities: { edit: false } });
    await rig.say(WORDS);
    await rig.pass(2000);
    expect(rig.texts()).toEqual([]);
    await rig.pass(10_000);
    expect(rig.texts()).toEqual([`You said: ${WORDS}`]);
  });

  it('goes to the client itself where that streams events', async () => {
    await start({ capabilities: { streamsEvents: true } });
    await rig.say('hi', { promptId: 'p1' });
    await rig.pass(5000);
    const types = rig.adapter.events.map(({ event }) => event.type);
    expect(types[0]).toBe('started');
    expect(types.filter((type) => type === 'text_delta').length).toBeGreaterThan(1);
    expect(rig.world.count('edit')).toBe(0);
  });

  it('slows down as the platform says, and arrives all the same', async () => {
    await start();
    rig.world.fault({
      on: 'edit',
      error: new DeliveryError('rate-limited', 'slow down', { retryAfterMs: 7000 }),
    });
    await rig.say(WORDS);
    await rig.pass(2500);
    const limitedAt = rig.world.calls.find(({ on }) => on === 'edit')?.at ?? 0;
    await rig.pass(20_000);
    const next = rig.world.calls.find(({ on, at }) => on !== 'typing' && at > limitedAt);
    expect((next?.at ?? 0) - limitedAt).toBeGreaterThanOrEqual(7000);
    expect(rig.texts()).toEqual([`You said: ${WORDS}`]);
  });

  it('drops its markup when the platform refuses it, and keeps its words', async () => {
    await start();
    rig.world.fault({
      on: 'send',
      when: ({ text }) => text.includes('*'),
      error: new DeliveryError('markup', 'cannot parse'),
      times: 99,
    });
    rig.world.fault({
      on: 'edit',
      when: ({ text }) => text.includes('*'),
      error: new DeliveryError('markup', 'cannot parse'),
      times: 99,
    });
    await rig.say('*bold* words here');
    await rig.pass(20_000);
    expect(rig.texts()).toEqual(['You said: bold words here']);
    expect(rig.decisions()).toContain('delivery retried markup');
  });

  it('is sent anew when its draft was deleted meanwhile', async () => {
    await start();
    await rig.say(WORDS);
    await rig.pass(1500);
    rig.world.fault({
      on: 'edit',
      error: new DeliveryError('rejected', 'message to edit not found'),
      times: 99,
    });
    for (const message of rig.world.shown()) message.deleted = true;
    await rig.pass(20_000);
    expect(rig.texts()).toEqual([`You said: ${WORDS}`]);
  });

  it('takes its draft away when the last edit is refused: nothing half-written stays beside it', async () => {
    await start();
    await rig.say(WORDS);
    await rig.pass(1500);
    const refused = new DeliveryError('rejected', "message can't be edited");
    rig.world.fault({ on: 'edit', error: refused, times: 99 });
    rig.world.fault({ on: 'delete', error: new DeliveryError('unreachable', 'not now'), times: 2 });
    await rig.pass(20_000);
    expect(rig.texts()).toEqual([`You said: ${WORDS}`]);
  });

  it('says where it is when its draft can neither be replaced nor deleted', async () => {
    await start();
    await rig.say(WORDS);
    await rig.pass(1500);
    const refused = new DeliveryError('rejected', 'no');
    rig.world.fault({ on: 'edit', error: refused, times: 99, when: ({ text }) => !text.includes('below') });
    rig.world.fault({ on: 'delete', error: refused, times: 99 });
    await rig.pass(20_000);
    expect(rig.texts()).toEqual(['(My answer is below.)', `You said: ${WORDS}`]);
  });

  it('of a turn that took long is a message that rings, and its draft goes', async () => {
    await start({ chunkDelayMs: 6000 });
    await rig.say(WORDS);
    await rig.pass(60_000);
    expect(rig.texts()[0]).toMatch(/^You said: one/);
    expect(rig.world.count('send')).toBe(1);
    await rig.pass(60_000);
    expect(rig.texts()).toEqual([`You said: ${WORDS}`]);
    expect(rig.world.count('send')).toBe(2);
    expect(rig.world.shown()[0]?.edits).toBe(0);
  });

  it('is not edited any more when its platform ignores edits that come too late', async () => {
    await start({ chunkDelayMs: 3000, capabilities: { editWindowMs: 10_000 } });
    await rig.say(WORDS);
    await rig.pass(16_000);
    const edits = rig.world.count('edit');
    expect(edits).toBeGreaterThan(0);
    await rig.pass(60_000);
    expect(rig.world.count('edit')).toBe(edits);
    expect(rig.texts()).toEqual([`You said: ${WORDS}`]);
  });

  it('takes away a draft whose edit hangs', async () => {
    await start({ chunkDelayMs: 600 });
    rig.world.fault({ on: 'edit', ms: 20_000 });
    await rig.say('one two three');
    await rig.pass(120_000);
    expect(rig.texts()).toEqual(['You said: one two three']);
  });

  it('does not wait for a draft that never arrives, and takes one away that arrives too late', async () => {
    await start({ chunkDelayMs: 100 });
    rig.world.fault({ on: 'send', ms: 30_000 });
    await rig.say('one two three');
    await rig.pass(1000);
    expect(rig.gateway.conversations.views()[0]).toMatchObject({ state: 'running' });
    await rig.pass(6000); // the answer is complete and the draft had its five seconds
    expect(rig.gateway.conversations.views()[0]).toMatchObject({ state: 'idle', turns: 1 });
    await rig.pass(60_000);
    expect(rig.texts()).toEqual(['You said: one two three']);
  });

  it('begins no second draft when nobody knows whether the first one arrived', async () => {
    await start();
    rig.world.fault({ on: 'send', error: new DeliveryError('unknown', 'connection lost'), happens: true });
    await rig.say(WORDS);
    await rig.pass(20_000);
    expect(rig.texts()).toHaveLength(2); // the draft whose id is not known, and the answer
    expect(rig.texts()[1]).toBe(`You said: ${WORDS}`);
  });

  it('gives way to what has to be delivered, and never holds a turn up', async () => {
    await start();
    rig.world.fault({
      on: 'send',
      when: ({ text }) => text.includes('urgent'),
      error: new DeliveryError('unreachable', 'not now', { retryAfterMs: 60_000 }),
    });
    await rig.gateway.send('telegram', 'c1', 'urgent');
    await rig.pass(100);
    await rig.say(WORDS);
    await rig.pass(8000);
    expect(rig.gateway.conversations.views()[0]).toMatchObject({ state: 'idle', turns: 1 });
    expect(rig.texts()).toEqual([]);
    await rig.pass(60_000);
    expect(rig.texts()).toEqual(['urgent', `You said: ${WORDS}`]);
  });
});

describe('tools at work', () => {
  const tools = (toolActivity: 'off' | 'brief' | 'verbose') =>
    start({ config: { security: { allowAll: true }, platforms: { telegram: { toolActivity } } } });

  it('are one line with their names', async () => {
    await tools('brief');
    await rig.say('[tool read] [tool bash] [tool bash] [sleep 3000] done');
    await rig.pass(2000);
    expect(rig.texts()).toEqual(['⚙ read, bash']);
    await rig.pass(10_000);
    expect(rig.texts()).toEqual(['You said: done']);
  });

  it('are shown one by one when asked for', async () => {
    await tools('verbose');
    await rig.say('[tool read] [tool bash] [progress 40 reading] [sleep 3000] done');
    await rig.pass(2000);
    expect(rig.texts()).toEqual(['⚙ read… › bash… · 40 % reading']);
  });

  it('are not shown at all when switched off', async () => {
    await tools('off');
    await rig.say('[tool bash] [sleep 3000] done');
    await rig.pass(2000);
    expect(rig.texts()).toEqual([]);
    await rig.pass(10_000);
    expect(rig.texts()).toEqual(['You said: done']);
  });
});

describe('the typing indicator', () => {
  it('is on while work and delivery run, and off afterwards', async () => {
    await start({ capabilities: { edit: false } });
    rig.world.fault({ on: 'send', ms: 3000 });
    await rig.say('[sleep 9000] hi');
    const typing = (): string[] =>
      rig.world.calls.filter(({ on }) => on === 'typing').map(({ text }) => text);
    await rig.pass(8500);
    expect(typing()).toEqual(['true', 'true', 'true']);
    await rig.pass(2500); // the answer is being sent
    expect(typing().at(-1)).toBe('true');
    await rig.pass(3000);
    expect(typing().at(-1)).toBe('false');
    const count = typing().length;
    await rig.pass(20_000);
    expect(typing()).toHaveLength(count);
  });

  it('has a hard end, whatever becomes of the turn', async () => {
    await start();
    const world = new TestPlatform();
    const adapter = new InTestAdapter('telegram', world);
    showTyping(adapter, rig.chat(), 10_000);
    await rig.pass(60_000);
    const calls = world.calls.map(({ text }) => text);
    expect(calls).toEqual(['true', 'true', 'true', 'false']);
  });

  it('harms nobody when it fails', async () => {
    await start();
    rig.world.fault({ on: 'typing', error: new Error('no'), times: 99 });
    await rig.say('hi');
    await rig.pass(5000);
    expect(rig.texts()).toEqual(['You said: hi']);
  });
});
