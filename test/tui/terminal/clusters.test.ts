/** Keycaps, flags, families and Indic syllables on a real terminal emulator: borders hold, no cell is stale. */
import { describe, expect, it } from 'vitest';
import { withClusters, withPlaceholders } from '../../../src/tui/draw/cells.ts';
import { alive, pairingView, snapshotOf } from '../fixtures.ts';
import { openConsole } from '../open-console.ts';

const TEXTS = {
  keycaps: '1️⃣2️⃣3️⃣#️⃣',
  flags: '🇩🇪🇫🇷🏴󠁧󠁢󠁥󠁮󠁧󠁿',
  family: '👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 ❤️',
  indic: 'हिन्दी क्षि നമസ്കാരം',
  marks: 'e\u0301a\u0308 x\u20dd',
};

describe('clusters of several code points', () => {
  it('come back from the renderer as they went in', () => {
    for (const text of Object.values(TEXTS)) expect(withClusters(withPlaceholders(text))).toBe(text);
    expect(withPlaceholders('plain 漢字 text')).toBe('plain 漢字 text');
  });

  it.each(Object.entries(TEXTS))(
    'of %s hold the border, and leave no stale cell when they go',
    async (_name, text) => {
      const row = pairingView('p1', { senderName: text, firstWords: text.repeat(4) });
      const console = await openConsole({ snapshot: alive(snapshotOf({ pairing: [row] })) });
      await console.shows('KQ7M-2XPD');
      const borders = (): void => {
        for (const line of console.terminal.text().split('\n').slice(10, -2))
          if (line.trim() !== '' && line.startsWith('│')) expect(line.trimEnd().endsWith('│')).toBe(true);
      };
      borders();
      console.operator.push({
        type: 'pairing',
        request: { ...row, senderName: 'Plain', firstWords: 'nothing' },
      });
      await console.shows('nothing');
      borders();
      expect(console.terminal.text()).toMatch(/telegram {2}Plain +/u);
      await console.quit();
    },
  );
});
