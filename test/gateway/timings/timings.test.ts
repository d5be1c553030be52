import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Timeline } from '../../../src/gateway/events.ts';
import type { InboxItem } from '../../../src/gateway/receive/inbox.ts';
import type { OutboundRow } from '../../../src/gateway/send/outbound.ts';
import { newRow } from '../../../src/gateway/send/outbound.ts';
import { Timings } from '../../../src/gateway/timings/timings.ts';
import { Rig } from '../rig.ts';

const AT = Date.UTC(2026, 4, 6);
const chat = { platform: 'telegram', accountId: 'default', chatId: 'c' } as const;

function stage() {
  let ms = 1000;
  const timings = new Timings({ clock: () => AT + ms, monotonic: () => ms });
  const item = (id: string, sessionId = 's'): InboxItem => ({
    id,
    seq: 1,
    sessionId,
    acceptedAt: AT + ms,
    state: 'queued',
    message: {
      dedupeKey: id,
      chat,
      chatKind: 'dm',
      sender: { id: '7', name: 'Ada' },
      text: 'a secret',
      messageId: id,
      mentioned: true,
    },
  });
  const row = (id: string): OutboundRow =>
    newRow(1, id, { chat, meta: { kind: 'reply' }, parts: [] }, AT + ms, 'sending');
  const pass = (by: number): void => {
    ms += by;
  };
  /** A message that is answered at once. */
  const whole = (id: string, sessionId?: string): void => {
    const each = item(id, sessionId);
    timings.accepted(each, ms);
    timings.began(each);
    timings.ended(each, 'answered');
    timings.answered(each, undefined);
  };
  const shown = ({ steps }: Timeline): string[] =>
    steps.map(
      ({ kind, name, from, to, ok }) =>
        `${kind}${name === undefined ? '' : ` ${name}`} ${from}-${to ?? ''}${ok === undefined ? '' : ` ${ok}`}`,
    );
  return { timings, item, row, pass, whole, shown, now: () => ms };
}

afterEach(() => {
  vi.useRealTimers();
});

