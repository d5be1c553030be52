import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Agent } from '../../../src/gateway/agent/agent.ts';
import type { Config } from '../../../src/gateway/config/schema.ts';
import type { InboundMessage } from '../../../src/gateway/model.ts';
import { sessionKey } from '../../../src/gateway/sessions/sessions.ts';
import { Rig, type RigOptions } from '../rig.ts';
import { ScriptedModel } from '../turns/scripted-model.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
let rig: Rig;

async function start(config: Config = {}, options: RigOptions = {}): Promise<void> {
  rig = await Rig.start({
    capabilities: { edit: false, typing: false },
    config: { ...config, security: { allowAll: true, ...config.security } },
    ...options,
  });
}

afterEach(async () => {
  await rig?.stop();
  rig?.remove();
  vi.useRealTimers();
});

async function ask(text: string, over: Partial<InboundMessage> & { from?: string } = {}): Promise<string[]> {
  const before = rig.texts().length;
  await rig.say(text, over);
  await rig.pass(50);
  return rig.texts().slice(before);
}

const sessions = () =>
  rig.gateway.conversations.views().map(({ title, state, endReason }) => `${title}: ${endReason ?? state}`);

describe('the key of a conversation', () => {
  const chat = { platform: 'telegram', accountId: 'default', chatId: 'c' } as const;
  const key = (over: Partial<Parameters<typeof sessionKey>[0]>): string =>
    sessionKey({ chat, chatKind: 'dm', senderId: 'ada', perUser: true, ...over });

  it('tells platforms, accounts, chats and threads apart', () => {
    const keys = [
      key({}),
      key({ chat: { ...chat, platform: 'discord' } }),
      key({ chat: { ...chat, accountId: 'other' } }),
      key({ chat: { ...chat, chatId: 'd' } }),
      key({ chat: { ...chat, threadId: '1' } }),
      key({ chat: { ...chat, threadId: '2' } }),
      key({ chatKind: 'group' }),
    ];
    expect(new Set(keys).size).toBe(keys.length);
  });

  it('tells people apart in groups, when they have sessions of their own, and nowhere else', () => {
    const group = { chatKind: 'group' as const };
    expect(key({ ...group })).not.toBe(key({ ...group, senderId: 'bob' }));
    expect(key({ ...group, perUser: false })).toBe(key({ ...group, perUser: false, senderId: 'bob' }));
    expect(key({})).toBe(key({ senderId: 'bob' }));
  });

  it('cannot be forged by what stands in an id', () => {
    expect(key({ chat: { ...chat, chatId: 'c","x' } })).not.toBe(key({ chat: { ...chat, threadId: 'x' } }));
  });
});

describe('groups and threads', () => {
  const OPEN: Config = {
    platforms: { telegram: { groupPolicy: 'open', requireMention: false } },
  };
  const inGroup = (threadId?: string): Partial<InboundMessage> => ({
    chatKind: 'group',
    chat: rig.chat({ chatId: 'g', ...(threadId === undefined ? {} : { threadId }) }),
  });

  it('give each person a session, and each thread', async () => {
    await start(OPEN);
    await ask('a1', { ...inGroup(), from: 'ada' });
    await ask('b1', { ...inGroup(), from: 'bob' });
    await ask('a2', { ...inGroup('t1'), from: 'ada' });
    await ask('a3', { ...inGroup(), from: 'ada' });
    expect(sessions()).toEqual(['a1: idle', 'b1: idle', 'a2: idle']);
  });

  it('carry the name that their person has now', async () => {
    await start({}, { capabilities: { edit: false, typing: false } });
    await ask('hi', { sender: { id: 'a1', name: 'client 3af1' } });
    await ask('hi again', { sender: { id: 'a1', name: 'Ada' } });
    const names = () => rig.gateway.conversations.views().map(({ senderName }) => senderName);
    expect(names()).toEqual(['Ada']);
    rig = await rig.crash();
    expect(names()).toEqual(['Ada']);
  });

  it('are answered in the thread in which they were asked', async () => {
    await start(OPEN);
    await ask('there', { ...inGroup('t1') });
    await ask('here', inGroup());
    expect(rig.texts({ threadId: 't1' })).toEqual(['You said: there']);
    expect(rig.world.shown().map(({ chat }) => chat.threadId)).toEqual(['t1', undefined]);
  });

  it('share one session when that is configured, in which nobody is merged with anybody', async () => {
    await start({
      platforms: {
        telegram: {
          groupPolicy: 'open',
          requireMention: false,
          groupSessionsPerUser: false,
          busyMode: 'steer',
        },
      },
    });
    await rig.say('[sleep 500] a1', { ...inGroup(), from: 'ada' });
    await rig.pass(10);
    await rig.say('b1', { ...inGroup(), from: 'bob' });
    await rig.say('a2', { ...inGroup(), from: 'ada' });
    await rig.pass(3000);
    expect(sessions()).toHaveLength(1);
    expect(rig.texts()).toEqual(['You said: a1', 'You said: b1', 'You said: a2']);
  });

  it('queue by default, while direct messages are handed to the running turn', async () => {
    await start(OPEN, { chunkDelayMs: 100 });
    await rig.say('g1 word word word', inGroup());
    await rig.say('d1 word word word', { promptId: 'd1' });
    await rig.pass(50);
    await rig.say('g2', inGroup());
    await rig.say('d2', { promptId: 'd2' });
    await rig.pass(5000);
    expect(rig.gateway.conversations.views().map(({ turns }) => turns)).toEqual([2, 2]);
    const answers = rig.world
      .shown({ chatId: 'c1' })
      .map(({ request, text }) => [request.meta.promptId, text]);
    expect(answers).toEqual([
      ['d1', 'You said: d1 word word word'],
      ['d2', 'You said: d2'],
    ]);
  });
});

