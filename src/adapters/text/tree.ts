/** The Markdown tree (mdast) and its parts by name. */
import type { fromMarkdown } from 'mdast-util-from-markdown';

type Root = ReturnType<typeof fromMarkdown>;
export type Node = Root['children'][number];
export type NodeOf<Type extends Node['type']> = Extract<Node, { type: Type }>;
export type Phrasing = NodeOf<'paragraph'>['children'][number];
export type Block = NodeOf<'listItem'>['children'][number];

/** A parsed document: its blocks, and the link definitions by normalised label. */
export interface MarkdownTree {
  readonly blocks: readonly Node[];
  readonly definitions: ReadonlyMap<string, NodeOf<'definition'>>;
}

/** Deeper nesting is shown as plain text: no renderer may run out of stack on what a model wrote. */
export const MAX_DEPTH = 40;

/** The text of a subtree without any markup, in order. Not recursive. */
export function textOf(nodes: readonly Node[]): string {
  let text = '';
  const waiting: Node[] = [...nodes].reverse();
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    if ('value' in node) text += node.value;
    else if (node.type === 'image' || node.type === 'imageReference') text += node.alt ?? '';
    else if (node.type === 'break') text += '\n';
    else if (node.type === 'footnoteReference') text += `[${node.label ?? node.identifier}]`;
    else if ('children' in node)
      for (let at = node.children.length - 1; at >= 0; at -= 1) {
        const child = node.children[at];
        if (child !== undefined) waiting.push(child);
      }
  }
  return text;
}