describe('timings', () => {
  it('tell each step of a message from its arrival to the receipt', () => {
    const { timings, item, row, pass, shown, now } = stage();
    const message = item('m');
    const arrived = now();
    pass(4);
    timings.accepted(message, arrived);
    pass(100);
    timings.began(message);
    pass(50);
    timings.saw(message, { type: 'started' });
    timings.saw(message, { type: 'model', on: true });
    pass(200);
    timings.saw(message, { type: 'text_delta', delta: 'I' });
    pass(100);
    timings.saw(message, { type: 'model', on: false, ok: true });
    timings.saw(message, { type: 'tool_start', id: 't', name: 'bash' });
    const answered = timings.asked(message);
    pass(1000);
    answered();
    pass(500);
    timings.saw(message, { type: 'tool_end', id: 't', name: 'bash', ok: false });
    timings.saw(message, { type: 'model', on: true });
    pass(300);
    timings.saw(message, { type: 'model', on: false, ok: true });
    pass(10);
    timings.ended(message, 'answered');
    pass(5);
    const answer = row('r');
    timings.answered(message, answer);
    pass(80);
    answer.state = 'delivered';
    timings.settled(answer);
    const [timeline] = timings.list('s', 10);
    expect(timeline).toMatchObject({
      id: 'm',
      sessionId: 's',
      at: AT + 1000,
      outcome: 'answered',
      took: 2349,
    });
    expect(timeline === undefined ? [] : shown(timeline)).toEqual([
      'accept 0-4',
      'queue 4-104',
      'turn 104-2264',
      'start 104-154',
      'model 154-454 true',
      'tool bash 454-1954 false',
      'question 454-1454',
      'model 1954-2254 true',
      'store 2264-2269',
      'send 2269-2349 true',
    ]);
    expect(timeline?.steps.find(({ kind }) => kind === 'model')?.firstToken).toBe(354);
    const counted = (all: Timings['turn']): unknown[] =>
      [...all.entries()].map(([label, each]) => [label, each.count, each.sum]);
    expect(counted(timings.queueWait)).toEqual([['telegram', 1, 0.1]]);
    expect(counted(timings.firstToken)).toEqual([['telegram', 1, 0.25]]);
    expect(counted(timings.turn)).toEqual([['answered', 1, 2.16]]);
    expect(counted(timings.modelCall)).toEqual([['true', 2, 0.6]]);
    expect(counted(timings.delivery)).toEqual([['telegram', 1, 0.08]]);
    expect(JSON.stringify(timeline)).not.toContain('secret');
  });

  it('give a call to the model to the message that it took over', () => {
    const { timings, item, pass, shown } = stage();
    const [first, second] = [item('a'), item('b')];
    timings.began(first);
    timings.saw(first, { type: 'started' });
    timings.saw(first, { type: 'model', on: true });
    pass(10);
    timings.saw(first, { type: 'model', on: false, ok: true });
    timings.saw(first, { type: 'model', on: true });
    timings.tookOver(second, first);
    timings.began(second);
    timings.ended(first, 'answered');
    timings.answered(first, undefined);
    pass(20);
    timings.saw(second, { type: 'model', on: false, ok: true });
    expect(timings.list('s', 10).map(shown)).toEqual([
      ['turn 0-10', 'start 0-0', 'model 0-10 true', 'store 10-10'],
      ['queue', 'turn 10-', 'start 10-10', 'model 10-30 true'].slice(1),
    ]);
  });

  it('take no step from a long turn when the call that went over was not kept', () => {
    const { timings, item } = stage();
    const [first, second] = [item('a'), item('b')];
    timings.began(first);
    for (let i = 0; i < 300; i += 1) timings.saw(first, { type: 'tool_start', id: `${i}`, name: 'ls' });
    const before = structuredClone(timings.list('s', 10)[0]);
    timings.saw(first, { type: 'model', on: true });
    timings.tookOver(second, first);
    expect(timings.list('s', 10).find(({ id }) => id === 'a')).toEqual(before);
  });

  it('say nothing about how long a message waited before this process began', () => {
    const { timings, item, pass } = stage();
    const message = item('m');
    pass(3_600_000);
    timings.began(message);
    timings.ended(message, 'failed');
    expect([...timings.queueWait.entries()]).toEqual([]);
    expect([...timings.turn.entries()].map(([label]) => label)).toEqual(['failed']);
    expect(timings.list('s', 1)[0]?.steps[0]).toMatchObject({ kind: 'turn', from: 3_600_000 });
  });

  it('keep a bounded number of messages and of steps', () => {
    const { timings, item, whole } = stage();
    for (let i = 0; i < 1200; i += 1) whole(`m${i}`, `s${i % 2}`);
    expect(timings.list(undefined, 5000)).toHaveLength(1000);
    expect(timings.list('s1', 3).map(({ id }) => id)).toEqual(['m1195', 'm1197', 'm1199']);
    const long = item('long');
    timings.began(long);
    for (let i = 0; i < 500; i += 1) timings.saw(long, { type: 'tool_start', id: `${i}`, name: 'ls' });
    timings.ended(long, 'answered');
    timings.answered(long, undefined);
    const kept = timings.list('s', 1)[0];
    expect(kept?.steps).toHaveLength(201);
    expect(kept?.steps.at(-1)?.kind).toBe('store');
    expect(kept?.leftOut).toBe(302);
    timings.forget(['s', 's0']);
    expect(timings.list(undefined, 5000).every(({ sessionId }) => sessionId === 's1')).toBe(true);
    for (let i = 0; i < 6000; i += 1) timings.accepted(item(`open${i}`, 'other'), 0);
    expect(timings.list('other', 10_000)).toHaveLength(5000);
  });

  it('are taken of every message of a gateway, and forgotten with its session', async () => {
    const rig = await Rig.start();
    await rig.say('hello');
    await rig.say('[fail]');
    const { timings } = rig.gateway;
    expect(
      timings.list(undefined, 10).map(({ outcome, steps }) => [outcome, steps.map(({ kind }) => kind)]),
    ).toEqual([
      ['answered', ['accept', 'queue', 'turn', 'start', 'model', 'store', 'send']],
      ['failed', ['accept', 'queue', 'turn', 'start', 'store', 'send']],
    ]);
    const [session] = rig.gateway.conversations.views();
    rig.gateway.conversations.gone.forget([session?.id ?? '']);
    expect(timings.list(undefined, 10)).toEqual([]);
    await rig.stop();
    rig.remove();
  });
});
