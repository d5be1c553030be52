/** The signs of the console. Each state has its own sign, so that nothing depends on color alone. */
export interface Glyphs {
  readonly on: string;
  readonly busy: string;
  readonly off: string;
  readonly bad: string;
  readonly wait: string;
  readonly done: string;
  readonly cursor: string;
  readonly alert: string;
  readonly ellipsis: string;
  readonly quote: readonly [string, string];
  readonly full: string;
  readonly empty: string;
  readonly sub: string;
  readonly arrowIn: string;
  readonly arrowOut: string;
  /** Lowest to highest. */
  readonly spark: string;
  /** Nothing, in a chart. */
  readonly dot: string;
  readonly box: BoxGlyphs;
}

interface BoxGlyphs {
  readonly h: string;
  readonly v: string;
  readonly tl: string;
  readonly tr: string;
  readonly bl: string;
  readonly br: string;
}

export const UNICODE_GLYPHS: Glyphs = {
  on: '●',
  busy: '◐',
  off: '○',
  bad: '✕',
  wait: '◌',
  done: '✓',
  cursor: '▸',
  alert: '▲',
  ellipsis: '…',
  quote: ['“', '”'],
  full: '▓',
  empty: '░',
  sub: '›',
  arrowIn: '←',
  arrowOut: '→',
  spark: '▁▂▃▄▅▆▇█',
  dot: '·',
  box: { h: '─', v: '│', tl: '┌', tr: '┐', bl: '└', br: '┘' },
};

/** For fonts and terminals that know nothing but ASCII. */
export const ASCII_GLYPHS: Glyphs = {
  on: '*',
  busy: '~',
  off: 'o',
  bad: 'x',
  wait: '.',
  done: '+',
  cursor: '>',
  alert: '!',
  ellipsis: '~',
  quote: ['"', '"'],
  full: '#',
  empty: '-',
  sub: '>',
  arrowIn: '<',
  arrowOut: '>',
  spark: '_.:-=+*#',
  dot: ' ',
  box: { h: '-', v: '|', tl: '+', tr: '+', bl: '+', br: '+' },
};
