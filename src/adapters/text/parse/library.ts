import { fromMarkdown } from 'mdast-util-from-markdown';
import { gfmFromMarkdown } from 'mdast-util-gfm';
import { gfm } from 'micromark-extension-gfm';
import type { Node, Phrasing } from '../tree.ts';

/** Everything that makes a block; without it a text is one paragraph. */
const BLOCK_CONSTRUCTS = [
  'blockQuote',
  'codeFenced',
  'codeIndented',
  'definition',
  'gfmFootnoteDefinition',
  'headingAtx',
  'htmlFlow',
  'list',
  'setextUnderline',
  'table',
  'thematicBreak',
];

const extensions = [gfm()];
const inlineExtensions = [gfm(), { disable: { null: BLOCK_CONSTRUCTS } }];
const mdastExtensions = [gfmFromMarkdown()];

/** CommonMark with GitHub's extensions, by the reference parser: exact, and slow on long texts. */
export function parseBlocksExactly(markdown: string): readonly Node[] {
  return fromMarkdown(markdown, { extensions, mdastExtensions }).children;
}

/** The content of one paragraph, heading or cell, without white space at either end. */
export function parseInlineExactly(text: string): readonly Phrasing[] {
  const [block] = fromMarkdown(text, { extensions: inlineExtensions, mdastExtensions }).children;
  return block?.type === 'paragraph' ? block.children : [];
}
