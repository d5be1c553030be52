import type { StyledBuilder } from '../styled-builder.ts';

/** How a platform wants Markdown shown: the table that, with its dialect and counters, makes a platform. */
export interface RenderRules {
  /** Marker of a bullet item; written unescaped. */
  readonly bullet: string;
  readonly done: string;
  readonly open: string;
  /** Stands for a thematic break. */
  readonly rule: string;
  /** Headings up to this depth have markup of their own; deeper ones are bold. 0 where there are none. */
  readonly headingDepth: number;
  /** Quotes inside quotes nest up to this depth; beyond they are indented. */
  readonly quoteDepth: number;
  /** Widest table, in columns, that is drawn as aligned text; a wider one becomes "key: value" lines. */
  readonly tableWidth: number;
  /** Bold and the like may stand inside a link's label. */
  readonly marksInLink: boolean;
  /** Inline code may stand inside bold and the like. */
  readonly codeInMarks: boolean;
  /** An address that is its own label stands outside of bold and the like: the platform would link their tokens too. */
  readonly bareLinksAlone: boolean;
  /** What encloses code that has backticks itself: a longer run of them, anything (tags), or nothing does. */
  readonly backticks: 'longer' | 'any' | 'never';
  /** Longest address that stays in markup, in UTF-16 units; a longer one is shown as text that can be cut. */
  readonly maxUrl: number;
  /** True where `url` works as markup behind `label`; otherwise both are shown. */
  linkable(url: string, label: string): boolean;
}

/** What is being written, and where. */
/** What every renderer gets: where to write, by which rules, how deep. */
export interface Context {
  readonly out: StyledBuilder;
  readonly rules: RenderRules;
  readonly depth: number;
  /** Line breaks become spaces (headings, link labels). */
  readonly oneLine?: boolean;
}
