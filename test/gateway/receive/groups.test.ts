import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Agent } from '../../../src/gateway/agent/agent.ts';
import type { Config } from '../../../src/gateway/config/schema.ts';
import type { InboundMessage } from '../../../src/gateway/model.ts';
import { recordingAgent } from '../recording-agent.ts';
import { Rig } from '../rig.ts';

let rig: Rig;

afterEach(async () => {
  await rig.stop();
  rig.remove();
  vi.useRealTimers();
});

async function start(config: Partial<Config> = {}, requireMention = true, agent?: Agent): Promise<void> {
  rig = await Rig.start({
    capabilities: { edit: false, typing: false, textLimit: 4000 },
    ...(agent === undefined ? {} : { agent }),
    config: {
      security: { allowAll: true },
      platforms: { telegram: { groupPolicy: 'open', requireMention } },
      ...config,
    },
  });
}

type Over = Partial<InboundMessage> & { readonly from?: string };

/** Somebody writes in the group, without a mention unless told otherwise. */
async function group(text: string, over: Over = {}): Promise<void> {
  await rig.say(text, { chatKind: 'group', mentioned: false, ...over });
  await rig.pass(1000);
}

const THREAD = { platform: 'telegram', accountId: 'default', chatId: 'c1', threadId: 't1' } as const;
const photo = (ref: string) => ({ kind: 'image', name: `${ref}.jpg`, mimeType: 'image/jpeg', ref }) as const;

describe('a thread in which the bot was called', () => {
  it('needs no mention for what follows, until it was quiet for a day', async () => {
    await start();
    await group('nobody asked', { chat: THREAD });
    await group('hello', { chat: THREAD, mentioned: true });
    await group('and then?', { chat: THREAD });
    await rig.skip(23 * 3_600_000);
    await group('still there?', { chat: THREAD });
    await rig.skip(25 * 3_600_000);
    await group('too late', { chat: THREAD });
    await group('elsewhere', { chat: { ...THREAD, threadId: 't2' } });
    const said = rig.texts({ threadId: 't1' }).filter((text) => text.startsWith('You said'));
    expect(said).toEqual(['You said: hello', 'You said: and then?', 'You said: still there?']);
    expect(rig.texts({ threadId: 't2' })).toEqual([]);
  });

  it('is still followed after a restart', async () => {
    await start();
    await group('hello', { chat: THREAD, mentioned: true });
    rig = await rig.restart();
    await group('and then?', { chat: THREAD });
    expect(rig.texts({ threadId: 't1' })).toEqual(['You said: hello', 'You said: and then?']);
  });

  it('is not followed when it is a topic, or when that is switched off', async () => {
    await start();
    await group('hello', { chat: THREAD, mentioned: true, topic: true });
    await group('and then?', { chat: THREAD, topic: true });
    expect(rig.texts({ threadId: 't1' })).toEqual(['You said: hello']);
    rig = await rig.restart(1000, 0, {
      config: {
        security: { allowAll: true },
        threads: { follow: false },
        platforms: { telegram: { groupPolicy: 'open' } },
      },
    });
    await group('and then?', { chat: THREAD });
    expect(rig.texts({ threadId: 't1' })).toEqual(['You said: hello']);
  });
});

describe('an album behind the mention gate', () => {
  it.each([0, 1, 2])('is one message when the caption of piece %i names the bot', async (at) => {
    await start();
    for (const i of [0, 1, 2]) {
      rig.adapter.files.set(`p${i}`, Buffer.from(`photo ${i}`));
      await rig.say(i === at ? 'look' : '', {
        chatKind: 'group',
        mentioned: i === at,
        albumId: 'a',
        attachments: [photo(`p${i}`)],
      });
    }
    await rig.pass(2000);
    const [said, ...more] = rig.texts();
    expect(more).toEqual([]);
    for (const i of [0, 1, 2]) expect(said).toContain(`photo ${i}`);
    expect(said).toMatch(/^You said: look/);
  });

  it('stays unheard when no piece does', async () => {
    await start();
    for (const i of [0, 1]) await group('', { albumId: 'a', attachments: [photo(`p${i}`)] });
    expect(rig.texts()).toEqual([]);
  });
});

describe('an edit that names the bot', () => {
  it('has a message taken that was passed over, once', async () => {
    await start();
    await group('what is the time', { messageId: 'm' });
    await group('what is the time', { messageId: 'm', mentioned: true, edited: true });
    await group('what is the time now', { messageId: 'm', mentioned: true, edited: true });
    expect(rig.texts().filter((text) => text.startsWith('You said'))).toEqual(['You said: what is the time']);
  });

  it('is too late after a quarter of an hour', async () => {
    await start();
    await group('what is the time', { messageId: 'm' });
    await rig.pass(16 * 60_000);
    await group('what is the time', { messageId: 'm', mentioned: true, edited: true });
    expect(rig.texts().filter((text) => text.startsWith('You said'))).toEqual([]);
  });
});

