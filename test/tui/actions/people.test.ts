import { describe, expect, it } from 'vitest';
import type { ActionContext } from '../../../src/tui/actions/action.ts';
import { PEOPLE } from '../../../src/tui/actions/people.ts';
import type { Question, RunOptions } from '../../../src/tui/state/decisions.ts';

describe('erasing a person in the console', () => {
  it('asks with what goes and what stays, and erases only when that is confirmed', () => {
    const ran: unknown[] = [];
    const asked: Question[] = [];
    const context = {
      target: () => ({ platform: 'telegram', userId: '7001' }),
      run: (command: object, options?: RunOptions) => {
        ran.push(command);
        options?.after?.({ message: '', data: { goes: ['2 sessions'], stays: ['session s1 of a group'] } });
      },
      ask: (question: Question) => asked.push(question),
    };
    const action = PEOPLE.find(({ id }) => id === 'allowlist.erase');
    action?.run(context as unknown as ActionContext, []);
    const person = { platform: 'telegram', userId: '7001' };
    expect(ran).toEqual([{ type: 'person.show', ...person }]);
    expect(asked[0]?.lines).toEqual(['- 2 sessions', 'Stays:', '- session s1 of a group']);
    asked[0]?.confirmed();
    expect(ran).toEqual([
      { type: 'person.show', ...person },
      { type: 'person.erase', ...person },
    ]);
  });
});
