/** The terminal is asked how wide it shows keycaps, flags, families and Indic syllables: in a real pseudo-terminal. */
import { type IPty, spawn } from '@lydell/node-pty';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { ClusterWidths } from '../../../src/tui/draw/cells.ts';
import { cellWidth, clean, cut, measureAs, wrap } from '../../../src/tui/draw/cells.ts';
import { askWidths, widthsOf } from '../../../src/tui/terminal/appearance.ts';
import { SIGNS } from '../fixtures.ts';
import { bundleProgram } from '../programs/build.ts';
import { FakeStdin, VirtualTerminal } from '../virtual-terminal.ts';

const JOINING: ClusterWidths = { keycap: 2, flag: 2, family: 2, tone: 2, heart: 2, conjunct: 1, vowel: 1 };
const APART: ClusterWidths = { keycap: 1, flag: 4, family: 6, tone: 4, heart: 1, conjunct: 2, vowel: 2 };

afterEach(() => measureAs(undefined));

describe('what the terminal answers', () => {
  it('decides which signs stay whole, and how wide they are', () => {
    measureAs(JOINING);
    const whole = '1️⃣ 🇩🇪 👨‍👩‍👧 👍🏽 ❤️';
    expect(clean(whole)).toBe(whole);
    expect(cellWidth(whole)).toBe(14);
    expect(cellWidth('क्षि')).toBe(1);
    measureAs(APART);
    expect(clean(whole)).toBe('1⃣ DE 👨👩👧 👍 ❤');
    expect(cellWidth('क्षि')).toBe(3);
  });

  it('makes no difference to what is never let through', () => {
    for (const answer of [undefined, JOINING, APART]) {
      measureAs(answer);
      for (const text of SIGNS) {
        expect(clean(text)).not.toMatch(/[\u202a-\u202e\u2066-\u2069]/u);
        expect(clean(clean(text))).toBe(clean(text));
      }
      expect(clean('a\u200db\u200d \ufe0fc\u{1f3fd}')).toBe('ab c');
      expect(clean('\u{1f468}\u200d')).toBe('\u{1f468}');
    }
  });

  it('is kept by cutting and wrapping', () => {
    measureAs(JOINING);
    const text = clean(SIGNS.join(' '));
    for (let width = 1; width < 30; width += 1) {
      expect(cellWidth(cut(text, width))).toBeLessThanOrEqual(width);
      if (width > 1) for (const line of wrap(text, width)) expect(cellWidth(line)).toBeLessThanOrEqual(width);
    }
  });

  it('counts only when it can be widths', () => {
    expect(widthsOf([3, 3, 3, 3, 3, 2, 2])).toEqual(JOINING);
    expect(widthsOf([3, 3, 3])).toBeUndefined();
    expect(widthsOf([1, 3, 3, 3, 3, 2, 2])).toBeUndefined();
    expect(widthsOf([80, 3, 3, 3, 3, 2, 2])).toBeUndefined();
  });
});

