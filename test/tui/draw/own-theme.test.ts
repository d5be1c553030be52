import { describe, expect, it } from 'vitest';
import { checkConfig } from '../../../src/gateway/config/load.ts';
import { paint, span } from '../../../src/tui/draw/line.ts';
import { themeNamed } from '../../../src/tui/draw/theme.ts';
import { appearanceOf } from '../../../src/tui/terminal/appearance.ts';
import { VirtualTerminal } from '../virtual-terminal.ts';

const THEMES = { mine: { base: 'light', bad: 'bold #ff0000', select: 'black on #00ff00', title: 'none' } };
const COLOURFUL = { TERM: 'xterm-256color', COLORTERM: 'truecolor' };

describe('a theme of the operator', () => {
  it('lays its styles over a built-in one', () => {
    const { theme } = appearanceOf({ theme: 'mine', themes: THEMES, env: COLOURFUL });
    expect(theme.sgr.key).toEqual(themeNamed('light').sgr.key);
    expect(theme.sgr.title).toEqual([]);
    expect(paint([span('x', 'bad'), span('y', 'ok')], theme)).toBe(
      '\u001b[1m\u001b[38;2;255;0;0mx\u001b[22m\u001b[32my\u001b[39m',
    );
  });

  it('takes the nearest of the 16 colours where the terminal does not say that it knows more', () => {
    const { theme } = appearanceOf({ theme: 'mine', themes: THEMES, env: { TERM: 'xterm' } });
    expect(theme.sgr.bad).toEqual([1, 91]);
    expect(theme.sgr.select).toEqual([30, 102]);
  });

  it('reaches the cells of the terminal', async () => {
    const { theme } = appearanceOf({ theme: 'mine', themes: THEMES, env: { TERM: 'xterm' } });
    const terminal = new VirtualTerminal(20, 2);
    terminal.write(paint([span('chosen', 'select')], theme));
    await terminal.drawn();
    expect(terminal.cell(0, 0)).toMatchObject({ foreground: 0, background: 10 });
  });

  it('is checked with the configuration: styles, tokens and the name', () => {
    const check = (console: unknown) => () => checkConfig({ console }, 'config.json');
    expect(check({ theme: 'mine', themes: THEMES })).not.toThrow();
    expect(check({ theme: 'mein', themes: THEMES })).toThrow(/console\.theme: "mein" is invalid.*mine/u);
    expect(check({ themes: { mine: { bad: 'rather red' } } })).toThrow(
      /console\.themes\.mine\.bad: "rather red" is invalid: expected words such as "bold red"/u,
    );
    expect(check({ themes: { mine: { bold: 'red' } } })).toThrow(/console\.themes\.mine/u);
  });
});
