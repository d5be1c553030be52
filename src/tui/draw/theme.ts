/**
 * Theme: style tokens over the terminal's own 16 colors, written as SGR by ourselves. Ink's color library ignores
 * `NO_COLOR` and drops inverse together with color, so the console does not ask it.
 */
export type Style =
  | 'text'
  | 'dim'
  | 'strong'
  | 'accent'
  | 'ok'
  | 'warn'
  | 'bad'
  | 'code'
  | 'key'
  | 'title'
  | 'border'
  | 'borderFocus'
  | 'badge'
  | 'select'
  | 'mark'
  /** The cursor of a text field. */
  | 'caret'
  /** QR codes: dark on light whatever the theme, so that a phone can read them. */
  | 'qr';

export type ThemeName = 'dark' | 'light' | 'mono';

export interface Theme {
  /** Of a built-in theme, "plain", or what the operator calls it. */
  readonly name: string;
  /** SGR parameters of each token; empty means the terminal's default. */
  readonly sgr: Readonly<Record<Style, readonly number[]>>;
}

const BOLD = 1;
const DIM = 2;
const UNDERLINE = 4;
const INVERSE = 7;

/** Faint instead of bright black: in Solarized and its kin bright black is the background. */
const dark: Theme = {
  name: 'dark',
  sgr: {
    text: [],
    dim: [DIM],
    strong: [BOLD],
    accent: [36],
    ok: [32],
    warn: [33],
    bad: [BOLD, 91],
    code: [BOLD, 93],
    key: [BOLD, 36],
    title: [BOLD],
    border: [DIM],
    borderFocus: [BOLD, 36],
    badge: [BOLD, 97, 41],
    select: [30, 46],
    mark: [BOLD, 33],
    caret: [INVERSE],
    qr: [30, 107],
  },
};

/** No yellow, no bright colors: they vanish on white. */
const light: Theme = {
  name: 'light',
  sgr: {
    text: [],
    dim: [DIM],
    strong: [BOLD],
    accent: [34],
    ok: [32],
    warn: [35],
    bad: [BOLD, 31],
    code: [BOLD, 34],
    key: [BOLD, 34],
    title: [BOLD],
    border: [DIM],
    borderFocus: [BOLD, 34],
    badge: [BOLD, 97, 41],
    select: [97, 44],
    mark: [BOLD, 35],
    caret: [INVERSE],
    qr: [30, 107],
  },
};

/** For `NO_COLOR` and terminals without color. */
const mono: Theme = {
  name: 'mono',
  sgr: {
    text: [],
    dim: [DIM],
    strong: [BOLD],
    accent: [],
    ok: [],
    warn: [UNDERLINE],
    bad: [BOLD, UNDERLINE],
    code: [BOLD],
    key: [BOLD],
    title: [BOLD],
    border: [DIM],
    borderFocus: [BOLD],
    badge: [BOLD, INVERSE],
    select: [INVERSE],
    mark: [BOLD],
    caret: [INVERSE],
    qr: [],
  },
};

/** No attributes at all: the linear mode of screen readers and dumb terminals. */
export const PLAIN_THEME: Theme = {
  name: 'plain',
  sgr: {
    text: [],
    dim: [],
    strong: [],
    accent: [],
    ok: [],
    warn: [],
    bad: [],
    code: [],
    key: [],
    title: [],
    border: [],
    borderFocus: [],
    badge: [],
    select: [],
    mark: [],
    caret: [],
    qr: [],
  },
};

const THEMES: Readonly<Record<ThemeName, Theme>> = { dark, light, mono };

export function isStyle(token: string): token is Style {
  return Object.hasOwn(dark.sgr, token);
}

export function themeNamed(name: ThemeName): Theme {
  return THEMES[name];
}

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

/** A true color as one number next to the plain codes: which ground it colors, and red, green and blue below. */
const PACKED = 2 ** 24;

export function packedColour(rgb: number, ground: boolean): number {
  return (ground ? 48 : 38) * PACKED + rgb;
}

/** The parameters of a code as they are sent. */
function parameters(code: number): string {
  if (code < PACKED) return String(code);
  const rgb = code % PACKED;
  return `${Math.floor(code / PACKED)};2;${rgb >> 16};${(rgb >> 8) & 255};${rgb & 255}`;
}

/** The code that switches an attribute off. */
function endOf(code: number): number {
  if (code >= PACKED) return Math.floor(code / PACKED) === 48 ? 49 : 39;
  if (code === 1 || code === 2) return 22;
  if (code === 4) return 24;
  if (code === 7) return 27;
  return (code >= 40 && code < 50) || code >= 100 ? 49 : 39;
}

/** Bold and dim share their end code but can be on together. */
function isIntensity(code: number): boolean {
  return code === 1 || code === 2;
}

interface Transition {
  readonly text: string;
  /** The attributes that are on afterwards, in the order in which they were switched on. */
  readonly on: readonly number[];
}

function apply(on: readonly number[], code: number, start: boolean): number[] {
  if (!start) return on.filter((entry) => endOf(entry) !== code);
  const kept = isIntensity(code)
    ? on.filter((entry) => entry !== code)
    : on.filter((e) => endOf(e) !== endOf(code));
  return [...kept, code];
}

/** There are few different changes, and each line makes a dozen: every change is worked out once. */
const known = new WeakMap<readonly number[], WeakMap<readonly number[], Transition>>();

/**
 * From one set of attributes to the next with as few sequences as possible. The result is exactly what Ink writes for
 * the same cells: Ink then finds the line in its cache instead of taking it apart a second time, which is a quarter
 * of the cost of a frame. Sets of attributes are told apart by identity: pass the same array for the same set.
 */
export function transition(from: readonly number[], to: readonly number[]): Transition {
  let changes = known.get(from);
  if (changes === undefined) {
    changes = new WeakMap();
    known.set(from, changes);
  }
  let change = changes.get(to);
  if (change === undefined) {
    change = work(from, to);
    changes.set(to, change);
  }
  return change;
}

function work(from: readonly number[], to: readonly number[]): Transition {
  const undo = from.filter((code) =>
    isIntensity(code) ? !to.includes(code) : !to.some((other) => endOf(other) === endOf(code)),
  );
  const weakened = undo.some(isIntensity);
  const add = to.filter((code) => !from.includes(code) || (weakened && isIntensity(code)));
  const ends = [...new Set(undo.reverse().map(endOf))];
  let on = from;
  for (const code of ends) on = apply(on, code, false);
  for (const code of add) on = apply(on, code, true);
  return { text: [...ends, ...add].map((code) => `\u001b[${parameters(code)}m`).join(''), on };
}