describe('a group that the gateway listens to', () => {
  it('has what was said given to the agent when it is called, once for each session', async () => {
    await start({ groups: { listen: true } });
    await group('the build is red', { from: 'bob' });
    await group('again?', { from: 'carol' });
    await group('who can help?', { from: 'ada', mentioned: true });
    await group('and now?', { from: 'ada', mentioned: true });
    expect(rig.texts()[0]).toContain('> "bob"');
    expect(rig.texts()[0]).toMatch(/: the build is red\n.*: again\?\n⟦message⟧\nwho can help\?$/);
    expect(rig.texts()[1]).toBe('You said: and now?');
    expect(rig.gateway.view().badges.join()).toContain('listening');
  });

  it('forgets after a day, keeps 50 at most, and nothing of it is stored', async () => {
    await start({ groups: { listen: true } });
    await group('yesterday', { from: 'bob' });
    await rig.skip(25 * 3_600_000);
    for (let i = 0; i < 60; i += 1)
      await rig.say(`line ${i}`, { chatKind: 'group', mentioned: false, from: 'bob' });
    await group('well?', { mentioned: true });
    const [said = ''] = rig.texts();
    expect(said).not.toContain('yesterday');
    expect(said).toContain('earlier in this chat, 30 messages');
    expect(said).toContain('line 59');
    expect(
      JSON.stringify(rig.stores.sessions.all('SELECT * FROM inbox WHERE message LIKE ?', ['%line 3"%'])),
    ).toBe('[]');
  });

  it('is not listened to unless that is switched on', async () => {
    await start();
    await group('the build is red', { from: 'bob' });
    await group('who can help?', { mentioned: true });
    expect(rig.texts()).toEqual(['You said: who can help?']);
  });
});

describe('a command for another bot', () => {
  it('is not ours, also where no mention is needed', async () => {
    await start({}, false);
    await group('/new@beeper_bot');
    await group('/frobnicate@beeper_bot now');
    expect(rig.texts()).toEqual([]);
    expect(rig.gateway.refusals).toEqual([]);
  });
});

describe('an answer that says nothing', () => {
  const answers: string[] = [];
  const quiet = (): Agent => {
    const inner = recordingAgent();
    return {
      ...inner,
      open: (spec) => {
        const conversation = inner.open(spec);
        return Object.assign(Object.create(conversation) as typeof conversation, {
          run: async (_input: unknown, listener: Parameters<typeof conversation.run>[1]) => {
            await undefined;
            listener({ type: 'started' });
            listener({ type: 'text_delta', delta: answers.shift() ?? '' });
            return { status: 'answered' } as const;
          },
        });
      },
    };
  };

  it('is not sent where nobody called the bot', async () => {
    await start({}, false, quiet());
    answers.push('', '[SILENT]', ' [silent]\n', 'a word');
    for (let i = 0; i < 4; i += 1) await group(`lunch ${i}?`);
    expect(rig.texts()).toEqual(['a word']);
    expect(rig.decisions()).toEqual([]);
  });

  it('is a sentence for whoever called it', async () => {
    await start({}, false, quiet());
    answers.push('', '[SILENT]');
    for (let i = 0; i < 2; i += 1) await group(`lunch ${i}?`, { mentioned: true });
    expect(rig.texts()).toHaveLength(2);
    for (const text of rig.texts()) expect(text).toContain('without saying anything');
  });
});

describe('pieces of a pasted text', () => {
  const taken = (): string[] => rig.seen.flatMap((event) => (event.type === 'inbound' ? [event.text] : []));

  it('that were cut in the middle of a word are one word again', async () => {
    await start();
    await rig.say(`${'word '.repeat(799)}indiv`, { messageId: 'a' });
    await rig.say('isible end', { messageId: 'b' });
    await rig.pass(2000);
    expect(taken()).toEqual([`${'word '.repeat(799)}indivisible end`]);
  });

  it('that were cut at the end of a line keep their lines', async () => {
    await start();
    await rig.say('x'.repeat(3900), { messageId: 'a' });
    await rig.say('next', { messageId: 'b' });
    await rig.pass(2000);
    expect(taken()).toEqual([`${'x'.repeat(3900)}\nnext`]);
  });
});
