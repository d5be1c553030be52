/** A page: everything about one thing, as lines that scroll. */

import { encode } from 'uqr';
import { clean, wrap } from '../draw/cells.ts';
import { type Line, span } from '../draw/line.ts';
import type { Style, Theme } from '../draw/theme.ts';

export interface Page {
  readonly title: string;
  /** All lines; the window that is shown is cut from them. */
  readonly lines: readonly Line[];
  /** In the top border at the right. */
  readonly note?: Line;
}

const LABEL = 14;

/** "label  value", the value wrapped under itself. */
export function fact(label: string, value: string, width: number, style: Style = 'text'): Line[] {
  const room = Math.max(8, width - LABEL);
  return wrap(clean(value, 8_000), room).map((text, index) => [
    span((index === 0 ? label : '').padEnd(LABEL), 'dim'),
    span(text, style),
  ]);
}

export function heading(text: string): Line {
  return [span(text, 'title')];
}

export const BLANK: Line = [];

/** A longer text with its own line ends, each line wrapped. At most `limit` lines. */
export function paragraph(
  text: string,
  width: number,
  style: Style = 'text',
  indent = '',
  limit = 2_000,
): Line[] {
  const lines: Line[] = [];
  for (const part of text.slice(0, 200_000).split('\n')) {
    for (const line of wrap(clean(part, 20_000), Math.max(4, width - indent.length), limit)) {
      lines.push([span(indent), span(line, style)]);
      if (lines.length >= limit) return lines;
    }
  }
  return lines;
}

interface QrBlock {
  readonly width: number;
  readonly lines: readonly Line[];
}

/**
 * QR codes in half blocks: two modules a cell, dark on light so that a phone reads them on any theme. Undefined when
 * the text does not fit into any QR code.
 */
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
