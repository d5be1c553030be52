/** QR codes in half blocks: two modules a cell, dark on light so that a phone reads them on any theme. */
import { encode } from 'uqr';
import { type Line, span } from '../draw/line.ts';
import type { Theme } from '../draw/theme.ts';

export interface QrBlock {
  readonly width: number;
  readonly lines: readonly Line[];
}

/** Undefined when the text does not fit into any QR code. */
export function qrLines(text: string, theme: Theme): QrBlock | undefined {
  let modules: readonly (readonly boolean[])[];
  try {
    modules = encode(text, { ecc: 'L', border: 2 }).data;
  } catch {
    // The only failure of the encoder is a text beyond the largest code.
    return undefined;
  }
  // Without colors the light parts are drawn, for the usual light-on-dark terminal.
  const inverted = theme.sgr.qr.length === 0;
  const width = modules.length;
  const lines: Line[] = [];
  for (let row = 0; row < width; row += 2) {
    let cells = '';
    for (let column = 0; column < width; column += 1) {
      const upper = (modules[row]?.[column] ?? false) !== inverted;
      const lower = (modules[row + 1]?.[column] ?? false) !== inverted;
      cells += upper ? (lower ? '█' : '▀') : lower ? '▄' : ' ';
    }
    lines.push([span(cells, 'qr')]);
  }
  return { width, lines };
}
