import { afterEach, describe, expect, it, vi } from 'vitest';
import type { InboundMessage } from '../../../src/gateway/model.ts';
import { Rig } from '../rig.ts';

let rig: Rig;

afterEach(async () => {
  await rig.stop();
  rig.remove();
  vi.useRealTimers();
});

const GROUP: Partial<InboundMessage> = { chatKind: 'group' };

async function start(requireMention = true): Promise<void> {
  rig = await Rig.start({
    config: {
      security: { allowAll: true },
      platforms: { telegram: { groupPolicy: 'open', requireMention } },
    },
  });
}

describe('a message without anything to read', () => {
  it('is answered with one sentence that names what it is, without the agent', async () => {
    await start();
    await rig.say('', { unreadable: 'a story' });
    await rig.pass(1000);
    expect(rig.texts()).toEqual(['I cannot read a story. Please send it as text, or as a file.']);
    expect(rig.operator.snapshot().sessions).toEqual([]);
  });

  it('is a greeting when it is only a mention, and is answered once', async () => {
    await start();
    await rig.say(' ', { ...GROUP, dedupeKey: 'same' });
    await rig.say(' ', { ...GROUP, dedupeKey: 'same' });
    await rig.pass(1000);
    expect(rig.texts()).toEqual([
      'Hi! Write your question in the same message as the mention, or mention me in a reply.',
    ]);
  });

  it('is not answered in a group where nobody asked', async () => {
    await start(false);
    await rig.say('', { ...GROUP, mentioned: false, unreadable: 'a game' });
    await rig.pass(1000);
    expect(rig.texts()).toEqual([]);
  });

  it('has a program that waits for its outcome hear of it', async () => {
    await start();
    await rig.say('', { promptId: 'p1' });
    await rig.pass(1000);
    expect(rig.texts()).toEqual(['Hi! Send me a message.']);
  });

  it('is given to the agent when it quotes something', async () => {
    await start();
    await rig.say('', { ...GROUP, replyTo: { messageId: 'x', author: 'Bob', text: 'the build failed' } });
    await rig.pass(1000);
    expect(rig.texts().join()).toContain('> the build failed');
  });
});
