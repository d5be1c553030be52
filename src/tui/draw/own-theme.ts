/** Themes of the operator's own: styles written as words over a built-in theme. */
import { packedColour } from './sgr.ts';
import { isStyle, type Theme, type ThemeName, themeNamed } from './theme.ts';

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

/** Words that are no style are left out; the configuration's schema has refused them before. */
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
