import stringWidth from 'string-width';
import { plainDialect, writeSlice } from './dialect.ts';
import { type Context, type RenderRules, renderHtmlBlock, renderInline } from './inline.ts';
import {
  type Align,
  type Block,
  type Code,
  type Heading,
  type List,
  MAX_DEPTH,
  type Phrasing,
  type Quote,
  type Table,
  textOf,
} from './parse.ts';
import { StyledBuilder, type StyledText } from './styled.ts';

/** A table as aligned text in a code block, or as "key: value" lines when that would be too wide. */
function renderTable(table: Table, context: Context): void {
  if (context.rules.tableWidth === 0) {
    renderPairs(table, context);
    return;
  }
  const rows = table.children.map((row) => row.children.map((cell) => cellOf(cell.children, context)));
  const columns = rows[0]?.length ?? 0;
  const widths = Array.from({ length: columns }, (_, column) =>
    rows.reduce((widest, row) => Math.max(widest, row[column]?.width ?? 0), 3),
  );
  const total = widths.reduce((sum, width) => sum + width + GAP.length, -GAP.length);
  if (total > context.rules.tableWidth) renderPairs(table, context);
  else renderGrid(rows, widths, table.align, context);
  context.out.breakHere();
}

const GAP = '  ';

/** A cell's text and its width in columns of a terminal or a monospaced font. */
interface Cell {
  readonly text: string;
  readonly width: number;
}

const EMPTY: Cell = { text: '', width: 0 };

function cellOf(nodes: readonly Phrasing[], context: Context): Cell {
  const text = cellText(nodes, context);
  return { text, width: stringWidth(text) };
}

function renderGrid(
  rows: readonly (readonly Cell[])[],
  widths: readonly number[],
  align: readonly Align[],
  { out }: Context,
): void {
  const line = (row: readonly Cell[]) =>
    widths
      .map((width, column) => pad(row[column] ?? EMPTY, width, align[column]))
      .join(GAP)
      .trimEnd();
  const [head, ...body] = rows;
  const rule = widths.map((width) => '-'.repeat(width)).join(GAP);
  const lines = [line(head ?? []), rule, ...body.map(line)];
  out.freshLine();
  out.unindented(() => out.within({ type: 'pre', language: '' }, () => out.text(lines.join('\n'))));
  out.freshLine();
}

function pad(cell: Cell, width: number, align: Align): string {
  const { text } = cell;
  const missing = Math.max(0, width - cell.width);
  if (align === 'right') return ' '.repeat(missing) + text;
  if (align !== 'center') return text + ' '.repeat(missing);
  const left = missing >> 1;
  return ' '.repeat(left) + text + ' '.repeat(missing - left);
}

function renderPairs(table: Table, context: Context): void {
  const { out } = context;
  const [head, ...body] = table.children;
  for (const [index, row] of (body.length > 0 ? body : [head]).entries()) {
    if (index > 0) out.gap(2);
    for (const [column, cell] of (row?.children ?? []).entries()) {
      if (cell.children.length === 0) continue;
      out.freshLine();
      const key = head?.children[column]?.children ?? [];
      if (body.length > 0 && key.length > 0) {
        out.within({ type: 'bold' }, () => renderInline(key, { ...context, oneLine: true }));
        out.text(': ');
      }
      renderInline(cell.children, { ...context, oneLine: true });
    }
    out.breakHere();
  }
}

/** A cell on one line without markup; an address stays readable behind its label. */
function cellText(nodes: readonly Phrasing[], context: Context): string {
  const [only] = nodes;
  if (nodes.length === 1 && only?.type === 'text') return oneLine(only.value);
  const out = new StyledBuilder();
  renderInline(nodes, { ...context, out, oneLine: true });
  const doc = out.build();
  return oneLine(writeSlice(doc, 0, doc.text.length, doc.text.length, plainDialect));
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}

/** Lays a parsed document out as visible text with marks, by the rules of one platform. */
export function renderDocument(blocks: readonly Block[], rules: RenderRules): StyledText {
  const context: Context = { out: new StyledBuilder(), rules, depth: 0 };
  renderBlocks(blocks, context, 2);
  return context.out.build();
}

/** `newlines`: 2 leaves an empty line between blocks, 1 does not. */
function renderBlocks(blocks: readonly Block[], context: Context, newlines: number): void {
  for (const [index, block] of blocks.entries()) {
    if (index > 0) context.out.gap(block.type === 'list' && newlines === 1 ? 1 : newlines);
    renderBlock(block, context);
  }
}

function renderBlock(block: Block, context: Context): void {
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
  }
}

function deeper(context: Context): Context {
  return { ...context, depth: context.depth + 1 };
}

function renderHeading(heading: Heading, context: Context): void {
  const { out, rules } = context;
  const mark =
    heading.depth <= rules.headingDepth && context.depth === 0
      ? ({ type: 'heading', depth: heading.depth } as const)
      : ({ type: 'bold' } as const);
  out.within(mark, () => renderInline(heading.children, { ...context, oneLine: true }));
  out.keepWithNext();
}

function renderCode({ value, lang }: Code, { out }: Context): void {
  if (value === '') return;
  out.freshLine();
  const language = /^[\w+#.-]{1,30}/.exec(lang)?.[0] ?? '';
  out.unindented(() => out.within({ type: 'pre', language }, () => out.text(value)));
  out.freshLine();
  out.breakHere();
}

function renderQuote(quote: Quote, context: Context): void {
  const { out, rules } = context;
  const depth = out.marks.filter((mark) => mark.type === 'quote').length;
  const body = () => renderBlocks(quote.children, deeper(context), 2);
  out.freshLine();
  if (depth < rules.quoteDepth) out.unindented(() => out.within({ type: 'quote' }, body));
  else out.indentedFrom('  ', body);
  out.freshLine();
  out.breakHere();
}

function renderList(list: List, context: Context): void {
  const { out, rules } = context;
  const inner = deeper(context);
  const loose = list.children.some(
    ({ children }) => children.filter(({ type }) => type === 'paragraph').length > 1,
  );
  for (const [index, item] of list.children.entries()) {
    if (index > 0) out.gap(loose ? 2 : 1);
    const marker = list.ordered ? `${list.start + index}. ` : rules.bullet;
    const box = item.checked === true ? rules.done : item.checked === false ? rules.open : '';
    out.raw(marker);
    out.text(box);
    out.indented(' '.repeat(marker.length), () => renderBlocks(item.children, inner, loose ? 2 : 1));
  }
  out.breakHere();
}
