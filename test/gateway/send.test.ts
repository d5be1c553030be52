import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Rig } from './rig.ts';

let rig: Rig;

beforeEach(async () => {
  rig = await Rig.start();
});
afterEach(async () => {
  await rig.stop();
  rig.remove();
  vi.useRealTimers();
});

it('writes to the chat that was named, not into whichever thread of it is known', async () => {
  const chat = { platform: 'telegram', accountId: 'bot-7', chatId: 'c9' } as const;
  await rig.say('in a thread', { chat: { ...chat, threadId: 't1' } });
  await rig.operator.run({
    type: 'send',
    platform: 'telegram',
    channelId: 'c9',
    content: 'to everybody here',
  });
  await rig.pass(100);
  expect(rig.world.messages.find(({ text }) => text === 'to everybody here')?.chat).toEqual(chat);
});
