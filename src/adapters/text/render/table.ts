import stringWidth from 'string-width';
import type { NodeOf, Phrasing } from '../tree.ts';
import { textOf } from '../tree.ts';
import { type Context, renderInline } from './inline.ts';

type Table = NodeOf<'table'>;
type Align = 'left' | 'right' | 'center' | null | undefined;

/** A table as aligned text in a code block, or as "key: value" lines when that would be too wide. */
export function renderTable(table: Table, context: Context): void {
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
  else renderGrid(rows, widths, table.align ?? [], context);
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
  return nodes
    .map((node) => {
      const label = textOf([node]);
      if (node.type === 'html') return /^<br/i.test(label) ? ' ' : label;
      const url =
        node.type === 'link' || node.type === 'image'
          ? node.url
          : node.type === 'linkReference' || node.type === 'imageReference'
            ? (context.definitions.get(node.identifier)?.url ?? '')
            : '';
      return url === '' || url === label ? label : `${label} (${url})`;
    })
    .join('')
    .replace(/\s+/g, ' ')
    .trim();
}
