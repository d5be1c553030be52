/**
 * How the console looks on this terminal: options and environment, themes of the operator, and the widths the terminal
 * shows.
 */

import {
  CLUSTER_KINDS,
  type ClusterKind,
  type ClusterWidths,
  measureAs,
  PROBES,
  renewPlaces,
} from '../draw/cells.ts';
import {
  ASCII_GLYPHS,
  type Glyphs,
  isStyle,
  PLAIN_THEME,
  packedColour,
  type Theme,
  type ThemeName,
  themeNamed,
  UNICODE_GLYPHS,
} from '../draw/theme.ts';

/** `base` and a style for each token: "bold red", "#ffaa00 on black", "none". */
export type OwnTheme = Readonly<Record<string, string | undefined>>;

const ATTRIBUTES: Readonly<Record<string, number>> = { bold: 1, dim: 2, underline: 4, inverse: 7 };
const NAMES = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white'];

/** Usual values of the 16 colors, to find the nearest one where a terminal knows no others. */
const PALETTE: readonly (readonly [number, number, number])[] = [
  [0, 0, 0],
  [205, 0, 0],
  [0, 205, 0],
  [205, 205, 0],
  [0, 0, 238],
  [205, 0, 205],
  [0, 205, 205],
  [229, 229, 229],
  [127, 127, 127],
  [255, 0, 0],
  [0, 255, 0],
  [255, 255, 0],
  [92, 92, 255],
  [255, 0, 255],
  [0, 255, 255],
  [255, 255, 255],
];

/**
 * Themes of the operator's own: styles written as words over a built-in theme. Words that are no style are left out;
 * the configuration's schema has refused them before.
 */
export function ownTheme(name: string, own: OwnTheme, fallback: ThemeName, trueColour: boolean): Theme {
  const base = themeNamed(
    own['base'] === 'light' || own['base'] === 'mono' || own['base'] === 'dark' ? own['base'] : fallback,
  );
  const sgr = { ...base.sgr };
  for (const [token, words] of Object.entries(own))
    if (isStyle(token) && words !== undefined) sgr[token] = styleCodes(words, trueColour);
  return { name, sgr };
}

function styleCodes(words: string, trueColour: boolean): number[] {
  const codes: number[] = [];
  let ground = false;
  for (const word of words.split(/\s+/u)) {
    const attribute = ATTRIBUTES[word];
    if (word === 'on') ground = true;
    else if (attribute !== undefined) codes.push(attribute);
    else {
      const colour = colourCode(word, ground, trueColour);
      if (colour !== undefined) codes.push(colour);
    }
  }
  return codes;
}

function colourCode(word: string, ground: boolean, trueColour: boolean): number | undefined {
  const hex = /^#([0-9a-f]{6})$/iu.exec(word)?.[1];
  if (hex !== undefined) {
    const value = Number.parseInt(hex, 16);
    return trueColour ? packedColour(value, ground) : indexCode(nearest(value), ground);
  }
  const bright = word.startsWith('bright-');
  const index = NAMES.indexOf(bright ? word.slice(7) : word);
  return index < 0 ? undefined : indexCode(index + (bright ? 8 : 0), ground);
}

function indexCode(index: number, ground: boolean): number {
  return (index < 8 ? 30 + index : 82 + index) + (ground ? 10 : 0);
}

function nearest(value: number): number {
  const [red, green, blue] = [value >> 16, (value >> 8) & 255, value & 255];
  let best = 0;
  let least = Number.POSITIVE_INFINITY;
  for (const [index, [r, g, b]] of PALETTE.entries()) {
    const distance = (r - red) ** 2 + (g - green) ** 2 + (b - blue) ** 2;
    if (distance < least) [best, least] = [index, distance];
  }
  return best;
}

interface AppearanceOptions {
  /** `auto`, a built-in theme, or one of `themes`. */
  readonly theme?: string;
  readonly themes?: Readonly<Record<string, OwnTheme>>;
  readonly ascii?: boolean;
  readonly screenReader?: boolean;
  readonly env: NodeJS.ProcessEnv;
}

export interface Appearance {
  readonly theme: Theme;
  readonly glyphs: Glyphs;
  /** Lines that are only ever appended, for screen readers and terminals that cannot move the cursor. */
  readonly linear: boolean;
  /** No escape sequence at all may be sent. */
  readonly dumb: boolean;
}

/** Terminals that know no color. */
const COLOURLESS = /^(vt\d+|ansi-m|.*-mono|.*-m)$/u;

export function appearanceOf(options: AppearanceOptions): Appearance {
  const { env } = options;
  const term = env['TERM'] ?? '';
  const dumb = term === 'dumb';
  const linear = dumb || (options.screenReader ?? env['INK_SCREEN_READER'] === 'true');
  return {
    theme: linear ? PLAIN_THEME : themeOf(options, term),
    glyphs: options.ascii === true ? ASCII_GLYPHS : UNICODE_GLYPHS,
    linear,
    dumb,
  };
}

