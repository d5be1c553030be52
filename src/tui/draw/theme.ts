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
