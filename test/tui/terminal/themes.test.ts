import { describe, expect, it } from 'vitest';
import { openConsole } from '../open-console.ts';
import type { VirtualTerminal } from '../virtual-terminal.ts';

function find(terminal: VirtualTerminal, text: string): { column: number; row: number } {
  const lines = terminal.lines();
  const row = lines.findIndex((line) => line.includes(text));
  if (row < 0) throw new Error(`${text} is not on the screen`);
  return { column: lines[row]?.indexOf(text) ?? 0, row };
}

describe('the selection and states are readable', () => {
  it('in the dark theme: black on cyan, parked adapters bold and bright red', async () => {
    const console = await openConsole({ console: { theme: 'dark' } });
    await console.type('1', 's stop');
    const selected = find(console.terminal, '@mybot');
    expect(console.terminal.cell(selected.column, selected.row)).toMatchObject({
      foreground: 0,
      background: 6,
    });
    const parked = find(console.terminal, 'token revoked');
    expect(console.terminal.cell(parked.column, parked.row)).toMatchObject({ foreground: 9, bold: true });
    await console.quit();
  });

  it('in the light theme: white on blue, no yellow and no bright colour on the default background', async () => {
    const console = await openConsole({ console: { theme: 'light' } });
    await console.type('1', 's stop');
    const selected = find(console.terminal, '@mybot');
    expect(console.terminal.cell(selected.column, selected.row)).toMatchObject({
      foreground: 15,
      background: 4,
    });
    for (let row = 0; row < console.terminal.rows; row += 1)
      for (let column = 0; column < console.terminal.columns; column += 1) {
        const cell = console.terminal.cell(column, row);
        if (cell.background === undefined)
          expect([3, 7, 10, 11, 12, 13, 14, 15]).not.toContain(cell.foreground);
      }
    await console.quit();
  });

  it('with NO_COLOR: not one coloured cell, the selection inverse, what is wrong bold and underlined', async () => {
    const console = await openConsole({ console: { env: { TERM: 'xterm-256color', NO_COLOR: '1' } } });
    await console.type('1', 's stop');
    for (let row = 0; row < console.terminal.rows; row += 1)
      for (let column = 0; column < console.terminal.columns; column += 1)
        expect(console.terminal.cell(column, row)).toMatchObject({
          foreground: undefined,
          background: undefined,
        });
    const selected = find(console.terminal, '@mybot');
    expect(console.terminal.cell(selected.column, selected.row).inverse).toBe(true);
    const parked = find(console.terminal, 'token revoked');
    expect(console.terminal.cell(parked.column, parked.row)).toMatchObject({ bold: true, underline: true });
    await console.quit();
  });

  it.each([
    ['dark', { theme: 'dark' }],
    ['light', { theme: 'light' }],
    ['mono', { env: { TERM: 'xterm-256color', NO_COLOR: '1' } }],
  ] as const)(
    'in a form of the %s theme: the field with the cursor bold, the cursor inverse, the rest behind dim',
    async (_name, look) => {
      const console = await openConsole({
        console: look,
        queries: {
          config: [
            {
              key: 'platforms.telegram.token',
              value: '••••••',
              source: 'file',
              help: 'Bot token.',
              secret: true,
            },
            { key: 'platforms.telegram.apiRoot', value: undefined, source: 'default', help: 'Root URL.' },
          ],
        },
      });
      await console.type('1', 's stop');
      await console.type('e', 'Settings of telegram');
      await console.type('abc', '•••');
      const cellOf = (text: string, offset = 0) => {
        const { column, row } = find(console.terminal, text);
        return console.terminal.cell(column + offset, row);
      };
      expect(cellOf('▸ token', 2)).toMatchObject({ bold: true, dim: false });
      expect(cellOf('apiRoot')).toMatchObject({ bold: false, dim: true });
      const { column, row } = find(console.terminal, '•••');
      expect(console.terminal.cell(column + 3, row).inverse).toBe(true);
      expect(cellOf('5 Log')).toMatchObject({ dim: true });
      await console.quit();
    },
  );

  it('uses the 16 colours of the terminal only', async () => {
    const console = await openConsole();
    await console.shows('5 Log');
    expect(console.terminal.raw).not.toMatch(/\u001b\[[\d;]*[34]8;/u);
    await console.quit();
  });

  it('follows COLORFGBG to a light background', async () => {
    const console = await openConsole({ console: { env: { TERM: 'rxvt', COLORFGBG: '0;15' } } });
    await console.type('1', 's stop');
    const selected = find(console.terminal, '@mybot');
    expect(console.terminal.cell(selected.column, selected.row).background).toBe(4);
    await console.quit();
  });
});
