import type { Mark } from '../styled.ts';
import type { Phrasing } from '../tree.ts';
import type { Context } from './rules.ts';

/** Tags that a pair of which is understood; the mark they stand for, or nothing visible. */
const TAGS: ReadonlyMap<string, 'bold' | 'italic' | 'strike' | 'none'> = new Map([
  ['b', 'bold'],
  ['strong', 'bold'],
  ['i', 'italic'],
  ['em', 'italic'],
  ['s', 'strike'],
  ['del', 'strike'],
  ['strike', 'strike'],
  ['u', 'none'],
  ['ins', 'none'],
  ['kbd', 'none'],
  ['sub', 'none'],
  ['sup', 'none'],
  ['small', 'none'],
  ['mark', 'none'],
]);

/** Tags that only lay out a block; everything else in an HTML block is shown as it was written. */
const LAYOUT =
  /<\/?(?:details|summary|p|center|b|strong|i|em|u|s|del|ins|kbd|sub|sup|small|mark)(?:\s[^<>]*)?>/gi;

export function tagName(html: string): string {
  return /^<\/?([A-Za-z][A-Za-z0-9-]*)/.exec(html)?.[1]?.toLowerCase() ?? '';
}

export function markOfTag(name: string): Mark | undefined {
  const type = TAGS.get(name);
  return type === undefined || type === 'none' ? undefined : { type };
}

export function isLineBreakTag(html: string): boolean {
  return /^<br\s*\/?>$/i.test(html);
}

/** For each understood opening tag among siblings, the index of its closing tag. */
export function pairTags(nodes: readonly Phrasing[]): ReadonlyMap<number, number> {
  const pairs = new Map<number, number>();
  const open: { readonly name: string; readonly at: number }[] = [];
  for (const [at, node] of nodes.entries()) {
    if (node.type !== 'html') continue;
    const name = tagName(node.value);
    if (!TAGS.has(name) || node.value.endsWith('/>')) continue;
    if (!node.value.startsWith('</')) open.push({ name, at });
    else if (open.at(-1)?.name === name) pairs.set(open.pop()?.at ?? at, at);
  }
  return pairs;
}

/** An HTML block: comments vanish, layout tags vanish, line breaks break, the rest is shown as written. */
export function renderHtmlBlock(value: string, { out }: Context): void {
  const visible = value
    .replace(/<!--[\s\S]*?(?:-->|$)/g, '')
    .replace(/<br\s*\/?>/gi, '\n')
    .replace(LAYOUT, '')
    .replace(/\n{3,}/g, '\n\n')
    .trim();
  out.text(visible);
  out.breakHere();
}
