import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ChatRef, PLATFORMS } from '../../../src/gateway/model.ts';
import {
  ORIGIN,
  parseTarget,
  parseTargets,
  resolveTargets,
  type Target,
  type TargetContext,
  writeTarget,
} from '../../../src/gateway/send/outbound.ts';

const origin: ChatRef = { platform: 'telegram', accountId: 'default', chatId: '42', threadId: '7' };
const context: TargetContext = {
  origin,
  home: (platform) => (platform === 'slack' ? { platform, accountId: 'T1', chatId: 'C1' } : undefined),
  chat: (platform, chatId, threadId) => ({
    platform,
    accountId: 'default',
    chatId,
    ...(threadId === undefined ? {} : { threadId }),
  }),
};
const code = (act: () => unknown): unknown => {
  try {
    act();
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error;
  }
  return 'nothing';
};

describe('a delivery target', () => {
  it('is the origin, a home, or a chat with or without its thread', () => {
    expect(parseTarget(' Origin ')).toEqual({ kind: 'origin' });
    expect(parseTarget('home:Slack')).toEqual({ kind: 'home', platform: 'slack' });
    expect(parseTarget('telegram:-100123')).toEqual({
      kind: 'chat',
      platform: 'telegram',
      chatId: '-100123',
    });
    expect(parseTarget('slack:C1:17.5')).toEqual({
      kind: 'chat',
      platform: 'slack',
      chatId: 'C1',
      threadId: '17.5',
    });
  });

  it('is refused in doubt, with a hint', () => {
    for (const text of [
      '',
      'telegrm:1',
      'telegram',
      'telegram:',
      'telegram:1:',
      'slack:a:b:c',
      'home',
      'home:x',
      'origin:1',
    ])
      expect([text, code(() => parseTarget(text))]).toEqual([text, 'bad_target']);
    expect(() => parseTarget('telegrm:1')).toThrow(
      expect.objectContaining({ hint: expect.stringContaining('telegram') }),
    );
  });

  it('reads what it wrote, whatever the ids contain', () => {
    const id = fc.string({ minLength: 1, maxLength: 20 }).filter((text) => text.trim() === text);
    fc.assert(
      fc.property(
        fc.constantFrom(...PLATFORMS),
        id,
        fc.option(id, { nil: undefined }),
        (platform, chatId, threadId) => {
          const target: Target = {
            kind: 'chat',
            platform,
            chatId,
            ...(threadId === undefined ? {} : { threadId }),
          };
          expect(parseTargets(writeTarget(target))).toEqual([target]);
        },
      ),
    );
  });

  it('means the origin when nothing is said, and each chat once when several are', () => {
    expect(parseTargets(undefined)).toEqual([ORIGIN]);
    expect(parseTargets(' , ')).toEqual([ORIGIN]);
    expect(resolveTargets(parseTargets('origin, telegram:42:7, home:slack, slack:C2'), context)).toEqual([
      origin,
      { platform: 'slack', accountId: 'T1', chatId: 'C1' },
      { platform: 'slack', accountId: 'default', chatId: 'C2' },
    ]);
  });

  it('that leads nowhere is an error that says what is missing', () => {
    expect(code(() => resolveTargets([ORIGIN], { ...context, origin: undefined }))).toBe('no_origin');
    expect(code(() => resolveTargets(parseTargets('home:discord'), context))).toBe('no_home_chat');
  });
});