describe('answers among the keys', () => {
  const asked = () => {
    const stdin = new FakeStdin();
    const read: string[] = [];
    const answers: boolean[] = [];
    let written = '';
    const release = askWidths({
      stdin: stdin as unknown as NodeJS.ReadStream,
      write: (text) => {
        written += text;
      },
      inline: false,
      answered: (drawn) => answers.push(drawn),
    });
    stdin.on('readable', () => {
      for (let chunk: unknown = stdin.read(); chunk !== null; chunk = stdin.read()) read.push(String(chunk));
    });
    return { stdin, read, answers, release, written: () => written };
  };
  const report = (column: number): string => `\u001b[1;${column}R`;
  const turn = async (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

  it('are taken out, also when they come in pieces, and no key is lost', async () => {
    const { stdin, read, answers, release } = asked();
    stdin.type(`a${report(3)}b${report(3)}${report(3)}\u001b[`);
    await turn();
    stdin.type('1;');
    await turn();
    stdin.type(`3R${report(3)}\u001b[A`);
    await turn();
    stdin.type(`${report(2)}${report(2)}\u001b`);
    await turn();
    expect(read.join('')).toBe('ab\u001b[A\u001b');
    expect(answers).toHaveLength(1);
    expect(cellWidth('\u{1f1e9}\u{1f1ea}')).toBe(2);
    stdin.type(`${report(9)}c`);
    await turn();
    expect(read.join('')).toBe('ab\u001b[A\u001bc');
    release();
    expect(stdin.isRaw).toBe(false);
  });

  it('that never come hold nothing up', async () => {
    const { stdin, read, answers, release } = asked();
    stdin.type('\u001b');
    await turn();
    stdin.type('2jq');
    await turn();
    expect(read.join('')).toBe('\u001b2jq');
    expect(answers).toEqual([]);
    release();
  });

  it('are asked for by nothing that stays on the screen', async () => {
    for (const inline of [true, false]) {
      const terminal = new VirtualTerminal(80, 24);
      terminal.write('$ pi-gateway-tui\r\n');
      const release = askWidths({
        stdin: new FakeStdin() as unknown as NodeJS.ReadStream,
        write: (text) => terminal.write(text),
        inline,
        answered: () => {},
      });
      await terminal.drawn();
      expect(terminal.text().trim()).toBe('$ pi-gateway-tui');
      terminal.write('x');
      await terminal.drawn();
      expect(terminal.lines()[1]).toBe('x');
      release();
    }
  });
});

describe('in a pseudo-terminal', () => {
  let program = '';
  let pty: IPty | undefined;

  beforeAll(async () => {
    program = await bundleProgram('demo-console');
  }, 60_000);
  afterEach(() => pty?.kill('SIGKILL'));

  it.each([
    ['shows signs whole', { joins: true, answers: true }, '🇩🇪🇫🇷 🇯🇵', '👩‍👩‍👧‍👦'],
    ['shows every code point', { joins: false, answers: true }, '🇩🇪🇫🇷 🇯🇵', '👩👩👧👦'],
    ['never answers', { joins: false, answers: false }, 'DEFR JP', '👩👩👧👦'],
  ])(
    'a terminal that %s keeps its borders and no stale cell',
    async (_name, { joins, answers }, flags, family) => {
      const terminal = new VirtualTerminal(120, 40, { joins });
      const opened = spawn(process.execPath, [program], {
        cols: 120,
        rows: 40,
        name: 'xterm-256color',
        env: { PATH: process.env['PATH'] ?? '', HOME: '/tmp', LANG: 'C.UTF-8', DEMO_SCENE: 'signs' },
      });
      pty = opened;
      let code: number | undefined;
      opened.onExit(({ exitCode }) => {
        code = exitCode;
      });
      opened.onData((data) => terminal.write(data));
      if (answers) terminal.onAnswer((data) => opened.write(data));
      const shows = (expected: string | RegExp): Promise<void> =>
        vi.waitFor(
          async () => {
            await terminal.drawn();
            if (!new RegExp(expected, 'u').test(terminal.text()))
              throw new Error(`no ${String(expected)} in:\n${terminal.text()}`);
          },
          { timeout: 20_000, interval: 25 },
        );
      const solid = async (): Promise<string> => {
        await terminal.drawn();
        for (const column of [0, 119])
          expect(terminal.column(column).slice(1, -1), terminal.text()).toMatch(/^[┌┐└┘│─]+$/u);
        expect(terminal.text()).not.toMatch(/\d;\d+R/u);
        return terminal.text();
      };
      await shows(flags);
      await shows(family);
      await solid();
      // Rows move and change; then everything is drawn anew, and nothing is different.
      for (const [keys, expected] of [
        ['2', 'i write'],
        ['jjj', '▸. telegram'],
        ['/', 'Enter keeps'],
        ['x', '/x'],
        ['\u001b', 'i write'],
        ['4', 'a approve'],
      ] as const) {
        opened.write(keys);
        await shows(expected);
        await solid();
      }
      const before = await solid();
      opened.write('\u000c');
      await new Promise((resolve) => setTimeout(resolve, 200));
      await shows('a approve');
      expect((await solid()).replaceAll(/\d+[smh]/gu, '')).toBe(before.replaceAll(/\d+[smh]/gu, ''));
      opened.write('q');
      await vi.waitFor(() => expect(code).toBe(0), { timeout: 20_000 });
    },
  );
});
