/** What the last line, titles and questions say. */
import { describe, expect, it } from 'vitest';
import { frame, span } from '../../../src/tui/draw/line.ts';
import { UNICODE_GLYPHS } from '../../../src/tui/draw/theme.ts';
import { pairingView, sessionView, snapshotOf } from '../fixtures.ts';
import { harness } from '../harness.ts';

describe('the last line', () => {
  it('keeps the keys beside a notice, as far as there is room', () => {
    const h = harness();
    h.press('2 u');
    expect(h.text().at(-1)).toMatch(/nothing can be undone.* {2}Enter transcript.*\? help {2}q quit/u);
    expect(h.text(40, 12).at(-1)).toContain('nothing can be undone');
    for (const width of [40, 60, 80, 100, 120, 200]) expect(h.text(width, 30).at(-1)).toHaveLength(width);
  });

  it('offers once to undo what it reports', async () => {
    const h = harness({ snapshot: snapshotOf({ pairing: [pairingView('p1', {})] }) });
    h.press('4 a');
    await h.settle();
    for (const width of [120, 200])
      expect(
        h
          .text(width, 30)
          .at(-1)
          ?.match(/u undo/gu),
      ).toHaveLength(1);
  });

  it('says on a narrow screen what was decided, and shortens the name', async () => {
    const h = harness({
      snapshot: snapshotOf({
        pairing: [pairingView('p1', { senderName: 'Augusta Ada King-Noel of Lovelace' })],
      }),
    });
    h.press('4 d');
    await h.settle();
    expect(h.text(40, 12).at(-1)).toMatch(/^ Augusta.*… is denied {2}u undo/u);
  });

  it('says that the filter hides the rows that an act is for', () => {
    const h = harness({ snapshot: snapshotOf({ pairing: [pairingView('p1', {}), pairingView('p2', {})] }) });
    h.press('4 /');
    h.type('nothing like it');
    h.press('enter');
    h.timers.advance(2_000);
    h.press('a');
    expect(h.text().at(-1)).toContain('the filter hides all 2 rows, Esc clears it');
    h.press('esc');
    h.timers.advance(2_000);
    h.press('a');
    expect(h.operator.commands).toHaveLength(1);
  });

  it('names a command that there is not, and the way out, within 60 columns', () => {
    const h = harness();
    h.press(':');
    h.type('reticulate-all-of-the-splines');
    h.press('enter');
    expect(h.text(60, 20).at(-1)).toContain('"reticulat..." is not a command. ? shows every command.');
  });

  it('says under `#` in the adapters why nothing is grouped', () => {
    const h = harness();
    h.press('1 #');
    expect(h.text().at(-1)).toContain('each row is a platform of its own');
    expect(h.text().join('\n')).not.toContain('by platform');
  });
});

describe('a question', () => {
  it('says what is running now, not what was when it was opened', async () => {
    const h = harness({
      snapshot: snapshotOf({ sessions: [sessionView('s1', { state: 'running', current: 'x' })] }),
    });
    h.press('q');
    expect(h.text().join('\n')).toContain('1 answer is in progress.');
    h.operator.push({ type: 'session', session: sessionView('s1', { state: 'idle' }) });
    await h.settle();
    expect(h.text().join('\n')).toContain('Nothing is running.');
    expect(h.text().join('\n')).not.toContain('in progress');
  });

  it('says once what it does', () => {
    const h = harness({
      snapshot: snapshotOf({ sessions: [sessionView('s1', { state: 'running', current: 'x' })] }),
    });
    h.press('2 space x');
    expect(
      h
        .text()
        .join('\n')
        .match(/stop 1/gu),
    ).toHaveLength(1);
    expect(h.text().join('\n')).toMatch(/\[ Cancel \] {3}y {3}stop 1/u);
  });
});

describe('ids of one of several gateways', () => {
  it('are copied as their gateway knows them', () => {
    const failed = { at: 0, reason: 'no model' };
    const h = harness({
      snapshot: snapshotOf({ sessions: [sessionView('work›s1', { lastFailure: failed })] }),
    });
    h.press('2 y');
    expect(h.effects.copied).toEqual(['s1']);
  });
});

describe('the title of a pane', () => {
  it('never runs into what stands at the right', () => {
    let shown = 0;
    for (let width = 10; width < 60; width += 1) {
      const [top = []] = frame([], {
        width,
        height: 3,
        title: [span('5 Log 8/43')],
        note: [span('following')],
        focused: false,
        glyphs: UNICODE_GLYPHS,
      });
      const text = top.map((part) => part.text).join('');
      if (!text.includes('following')) continue;
      shown += 1;
      expect(text).toMatch(/43 ─+ following/u);
    }
    expect(shown).toBeGreaterThan(25);
  });
});