describe('a message that the model takes before it has said a word to the one before', () => {
  const agent = (): Agent => {
    const model = new ScriptedModel([
      {
        reachMs: 10,
        missesFirst: 0,
        steps: ['tool', 'tool', 'take', 'text'],
        stepMs: 100,
        end: 'answer',
        abortMs: 5,
        steerMs: 0,
        takesSteers: true,
      },
    ]);
    return {
      backend: 'test',
      check: async () => ({ ok: true, detail: '' }),
      open: () => model.open(),
      stop: async () => {},
    };
  };

  it('is joined with it: for a program the earlier response is empty and names the later one', async () => {
    await start({}, { agent: agent() });
    await rig.say('first', { promptId: 'p1' });
    await rig.pass(50);
    await rig.say('second', { promptId: 'p2' });
    await rig.pass(3000);
    const answers = rig.world
      .shown()
      .map(({ request: { meta }, text }) => [meta.kind, meta.promptId, meta.joinedTo, text]);
    expect(answers).toEqual([
      ['reply', 'p1', 'p2', ''],
      ['reply', 'p2', undefined, 'word '],
    ]);
    expect(rig.stores.sessions.all("SELECT id FROM inbox WHERE state <> 'done'")).toEqual([]);
  });

  it('is joined with it: in a chat there is one answer', async () => {
    await start({}, { agent: agent() });
    await rig.say('first');
    await rig.pass(50);
    await rig.say('second');
    await rig.pass(3000);
    expect(rig.texts()).toEqual(['word ']);
  });
});

