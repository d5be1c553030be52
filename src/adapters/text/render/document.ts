import type { StyledText } from '../styled.ts';
import { StyledBuilder } from '../styled-builder.ts';
import { MAX_DEPTH, type MarkdownTree, type Node, type NodeOf, textOf } from '../tree.ts';
import { renderHtmlBlock } from './html.ts';
import { type Context, renderInline } from './inline.ts';
import type { RenderRules } from './rules.ts';
import { renderTable } from './table.ts';

/** Lays a parsed document out as visible text with marks, by the rules of one platform. */
export function renderDocument(tree: MarkdownTree, rules: RenderRules): StyledText {
  const context: Context = { out: new StyledBuilder(), rules, definitions: tree.definitions, depth: 0 };
  renderBlocks(tree.blocks, context, 2);
  return context.out.build();
}

/** `newlines`: 2 leaves an empty line between blocks, 1 does not. */
function renderBlocks(blocks: readonly Node[], context: Context, newlines: number): void {
  for (const [index, block] of blocks.entries()) {
    if (index > 0) context.out.gap(block.type === 'list' && newlines === 1 ? 1 : newlines);
    renderBlock(block, context);
  }
}

function renderBlock(block: Node, context: Context): void {
  const { out, rules } = context;
  if (context.depth > MAX_DEPTH) {
    out.text(textOf([block]));
    return;
  }
  switch (block.type) {
    case 'paragraph':
      renderInline(block.children, context);
      out.breakHere();
      return;
    case 'heading':
      renderHeading(block, context);
      return;
    case 'code':
      renderCode(block, context);
      return;
    case 'list':
      renderList(block, context);
      return;
    case 'blockquote':
      renderQuote(block, context);
      return;
    case 'table':
      renderTable(block, context);
      return;
    case 'thematicBreak':
      out.text(rules.rule);
      return;
    case 'html':
      renderHtmlBlock(block.value, context);
      return;
    case 'footnoteDefinition':
      out.text(`[${block.label ?? block.identifier}] `);
      renderBlocks(block.children, deeper(context), 2);
      return;
    case 'definition':
      return;
    default:
      out.text(textOf([block]));
  }
}

function deeper(context: Context): Context {
  return { ...context, depth: context.depth + 1 };
}

function renderHeading(heading: NodeOf<'heading'>, context: Context): void {
  const { out, rules } = context;
  const mark =
    heading.depth <= rules.headingDepth && context.depth === 0
      ? ({ type: 'heading', depth: heading.depth } as const)
      : ({ type: 'bold' } as const);
  out.within(mark, () => renderInline(heading.children, { ...context, oneLine: true }));
  out.keepWithNext();
}

function renderCode({ value, lang }: NodeOf<'code'>, { out }: Context): void {
  if (value === '') return;
  out.freshLine();
  const language = /^[\w+#.-]{1,30}/.exec(lang ?? '')?.[0] ?? '';
  out.unindented(() => out.within({ type: 'pre', language }, () => out.text(value)));
  out.freshLine();
  out.breakHere();
}

function renderQuote(quote: NodeOf<'blockquote'>, context: Context): void {
  const { out, rules } = context;
  const depth = out.marks.filter((mark) => mark.type === 'quote').length;
  const body = () => renderBlocks(quote.children, deeper(context), 2);
  out.freshLine();
  if (depth < rules.quoteDepth) out.unindented(() => out.within({ type: 'quote' }, body));
  else {
    out.text('  ');
    out.indented('  ', body);
  }
  out.freshLine();
  out.breakHere();
}

function renderList(list: NodeOf<'list'>, context: Context): void {
  const { out, rules } = context;
  const inner = deeper(context);
  const loose = list.children.some(
    (item) => item.children.filter((child) => child.type !== 'list').length > 1,
  );
  for (const [index, item] of list.children.entries()) {
    if (index > 0) out.gap(loose ? 2 : 1);
    const marker = list.ordered === true ? `${(list.start ?? 1) + index}. ` : rules.bullet;
    const box = item.checked === true ? rules.done : item.checked === false ? rules.open : '';
    out.raw(marker);
    out.text(box);
    out.indented(' '.repeat(marker.length), () => renderBlocks(item.children, inner, loose ? 2 : 1));
  }
  out.breakHere();
}
