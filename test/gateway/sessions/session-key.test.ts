import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PLATFORMS } from '../../../src/gateway/model.ts';
import { type SessionKeyInput, sessionKey } from '../../../src/gateway/sessions/sessions.ts';
import { tries } from '../../support/tries.ts';

/** Ids as platforms make them, and as somebody would make them who wants to end up in another's session. */
const id = fc.oneof(
  fc.constantFrom('1', '-1001', 'a', 'a:b', 'a","b', '["a"]', 'null', '', '\\', 'a/b'),
  fc.string({ maxLength: 8, unit: 'binary' }),
);
const input: fc.Arbitrary<SessionKeyInput> = fc.record({
  chat: fc.record(
    { platform: fc.constantFrom(...PLATFORMS), accountId: id, chatId: id, threadId: id },
    { requiredKeys: ['platform', 'accountId', 'chatId'] },
  ),
  chatKind: fc.constantFrom('dm' as const, 'group' as const),
  senderId: id,
  perUser: fc.boolean(),
});

/** What tells two conversations apart. */
const identity = ({ chat, chatKind, senderId, perUser }: SessionKeyInput): readonly unknown[] => [
  chat.platform,
  chat.accountId,
  chat.chatId,
  chat.threadId,
  chatKind === 'group' && perUser ? senderId : undefined,
];

describe('the key of a conversation', () => {
  it('is the same for the same conversation, and never for two', () => {
    fc.assert(
      fc.property(input, input, (one, other) => {
        const same = identity(one).every((part, i) => part === identity(other)[i]);
        expect(sessionKey(one) === sessionKey(other)).toBe(same);
      }),
      { numRuns: tries(5000) },
    );
  });

  it('tells chats, threads and accounts apart whatever their ids look like', () => {
    fc.assert(
      fc.property(input, id, (one, other) => {
        for (const key of ['accountId', 'chatId', 'threadId'] as const) {
          const changed = { ...one, chat: { ...one.chat, [key]: other } };
          expect(sessionKey(changed) === sessionKey(one)).toBe(one.chat[key] === other);
        }
      }),
    );
  });

  it('holds the sender in groups alone, and there only where each user has a session', () => {
    fc.assert(
      fc.property(input, id, (one, other) => {
        const changed = { ...one, senderId: other };
        const apart = one.chatKind === 'group' && one.perUser && other !== one.senderId;
        expect(sessionKey(changed) !== sessionKey(one)).toBe(apart);
      }),
    );
  });
});
