import type { Block, NodeOf, Phrasing } from '../tree.ts';
import type { Inside, Parsed } from './context.ts';
import { ITEM, indentOf, interruptsParagraph, isBlankLine, MARKER, NESTED_NUMBER, RULE } from './lines.ts';

type ListItem = NodeOf<'list'>['children'][number];

/** The list that begins at `lines[start]`; undefined where the reference parser has to decide. */
export function listAt(lines: readonly string[], start: number, inside: Inside): Parsed | undefined {
  const kind = kindOf(lines[start] ?? '');
  const first = ITEM.exec(lines[start] ?? '')?.[2] ?? '';
  const items: ListItem[] = [];
  let at = start;
  while (at < lines.length) {
    const line = lines[at] ?? '';
    if (RULE.test(line) || kindOf(line) !== kind) break;
    if (NESTED_NUMBER.test(line)) return undefined;
    const gathered = gatherItem(lines, at);
    if (gathered === undefined) return undefined;
    const item = itemOf(gathered.content, inside);
    if (item === undefined) return undefined;
    items.push(item);
    at = gathered.next;
  }
  const ordered = /\d/.test(first);
  return {
    block: { type: 'list', ordered, start: ordered ? Number.parseInt(first, 10) : null, children: items },
    next: at,
  };
}

/** Items belong to one list when their bullet, or the sign behind their number, is the same. */
function kindOf(line: string): string {
  return ITEM.exec(line)?.[2]?.at(-1) ?? '';
}

/** The lines of the item that begins at `lines[start]`, without its indentation. */
function gatherItem(
  lines: readonly string[],
  start: number,
): { readonly content: readonly string[]; readonly next: number } | undefined {
  const width = ITEM.exec(lines[start] ?? '')?.[1]?.length ?? 0;
  const content = [(lines[start] ?? '').slice(width)];
  const blanks: string[] = [];
  let at = start + 1;
  for (; at < lines.length; at += 1) {
    const line = lines[at] ?? '';
    if (isBlankLine(line)) {
      blanks.push(line.slice(width));
      continue;
    }
    const indent = indentOf(line);
    if (indent < 0) return undefined;
    if (indent >= width) {
      for (const blank of blanks.splice(0)) content.push(blank);
      content.push(line.slice(width));
    } else if (MARKER.test(line) || blanks.length > 0 || interruptsParagraph(line)) {
      if (MARKER.test(line) && !RULE.test(line) && !continues(lines[start] ?? '', line, blanks.length > 0))
        return undefined;
      break;
    } else if (isOneParagraph(content, line)) content.push(line.trimStart());
    else return undefined;
  }
  return { content, next: at };
}

/** A marker without content, or a number that would have to interrupt a paragraph, is not ours to judge. */
function continues(item: string, line: string, afterBlank: boolean): boolean {
  if (!ITEM.test(line)) return false;
  return afterBlank || kindOf(item) === kindOf(line) || interruptsParagraph(line);
}

/** Only then is a line that lost its indentation still part of the item. */
function isOneParagraph(content: readonly string[], further: string): boolean {
  return [...content, further].every((line) => !isBlankLine(line) && isPlainText(line));
}

/** True for a line that is nothing but text, whatever stands before it. */
function isPlainText(line: string): boolean {
  return !interruptsParagraph(line) && !MARKER.test(line) && !/^[ \t]*[<[|=:-]/.test(line);
}

function itemOf(content: readonly string[], inside: Inside): ListItem | undefined {
  const head = content[0] ?? '';
  const box = BOX.exec(head)?.[0];
  if (box === undefined && /^\[[ \txX]?\]/.test(head)) return undefined;
  const children = inside.blocks(content);
  if (children === undefined) return undefined;
  if (box === undefined) return { type: 'listItem', checked: null, children: [...children] };
  const [first, ...others] = children;
  if (first?.type !== 'paragraph') return undefined;
  const rest = withoutBox(first.children, box);
  const paragraph: Block = { type: 'paragraph', children: rest };
  return { type: 'listItem', checked: box !== '[ ] ', children: [paragraph, ...others] };
}

const BOX = /^\[[ xX]\] (?=[^ \t])/;

/** The box is text to the inline parser: always the beginning of the first text. */
function withoutBox(nodes: readonly Phrasing[], box: string): Phrasing[] {
  const [first, ...rest] = nodes;
  if (first?.type !== 'text') return [...nodes];
  const value = first.value.slice(box.length);
  return value === '' ? rest : [{ type: 'text', value }, ...rest];
}