/** A theme that was asked for wins over `NO_COLOR`, as its standard says (https://no-color.org). */
function themeOf({ theme = 'auto', themes = {}, env }: AppearanceOptions, term: string): Theme {
  if (theme === 'dark' || theme === 'light' || theme === 'mono') return themeNamed(theme);
  const own = themes[theme];
  const usual = usualTheme(env, term);
  if (own === undefined) return themeNamed(usual);
  return ownTheme(theme, own, usual, /^(truecolor|24bit)$/u.test(env['COLORTERM'] ?? ''));
}

function usualTheme(env: NodeJS.ProcessEnv, term: string): ThemeName {
  if ((env['NO_COLOR'] ?? '') !== '' || COLOURLESS.test(term)) return 'mono';
  // Set by rxvt, konsole and others: "foreground;background" as numbers of the 16 colors.
  const background = Number(env['COLORFGBG']?.split(';').at(-1) ?? Number.NaN);
  return background === 7 || background === 15 ? 'light' : 'dark';
}

const ESC = '\u001b';
const REPORT = /\u001b\[(\d{1,4});(\d{1,4})R/gu;
/** The beginning of a report at the end of what was read. A lone Esc is a key. */
const BEGUN = /\u001b\[(?:\d{1,4}(?:;\d{0,4})?)?$/u;
/** After this a terminal does not answer anymore. */
const PATIENCE_MS = 2_000;

/** Everything in one write: the alternate screen around it leaves the shell's lines alone. */
function question(inline: boolean): string {
  const probes = CLUSTER_KINDS.map((kind) => `\r${PROBES[kind]}${ESC}[6n`).join('');
  const hidden = `${ESC}[8m${probes}\r${ESC}[2K${ESC}[28m`;
  // Synchronized, so that a terminal which knows it shows nothing of it.
  return `${ESC}[?2026h${inline ? hidden : `${ESC}[?1049h${ESC}[H${hidden}${ESC}[?1049l`}${ESC}[?2026l`;
}

/** What a sign of up to four parts can take; more is no width but a wrapped line. */
const MOST_CELLS = 8;

/** Undefined when what was answered cannot be widths. */
export function widthsOf(columns: readonly number[]): ClusterWidths | undefined {
  const widths = columns.map((column) => column - 1);
  if (widths.length !== CLUSTER_KINDS.length || widths.some((width) => width < 1 || width > MOST_CELLS))
    return undefined;
  return Object.fromEntries(CLUSTER_KINDS.map((kind, index) => [kind, widths[index] ?? 1])) as Record<
    ClusterKind,
    number
  >;
}

interface Question {
  readonly stdin: NodeJS.ReadStream;
  readonly write: (text: string) => void;
  readonly inline: boolean;
  /** The answer is there and in force; `drawn`: signs were on the screen with other widths before. */
  readonly answered: (drawn: boolean) => void;
}

/**
 * Asks the terminal once how wide it shows signs of several code points: prints one of each, hidden, asks where the
 * cursor is, and wipes it. The answers come among the keys and are taken out there. A terminal that does not answer is
 * measured by the tables; no one waits for it. Returns the function that gives the input back.
 */
export function askWidths({ stdin, write, inline, answered }: Question): () => void {
  const columns: number[] = [];
  const until = Date.now() + PATIENCE_MS;
  let held = '';
  const original = stdin.read;
  const sift = (chunk: string): string => {
    let text = (held + chunk).replaceAll(REPORT, (_report, _row: string, column: string) => {
      if (columns.length < CLUSTER_KINDS.length) columns.push(Number(column));
      if (columns.length === CLUSTER_KINDS.length) take();
      return '';
    });
    held = '';
    const waiting = columns.length < CLUSTER_KINDS.length && Date.now() < until;
    const begun = waiting ? BEGUN.exec(text) : null;
    if (begun !== null) {
      held = begun[0];
      text = text.slice(0, begun.index);
    }
    return text;
  };
  let taken = false;
  const take = (): void => {
    if (taken) return;
    taken = true;
    const widths = widthsOf(columns);
    if (widths === undefined) return;
    measureAs(widths);
    const drawn = renewPlaces();
    // Anyone who reads must have ended before the screen is given away and taken back.
    setImmediate(answered, drawn);
  };
  // Anyone who reads the keys gets them without reports. Reports that come late are taken out, too: no key is one of them.
  stdin.read = function read(this: NodeJS.ReadStream, size?: number): unknown {
    const chunk: unknown = original.call(stdin, size);
    if (chunk === null) return null;
    return typeof chunk === 'string' ? sift(chunk) : chunk;
  };
  // Before the question: a terminal in line mode would print the answer.
  stdin.setRawMode(true);
  stdin.setEncoding('utf8');
  write(question(inline));
  return () => {
    stdin.read = original;
    measureAs(undefined);
    renewPlaces();
    // Nothing was drawn, so no one else has set it back.
    if (stdin.isRaw)
      try {
        stdin.setRawMode(false);
      } catch {
        // The terminal is gone.
      }
  };
}
