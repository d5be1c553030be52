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

describe('the palette with words that were handed in', () => {
  const FORMS = [
    { say: 'person show <platform> <user-id>', help: 'show what is kept about a person', looks: true },
    { say: 'wave <platform> [note…]', help: 'wave to a platform', looks: false },
    { say: 'adapter <platform> check', help: 'ask a platform who the bot is', looks: true },
    // The console says these itself.
    { say: 'tasks cancel <id>', help: 'cancel a task', looks: false },
    { say: 'adapter <platform> stop', help: 'stop an adapter', looks: false },
    { say: 'pair', help: 'list pairing requests', looks: true },
  ];

  function offered(): Harness {
    const h = harness();
    h.controller.bindings.offer(FORMS);
    return h;
  }

  it('lists each of them once, and keeps what it says itself', () => {
    const h = offered();
    expect(h.controller.bindings.worded.map(({ id }) => id)).toEqual([
      'words.person show <platform> <user-id>',
      'words.wave <platform> [note…]',
      'words.adapter <platform> check',
    ]);
    h.press(':');
    h.type('person sh');
    expect(h.text().join('\n')).toMatch(
      /person show <platform> <user-id> +Show what is kept about a person\./u,
    );
    h.press('esc');
    command(h, 'tasks cancel bg-7f2');
    expect(h.text().join('\n')).toMatch(/Cancel .*bg-7f2/u);
  });

  it('runs at once what only looks, and shows what it said', async () => {
    const h = offered();
    command(h, 'person show telegram 81234');
    await h.settle();
    expect(h.effects.lines).toEqual([['person', 'show', 'telegram', '81234']]);
    const page = h.text().join('\n');
    expect(page).toContain('person show telegram 81234');
    expect(page).toContain('second line');
    h.press('esc');
    command(h, 'adapter slack check');
    await h.settle();
    expect(h.effects.lines.at(-1)).toEqual(['adapter', 'slack', 'check']);
  });

  it('shows an act in one line and wants Enter again', async () => {
    const h = offered();
    command(h, 'wave slack to all of you');
    expect(h.text().join('\n')).toContain('wave slack to all of you');
    expect(h.effects.lines).toEqual([]);
    h.timers.advance(400);
    h.press('enter');
    h.timers.advance(120);
    await h.settle();
    expect(h.effects.lines).toEqual([['wave', 'slack', 'to', 'all', 'of', 'you']]);
    expect(h.text().at(-1)).toContain('waved');
    command(h, 'wave slack');
    h.press('esc');
    expect(h.effects.lines).toHaveLength(1);
  });

  it('says what is missing, keeps the words, and says what went wrong', async () => {
    const h = offered();
    command(h, 'person show telegram');
    expect(h.text().at(-1)).toContain('give: person show <platform> <user-id>');
    expect(h.text().join('\n')).toContain(': person show telegram');
    h.press('esc :');
    h.type('person sho');
    h.press('down enter');
    h.type('telegram nobody');
    h.press('enter');
    await h.settle();
    expect(h.text().at(-1)).toContain('person show telegram nobody: no such person');
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
