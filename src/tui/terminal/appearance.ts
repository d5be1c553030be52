/** How the console looks and speaks on this terminal, decided once from options and environment. */
import { ASCII_GLYPHS, type Glyphs, UNICODE_GLYPHS } from '../draw/glyphs.ts';
import { type OwnTheme, ownTheme } from '../draw/own-theme.ts';
import { PLAIN_THEME, type Theme, type ThemeName, themeNamed } from '../draw/theme.ts';

export interface AppearanceOptions {
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
