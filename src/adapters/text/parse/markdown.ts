import { fromMarkdown } from 'mdast-util-from-markdown';
import { gfmFromMarkdown } from 'mdast-util-gfm';
import { gfm } from 'micromark-extension-gfm';
import type { MarkdownTree, NodeOf } from '../tree.ts';

/** CommonMark with GitHub's extensions to a tree. */
export function parseMarkdown(markdown: string): MarkdownTree {
  const root = fromMarkdown(markdown, { extensions: [gfm()], mdastExtensions: [gfmFromMarkdown()] });
  const definitions = new Map<string, NodeOf<'definition'>>();
  for (const node of root.children) if (node.type === 'definition') definitions.set(node.identifier, node);
  return { blocks: root.children, definitions };
}
