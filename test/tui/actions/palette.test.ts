import { describe, expect, it } from 'vitest';
import { busySnapshot, questionView, sessionView, snapshotOf } from '../fixtures.ts';
import { type Harness, harness } from '../harness.ts';

function command(h: Harness, text: string): void {
  h.press(':');
  h.type(text);
  h.press('enter');
}

describe('the palette acts only on what is visible', () => {
  it('runs no word that only resembles a command', () => {
    const h = harness({ snapshot: { ...busySnapshot(), dialogs: [questionView()] } });
    for (const word of ['send', 'for', 'appr', 'sto', 'approve once', 'stop now']) {
      command(h, word);
      expect(h.text().at(-1)).toContain(`"${word}" is not a command.`);
      h.press('esc');
    }
    expect(h.operator.commands).toEqual([]);
  });

  it('offers acts on rows only in the list that is open', () => {
    const h = harness({ snapshot: { ...busySnapshot(), dialogs: [questionView()] } });
    h.press('2 :');
    h.type('allow sender');
    expect(h.text().join('\n')).not.toContain('Allow the sender');
    h.press('esc f :');
    h.type('allow sender');
    expect(h.text().join('\n')).toContain('allow sender');
    h.press('enter');
    expect(h.text().join('\n')).toMatch(/Allow .* \(discord 4242\)\?/u);
  });

  it('wants an id for a row of a list that is not open', () => {
    const h = harness();
    command(h, 'task cancel');
    expect(h.text().at(-1)).toContain('Cannot do this: name it: task cancel <id>.');
    expect(h.operator.commands).toEqual([]);
  });

  it('runs an entry that was chosen with the arrow keys', () => {
    const h = harness();
    h.press(':');
    h.type('zoo');
    h.press('down enter');
    expect(h.controller.view.zoom).toBe(true);
  });

  it('names whom it approves and wants Enter again, in its own time', () => {
    const h = harness();
    command(h, 'approve');
    expect(h.text().join('\n')).toMatch(/Approve .* \(whatsapp 44770090012@s\.whatsapp\.net\)\?/u);
    // The Enter that asked, still down.
    for (let n = 0; n < 10; n += 1) {
      h.timers.advance(30);
      h.press('enter');
    }
    expect(h.operator.commands).toEqual([]);
    h.timers.advance(400);
    h.press('enter');
    h.timers.advance(120);
    expect(h.operator.commands).toEqual([{ type: 'pairing.approve', requestId: 'p2' }]);
  });

  it('shows whose code was typed before it lets anybody in', () => {
    const h = harness();
    command(h, 'pair kq7m2xpd');
    expect(h.text().join('\n')).toContain('Approve the holder of kq7m2xpd?');
    expect(h.text().join('\n')).toContain('Grace Hopper (telegram 81234)');
    h.press('esc');
    expect(h.operator.commands).toEqual([]);
    command(h, 'pair kq7m2xpd');
    h.press('y');
    expect(h.operator.commands).toEqual([{ type: 'pairing.approve', code: 'kq7m2xpd' }]);
  });

  it('does nothing to the row that took the place of the one that was named', () => {
    const h = harness();
    command(h, 'approve');
    h.operator.push({ type: 'pairing-closed', id: 'p2', outcome: 'expired', actor: 'clock' });
    h.timers.advance(300);
    h.press('y');
    expect(h.operator.commands).toEqual([]);
    expect(h.text().at(-1)).toContain('The list has just moved');
  });
});

describe('keys act only on what is visible', () => {
  it('decides nothing where the terminal is too small to show it, nor confirms it', () => {
    const h = harness();
    h.screen(30, 8);
    h.press('a d b');
    h.press('2 x y');
    expect(h.operator.commands).toEqual([]);
  });

  it('decides once while a key is held down, and again when it is pressed again', () => {
    const snapshot = snapshotOf({
      sessions: Array.from({ length: 4 }, (_, n) => sessionView(`s${n}`, { lastUserAt: -n })),
    });
    const h = harness({ snapshot });
    h.press('2 P');
    h.timers.advance(500);
    for (let n = 0; n < 60; n += 1) {
      h.press('P');
      h.timers.advance(33);
      if (n === 10) h.operator.push({ type: 'session-removed', id: 's0' });
    }
    expect(h.operator.commands).toEqual([{ type: 'session.pause', id: 's0' }]);
    h.timers.advance(600);
    h.press('P');
    h.timers.advance(120);
    expect(h.operator.commands.at(-1)).toEqual({ type: 'session.pause', id: 's1' });
  });
});
