import { expect, it } from 'vitest';
import { sessionView, snapshotOf } from '../fixtures.ts';
import { harness } from '../harness.ts';

it('marks bound chats in the list and in the transcript, and finds them', () => {
  const h = harness({
    snapshot: snapshotOf({
      sessions: [
        sessionView('desk', {
          bound: { to: 'terminal', piSession: '0199-desk', file: '/s/0199-desk.jsonl' },
        }),
        sessionView('kept', { bound: { to: 'session', piSession: '0199-kept' } }),
        sessionView('free'),
      ],
    }),
  });
  h.press('2 z');
  const lines = h.text(120, 30);
  expect(lines.filter((line) => line.includes('bound to pi in a terminal'))).toHaveLength(1);
  expect(lines.filter((line) => line.includes('bound to a session'))).toHaveLength(1);
  h.press('/');
  h.type('bound to pi');
  h.press('enter');
  expect(h.text(120, 30).join('\n')).not.toContain('bound to a session');
  h.press('enter');
  expect(h.text(120, 30).join('\n')).toContain('bound to pi in a terminal 0199-desk');
});