describe('a reset', () => {
  it('by idle time begins a new session with the next message, and says why, once', async () => {
    await start({ sessions: { idleMinutes: 60 } });
    await ask('one');
    await rig.pass(59 * MINUTE);
    expect(await ask('two')).toEqual(['You said: two']);
    await rig.pass(61 * MINUTE);
    expect(await ask('three')).toEqual([
      'Started a new session (no messages for a long time). Send /resume to return to the previous one.',
      'You said: three',
    ]);
    expect(await ask('four')).toEqual(['You said: four']);
    expect(sessions()).toEqual(['one: idle', 'three: idle']);
    expect(rig.decisions()).toEqual(['session reset idle']);
  });

  it('that the sweep made is told as well, once, also after a restart', async () => {
    await start({ sessions: { idleMinutes: 60 } });
    await ask('one');
    await rig.pass(62 * MINUTE); // the minute sweep ends it although nobody writes
    expect(sessions()).toEqual(['one: idle']);
    expect(rig.gateway.conversations.views()[0]?.state).toBe('ended');
    rig = await rig.crash();
    expect(await ask('two')).toHaveLength(2);
    rig = await rig.crash();
    expect(await ask('three')).toEqual(['You said: three']);
  });

  it('at the daily hour, by the platform’s own settings', async () => {
    await start({
      sessions: { resetPolicy: 'none' },
      platforms: {
        telegram: { sessions: { dm: { resetPolicy: 'daily', dailyHour: 12, timeZone: 'UTC' } } },
      },
    });
    await ask('before noon'); // 10:00 UTC
    await rig.pass(HOUR);
    expect(await ask('still before')).toHaveLength(1);
    await rig.pass(HOUR + MINUTE);
    expect(await ask('after noon')).toEqual([
      'Started a new session (daily reset). Send /resume to return to the previous one.',
      'You said: after noon',
    ]);
  });

  it('counts only what a user writes', async () => {
    await start({ sessions: { idleMinutes: 60 } });
    await ask('one');
    const { id } = rig.gateway.conversations.views()[0] ?? { id: '' };
    await rig.pass(40 * MINUTE);
    await rig.operator.run({ type: 'session.write', id, text: 'still here?' });
    await rig.pass(30 * MINUTE);
    expect(rig.gateway.conversations.views()[0]?.state).toBe('ended');
  });

  it('does not happen while a turn runs', async () => {
    await start({ sessions: { idleMinutes: 5 } });
    await rig.say('[sleep 540000] [progress 1 x] long');
    await rig.pass(8 * MINUTE);
    expect(rig.gateway.conversations.views()[0]).toMatchObject({ state: 'running' });
    await rig.pass(4 * MINUTE);
    expect(rig.texts()).toEqual(['You said: long']);
  });

  it('does not happen while a task of the session runs, for a day at most', async () => {
    await start({ sessions: { idleMinutes: 60 } });
    await ask('one');
    await rig.say('/bg [hang]');
    await rig.pass(100);
    expect(rig.gateway.tasks.busy(rig.gateway.conversations.views()[0]?.id ?? '')).toBe(true);
    vi.setSystemTime(Date.now() + 5 * HOUR); // the task's own deadline does not come into it
    await rig.gateway.conversations.sweep(Date.now());
    expect(rig.gateway.conversations.views()[0]?.state).toBe('idle');
    vi.setSystemTime(Date.now() + 24 * HOUR);
    await rig.gateway.conversations.sweep(Date.now());
    expect(rig.gateway.conversations.views()[0]?.state).toBe('ended');
  });

  it('by the operator is told with the next message', async () => {
    await start();
    await ask('one');
    await rig.operator.run({ type: 'session.reset', id: rig.gateway.conversations.views()[0]?.id ?? '' });
    await rig.pass(10);
    expect(await ask('two')).toEqual([
      'Started a new session (reset by the operator). Send /resume to return to the previous one.',
      'You said: two',
    ]);
  });

  it('leaves the old session where it can be taken up again, with its own agent session', async () => {
    await start({ sessions: { idleMinutes: 60 } });
    await ask('one');
    await rig.pass(2 * HOUR);
    await ask('two');
    await ask('/resume 2');
    expect(sessions()).toEqual(['one: idle', 'two: another one was resumed']);
  });
});

describe('an operator who takes over', () => {
  it('keeps the agent quiet in that chat, and messages wait, also over a restart', async () => {
    await start();
    await ask('one');
    const { id } = rig.gateway.conversations.views()[0] ?? { id: '' };
    await rig.operator.run({ type: 'session.pause', id });
    expect(await ask('two')).toEqual([]);
    await rig.operator.run({ type: 'session.write', id, text: 'a human here' });
    await rig.pass(10);
    expect(rig.texts().at(-1)).toBe('a human here');
    rig = await rig.crash();
    expect(await ask('three')).toEqual([]);
    expect(await rig.operator.query('queue', { sessionId: id })).toHaveLength(2);
    await rig.operator.run({ type: 'session.resume', id });
    await rig.pass(500);
    expect(rig.texts().slice(-2)).toEqual(['You said: two', 'You said: three']);
  });
});

describe('two gateways in one process', () => {
  it('know nothing of each other', async () => {
    await start();
    const first = rig;
    await ask('to the first');
    const second = await Rig.start({ config: { security: { allowAll: true } }, platform: 'discord' });
    await second.say('to the second');
    await second.pass(2000);
    expect(second.texts()).toEqual(['You said: to the second']);
    expect(first.texts()).toEqual(['You said: to the first']);
    expect(first.gateway.conversations.views().map(({ title }) => title)).toEqual(['to the first']);
    expect(second.gateway.conversations.views().map(({ title }) => title)).toEqual(['to the second']);
    await second.stop();
    second.remove();
    expect(first.gateway.state).toBe('running');
  });
});
