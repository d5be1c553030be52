import { describe, expect, it } from 'vitest';
import { svgOf } from '../scripts/svg.ts';

describe('a picture of the console', () => {
  it('has words at their cells, borders as lines that meet, and colors of the terminal', () => {
    const rows = ['┌─ \u001b[1m\u001b[36m<Log>\u001b[22m\u001b[39m ─┐', '│ 漢字 ▅  │'];
    const svg = svgOf(rows, 11, 'A "pane"');
    expect(svg).toBe(svgOf(rows, 11, 'A "pane"'));
    expect(svg).toMatch(/<text x="39.2"[^>]* fill="#39c5cf" font-weight="700">&lt;Log&gt;<\/text>/u);
    expect(svg).toMatch(/<path d="M18.2 49H22.4M18.2 49V58/u);
    expect(svg).toMatch(/<text x="30.8" y="71.5" textLength="33.6"[^>]*>漢字<\/text>/u);
    expect(svg).toMatch(/<rect x="72.8"[^>]*height="11.65"/u);
  });
});
