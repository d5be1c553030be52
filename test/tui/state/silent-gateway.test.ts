/** A gateway elsewhere that hangs: what is on the screen is old, and says so. */
import { describe, expect, it } from 'vitest';
import { themeNamed } from '../../../src/tui/draw/theme.ts';
import { clockTime } from '../../../src/tui/draw/times.ts';
import { busySnapshot, MINUTE, NOW, pairingView } from '../fixtures.ts';
import { type Harness, harness } from '../harness.ts';

function attached(): Harness {
  const h = harness({ theme: themeNamed('dark') });
  heard(h, NOW);
  h.store.flush();
  return h;
}

const heard = (h: Harness, heardAt: number, connected = true): void =>
  h.operator.setLink({ kind: 'remote', url: 'ws://box', connected, heardAt });

const plain = (h: Harness): string[] => h.text().map((line) => line.replaceAll(/\u001b\[[\d;]*m/gu, ''));

describe('a gateway that does not answer', () => {
  it('dims header and panes after 5 s, says as of when, and ages stand still', () => {
    const h = attached();
    h.timers.advance(4_000);
    h.store.flush();
    expect(plain(h)[0]).not.toContain('as of');
    h.timers.advance(10 * MINUTE);
    h.store.flush();
    const lines = h.text();
    expect(plain(h)[0]).toContain(`no answer, as of ${clockTime(NOW)}`);
    expect(plain(h).join('\n')).toContain('11m ago');
    for (const line of lines.slice(0, -1)) expect(line).not.toMatch(/\u001b\[(?!0m|2m|22m)[\d;]+m/u);
  });

  it('is not decided about on an old picture', () => {
    const h = attached();
    h.timers.advance(6_000);
    h.store.flush();
    h.press('4 a');
    expect(h.operator.commands).toEqual([]);
    expect(plain(h).at(-1)).toContain('the gateway does not respond');
  });

  it('is right again without a key when it is back, whether the link had broken or not', async () => {
    for (const broken of [false, true]) {
      const h = attached();
      h.press('2 enter');
      await h.settle();
      h.timers.advance(20_000);
      heard(h, NOW, !broken);
      h.store.flush();
      expect(plain(h)[0]).toContain('as of');
      h.operator.queries.transcript = [{ at: NOW, role: 'agent', text: 'said meanwhile' }];
      const newcomer = pairingView('p9', { senderName: 'Newcomer' });
      if (broken) h.operator.setSnapshot({ ...busySnapshot(), pairing: [newcomer] });
      else h.operator.push({ type: 'pairing', request: newcomer });
      heard(h, h.timers.now());
      h.store.touch();
      await h.settle();
      await h.settle();
      expect(plain(h)[0]).toContain('running');
      expect(plain(h)[0]).toContain(broken ? 'pairing 1 !' : 'pairing 3 !');
      if (broken) expect(plain(h).join('\n')).toContain('said meanwhile');
    }
  });
});
