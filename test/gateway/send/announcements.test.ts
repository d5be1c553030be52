import { afterEach, describe, expect, it, vi } from 'vitest';
import { resolveSettings } from '../../../src/gateway/config/settings.ts';
import { raw } from '../../../src/gateway/language/chat-text.ts';
import { Rig } from '../rig.ts';

afterEach(() => {
  vi.useRealTimers();
});

describe('news of a platform', () => {
  const news = {
    id: 'n1',
    text: raw('#lobby is live'),
    targets: ['telegram:c9', 'telegram:c9', 'telegram:c8:5'],
  };

  it('goes to each named chat once, also when it is told again after a crash', async () => {
    const first = await Rig.start();
    await first.adapter.host?.announce?.(news);
    await first.settle();
    await first.adapter.host?.announce?.(news);
    await first.settle();
    const rig = await first.crash();
    await rig.adapter.host?.announce?.(news);
    await rig.settle();
    expect(rig.texts({ chatId: 'c9' })).toEqual(['#lobby is live']);
    expect(rig.texts({ chatId: 'c8', threadId: '5' })).toEqual(['#lobby is live']);
    await rig.adapter.host?.announce?.({ ...news, id: 'n2' });
    await rig.settle();
    expect(rig.texts({ chatId: 'c9' })).toHaveLength(2);
    await rig.stop();
    rig.remove();
  });

  it('says which target leads nowhere', async () => {
    const rig = await Rig.start();
    const lost = rig.adapter.host?.announce?.({ ...news, targets: ['home:telegram'] });
    await expect(lost).rejects.toThrow('telegram has no home chat');
    await rig.stop();
    rig.remove();
  });
});

describe('platforms.twitch.notices', () => {
  const settingsWith = (notices: string[]): unknown =>
    resolveSettings({ platforms: { twitch: { notices } } }, {}, {}, '/');

  it('takes chats and homes', () => {
    expect(() => settingsWith(['slack:C1', 'telegram:-100:7', 'home:discord'])).not.toThrow();
  });

  it.each([
    ['pigeon:1', 'platforms.twitch.notices.0'],
    ['origin', 'no origin'],
  ])('refuses %s when the gateway starts', (target, words) => {
    expect(() => settingsWith([target])).toThrow(words);
  });
});
