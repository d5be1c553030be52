import type { Block, Phrasing } from '../tree.ts';

/** Parses the content of a paragraph, heading or cell; always has an answer. */
export type ParseInline = (text: string) => readonly Phrasing[];

/** What the parser of a block needs to parse what is inside it. */
export interface Inside {
  readonly inline: ParseInline;
  /** The blocks of a container's content; undefined where the reference parser has to decide. */
  blocks(lines: readonly string[]): readonly Block[] | undefined;
}

/** A block and the index of the first line behind it. */
export interface Parsed {
  readonly block: Block;
  readonly next: number;
}
