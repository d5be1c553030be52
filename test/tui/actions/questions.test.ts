import { describe, expect, it } from 'vitest';
import type { DialogView } from '../../../src/gateway/model.ts';
import { busySnapshot, NOW, questionView as question } from '../fixtures.ts';
import { harness } from '../harness.ts';

const open = (...dialogs: DialogView[]) => harness({ snapshot: { ...busySnapshot(), dialogs } });

describe('questions of agents in the console', () => {
  it('raise a badge and take neither the focus nor the screen', async () => {
    const h = harness();
    const before = h.text();
    expect(before[0]).not.toContain('questions');
    h.operator.push({ type: 'dialog', dialog: question() });
    h.timers.advance(300);
    await h.settle();
    const after = h.text();
    expect(after[0]).toContain('questions 1 !');
    expect(after.slice(1)).toEqual(before.slice(1));
    h.operator.push({ type: 'dialog-closed', id: 'qaaaaaaa', outcome: 'approved', actor: 'x' });
    h.timers.advance(300);
    await h.settle();
    expect(h.text()[0]).not.toContain('questions');
  });

  it('are decided by one key each in their view', async () => {
    for (const [key, decision] of [
      ['a', 'once'],
      ['A', 'session'],
      ['d', 'deny'],
    ] as const) {
      const h = open(question());
      h.press(`! ${key}`);
      expect(h.operator.commands).toEqual([{ type: 'dialog.answer', id: 'qaaaaaaa', decision }]);
      await h.settle();
      expect(h.text().at(-1)).toMatch(/#4 bash was (approved|denied)/);
    }
  });

  it('are decided by none of these keys outside of the view', () => {
    const h = open(question());
    h.press('5 a A d');
    expect(h.operator.commands).toEqual([]);
  });

  it('show the whole call on Enter, however long, and the keys work there too', () => {
    const tail = 'THE-END';
    const call = question().call;
    if (call === undefined) throw new Error('no call');
    const long = { ...call, arguments: `{\n  "command": "${'x '.repeat(120_000)}${tail}"\n}` };
    const h = open(question({ call: long }));
    h.press('! enter');
    expect(h.text().join('\n')).toContain('May it run? #4');
    expect(h.text().join('\n')).toContain('Grace Hopper');
    h.press('G');
    expect(h.text().join('\n')).toContain(tail);
    h.press('a');
    expect(h.operator.commands).toEqual([{ type: 'dialog.answer', id: 'qaaaaaaa', decision: 'once' }]);
  });

  it('other than approvals are answered by typing', () => {
    const { call: _, ...plain } = question();
    const h = open({ ...plain, kind: 'select', title: 'Which one?', options: ['red', 'blue'] });
    h.press('! a');
    expect(h.operator.commands).toEqual([]);
    h.press('i');
    expect(h.text().join('\n')).toContain('1 red  2 blue');
    h.press('2 enter');
    expect(h.operator.commands).toEqual([{ type: 'dialog.answer', id: 'qaaaaaaa', value: '2' }]);
  });

  it('are not decided by a key that was meant for the one before', () => {
    const h = open(question(), question({ id: 'qbbbbbbb', number: 5, createdAt: NOW + 1 }));
    h.press('!');
    h.operator.push({ type: 'dialog-closed', id: 'qaaaaaaa', outcome: 'timed_out', actor: 'gateway' });
    h.timers.advance(260);
    h.press('a');
    expect(h.operator.commands).toEqual([]);
    h.timers.advance(1_000);
    h.press('a');
    expect(h.operator.commands).toEqual([{ type: 'dialog.answer', id: 'qbbbbbbb', decision: 'once' }]);
  });
});
