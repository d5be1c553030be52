import { type Mark, quoteDepth, type Run } from './styled.ts';

/** Where escaping is needed and what to write instead. */
export interface Escape {
  readonly pattern: RegExp;
  /** The same, and line breaks. */
  readonly linePattern: RegExp;
  replace(match: string): string;
}

/**
 * An escape rule. `source` is a pattern without look-behind, so that a prefix of a text escapes to (nearly) a prefix
 * of its escape; `replace` must not shorten.
 */
export function escapeRule(source: string, replace: (match: string) => string): Escape {
  return { pattern: new RegExp(source, 'gm'), linePattern: new RegExp(`\\n|${source}`, 'gm'), replace };
}

/**
 * What a mark asks of its surroundings: nothing; no blanks right inside it; or that and no letters right outside it.
 * Blanks are moved out, letters are kept off by a zero-width space.
 */
export type Hug = 'none' | 'blanks' | 'letters';

/** How a platform writes marks: the table of tokens that, with the render rules and a counter, is a platform. */
export interface Dialect {
  /** What to escape in text, in inline code, in code blocks, and in a link that is its own label. */
  readonly escapes: {
    readonly text: Escape | undefined;
    readonly code: Escape | undefined;
    readonly pre: Escape | undefined;
    readonly bare: Escape | undefined;
  };
  /** Starts every line inside a quote; empty where quotes are tags. */
  readonly quotePrefix: string;
  open(mark: Mark): string;
  /** `ended` is false when the mark goes on in the next part; the token is longest when it is true. */
  close(mark: Mark, ended: boolean): string;
  hug(mark: Mark): Hug;
}

/** U+200B; in the markup only, never in the plain text. */
export const ZERO_WIDTH_SPACE = '\u200b';

/** Breaks runs of backticks, which no platform but Telegram can escape inside code. */
export function looseBackticks(match: string): string {
  return match === '``' ? `\`${ZERO_WIDTH_SPACE}\`` : match;
}

export function escapeText(text: string, rule: Escape | undefined): string {
  return rule === undefined ? text : text.replace(rule.pattern, (match) => rule.replace(match));
}

export function escapeOf({ escapes }: Dialect, run: Run): Escape | undefined {
  if (run.raw) return undefined;
  const inner = run.marks.at(-1);
  if (inner === undefined) return escapes.text;
  if (inner.type === 'code' || inner.type === 'pre') return escapes[inner.type];
  return inner.type === 'link' && inner.bare ? escapes.bare : escapes.text;
}

/** Line prefix inside the quotes of `marks`. */
export function prefixOf(dialect: Dialect, marks: readonly Mark[]): string {
  return dialect.quotePrefix === '' ? '' : dialect.quotePrefix.repeat(quoteDepth(marks));
}
