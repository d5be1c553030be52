import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AgentQuestion } from '../../../src/gateway/agent/question.ts';
import type { ChatRef } from '../../../src/gateway/model.ts';
import { readAddress, readAnswer } from '../../../src/gateway/questions/chat-answers.ts';
import type { Dialog } from '../../../src/gateway/questions/dialog.ts';
import { DialogBook, visible } from '../../../src/gateway/questions/dialog.ts';

const chatOf = (chatId: string): ChatRef => ({ platform: 'telegram', accountId: 'default', chatId });
const PEOPLE = ['ada', 'bob', 'eve'] as const;
const CHATS = ['c1', 'c2'] as const;

type Step =
  | {
      readonly do: 'open';
      readonly chat: string;
      readonly person: string | undefined;
      readonly session: string;
    }
  | { readonly do: 'close'; readonly nth: number }
  | { readonly do: 'find'; readonly chat: string; readonly person: string; readonly nth: number | undefined };

const chat = fc.constantFrom(...CHATS);
const person = fc.constantFrom(...PEOPLE);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constant('open' as const),
    chat,
    person: fc.option(person, { nil: undefined }),
    session: fc.constantFrom('s1', 's2'),
  }),
  fc.record({ do: fc.constant('close' as const), nth: fc.nat(30) }),
  fc.record({
    do: fc.constant('find' as const),
    chat,
    person,
    nth: fc.option(fc.nat(30), { nil: undefined }),
  }),
);

describe('the book of open questions', () => {
  it('finds only what is open, in its own chat, for its own requester; and closes nothing twice', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const book = new DialogBook();
        const all: Dialog[] = [];
        const over = new Set<string>();
        for (const each of steps) {
          if (each.do === 'open') {
            if (!book.hasRoom(each.session)) continue;
            const dialog: Dialog = {
              id: `q${all.length}`,
              number: book.nextNumber(),
              sessionId: each.session,
              chat: chatOf(each.chat),
              requester: each.person === undefined ? undefined : { id: each.person, name: each.person },
              question: { kind: 'confirm', title: 'Well?' },
              createdAt: 0,
              expiresAt: 1,
            };
            all.push(dialog);
            book.open(dialog);
          } else if (each.do === 'close') {
            const id = all[each.nth]?.id ?? 'unknown';
            const open = id !== 'unknown' && !over.has(id);
            expect(book.close(id, 'answered')).toBe(open);
            over.add(id);
          } else {
            const which = each.nth === undefined ? undefined : all[each.nth]?.id;
            const found = book.find(chatOf(each.chat), { id: each.person }, which);
            if (!('miss' in found)) {
              expect(over.has(found.dialog.id)).toBe(false);
              expect(found.dialog.chat?.chatId).toBe(each.chat);
              expect(found.dialog.requester?.id).toBe(each.person);
              if (which !== undefined) expect(found.dialog.id).toBe(which);
            } else if (found.miss === 'which')
              expect(found.dialogs.every((dialog) => dialog.requester?.id === each.person)).toBe(true);
          }
        }
        expect(book.list().map(({ id }) => id)).toEqual(
          all.map(({ id }) => id).filter((id) => !over.has(id)),
        );
        expect(new Set(book.list().map(({ number }) => number)).size).toBe(book.list().length);
      }),
    );
  });

  it('goes on counting where the last run ended', () => {
    const book = new DialogBook();
    book.remember([{ id: 'q1', number: 999, chat: chatOf('c1'), outcome: 'void' }]);
    expect(book.nextNumber()).toBe(1);
    expect(book.find(chatOf('c1'), { id: 'ada' }, 999)).toMatchObject({ miss: 'over' });
    expect(book.find(chatOf('c2'), { id: 'ada' }, 999)).toEqual({ miss: 'none' });
  });
});

describe('an answer as it is read', () => {
  const approval: AgentQuestion = { kind: 'approval', title: 'bash' };

  it('never approves a call by anything but a number that was offered', () => {
    fc.assert(
      fc.property(fc.string(), fc.boolean(), (text, numbered) => {
        const answer = readAnswer(approval, text, numbered);
        const approves =
          answer !== undefined &&
          answer !== 'unclear' &&
          answer.type === 'approval' &&
          answer.decision !== 'deny';
        if (approves) expect(numbered && /^[12]\.?$/.test(text.trim())).toBe(true);
      }),
    );
    for (const text of ['yes', 'ok', 'Sure!', 'y']) expect(readAnswer(approval, text)).toBe('unclear');
  });

  it('gives a choice only by its words or its number', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 5 }),
        fc.string(),
        (options, text) => {
          const answer = readAnswer({ kind: 'select', title: 'Which?', options }, text);
          if (answer !== undefined && answer !== 'unclear')
            expect(answer.type === 'value' && options.includes(answer.value)).toBe(true);
        },
      ),
    );
  });

  it('names its question by number or id, at the beginning only', () => {
    expect(readAddress('#4 yes')).toEqual({ which: 4, text: 'yes' });
    expect(readAddress('#4: two')).toEqual({ which: 4, text: 'two' });
    expect(readAddress('q3bcdefg 2')).toEqual({ which: 'q3bcdefg', text: '2' });
    for (const text of ['quickest way', 'yes #4', '#x', '4 yes', 'q3bcdefgh', 'quickest'])
      expect(readAddress(text)).toEqual({ which: undefined, text });
  });
});

describe('a call as it is shown', () => {
  it('hides nothing: whatever does not print is written out', () => {
    expect(visible('a\u202eb\u200bc\u0007d\ne\tf')).toBe('a\\u{202e}b\\u{200b}c\\u{7}d\ne\tf');
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(visible(text)).not.toMatch(/[\p{Cf}\p{Zl}\p{Zp}\u0000-\u0008\u000b-\u001f\u007f-\u009f]/u);
      }),
    );
  });
});
