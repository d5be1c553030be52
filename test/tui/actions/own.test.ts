/** Own commands on rows, the history of the palette, ids that Tab completes, other keyboard layouts. */
import { describe, expect, it } from 'vitest';
import { wordsOf } from '../../../src/tui/actions/commands.ts';
import { bindKeys } from '../../../src/tui/keys/bindings.ts';
import { NOW, pairingView, sessionView, snapshotOf, taskView } from '../fixtures.ts';
import { type Harness, harness } from '../harness.ts';

const screen = (h: Harness): string => h.text().join('\n');
const commands = [
  { key: 'X', name: 'ticket', run: ['ticket', '--chat={chat}', '{id}'] },
  { key: 'ctrl+x', name: 'wipe', run: ['wipe', '{chat}'], confirm: true },
] as const;

function sessions(chatId: string): Harness {
  const row = sessionView('s1; rm -rf /', { chat: { platform: 'telegram', accountId: 'a', chatId } });
  return harness({ snapshot: snapshotOf({ sessions: [row] }), commands, keyMs: 1_100 });
}

describe('own commands', () => {
  it('run with the values of the selected row as single words, and show what they print', async () => {
    const h = sessions('-100 5');
    h.press('2');
    expect(h.text().at(-1)).toContain('X ticket');
    h.press('X');
    await h.settle();
    expect(h.effects.programs).toEqual([['ticket', '--chat=-100 5', 's1; rm -rf /']]);
    expect(screen(h)).toContain('ran ticket');
  });

  it('ask first where they are told to, and refuse a value that would be an option', async () => {
    const h = sessions('-rf');
    h.press('2 ctrl+x');
    expect(h.text().at(-1)).toContain('would be read as an option');
    const other = sessions('42');
    other.press('2 ctrl+x');
    expect(screen(other)).toContain('"wipe" "42"');
    expect(other.effects.programs).toEqual([]);
    other.press('y');
    await other.settle();
    expect(other.effects.programs).toEqual([['wipe', '42']]);
    expect(wordsOf(['x', '--', '{id}'], { id: '-a' })).toEqual(['x', '--', '-a']);
    expect(wordsOf(['{id}'], { id: '/bin/sh' })).toContain('program');
    expect(wordsOf(['x', '{chat}'], { id: '1' })).toContain('no {chat}');
  });

  it('do nothing in a read-only console, and take no key that means something already', () => {
    const h = sessions('42');
    h.controller.update((view) => ({ ...view, readOnly: true }));
    h.press('2 X');
    expect(h.effects.programs).toEqual([]);
    expect(screen(h)).toContain('read-only');
    expect(bindKeys({}, [{ key: 'x', name: 'bad', run: ['true'] }]).problems).toEqual([
      'commands.bad: x is taken by session.stop',
    ]);
  });
});

describe('the palette', () => {
  it('brings back commands with the up arrow, and completes ids with Tab', () => {
    const h = harness({ snapshot: snapshotOf({ tasks: [taskView('bg-aa1'), taskView('bg-ab2')] }) });
    for (const text of ['outbox', 'schedules']) {
      h.press(':');
      h.type(text);
      h.press('enter');
    }
    h.press(': up');
    expect(screen(h)).toContain(': schedules');
    h.press('up');
    expect(screen(h)).toContain(': outbox');
    h.press('ctrl+u');
    h.type('task cancel b');
    h.press('tab');
    expect(screen(h)).toContain(': task cancel bg-a');
    h.type('b');
    h.press('tab');
    expect(screen(h)).toContain(': task cancel bg-ab2');
  });
});

it('takes a letter of another keyboard layout for the key it is on', () => {
  const pairing = [pairingView('p1', { expiresAt: NOW * 2 })];
  const h = harness({ snapshot: snapshotOf({ pairing }), keyMs: 1_100 });
  h.press('4 ф');
  expect(h.operator.commands).toEqual([{ type: 'pairing.approve', requestId: 'p1' }]);
  h.press('П');
  expect(h.operator.commands).toHaveLength(1);
});

it('takes it in dialogs, too, and gives a hint for a letter of no known layout', () => {
  const h = harness({ snapshot: snapshotOf({ sessions: [sessionView('s1')] }), keyMs: 1_100 });
  h.press('2 к');
  expect(screen(h)).toContain('Reset telegram');
  h.press('т');
  expect(screen(h)).not.toContain('Reset telegram');
  h.press('к н');
  expect(h.operator.commands).toEqual([{ type: 'session.reset', id: 's1' }]);
  h.press('あ');
  expect(screen(h)).toContain('switch the layout');
});
