import type { NodeOf } from '../tree.ts';
import type { Parsed, ParseInline } from './context.ts';
import { indentOf, interruptsParagraph, isBlankLine, MARKER } from './lines.ts';

type Row = NodeOf<'table'>['children'][number];
type Align = 'left' | 'right' | 'center' | null;

/** The table whose head is `lines[start]` and whose rule is the line behind; undefined where that is not certain. */
export function tableAt(lines: readonly string[], start: number, inline: ParseInline): Parsed | undefined {
  const head = cellsOf(lines[start] ?? '');
  const rule = cellsOf(lines[start + 1] ?? '');
  if (head === undefined || rule === undefined || head.length !== rule.length) return undefined;
  if (!(lines[start] ?? '').includes('|')) return undefined;
  const rows: Row[] = [rowOf(head, inline)];
  let next = start + 2;
  for (; next < lines.length; next += 1) {
    const line = lines[next] ?? '';
    if (isBlankLine(line)) break;
    const indent = indentOf(line);
    if (indent < 0 || indent > 3 || !line.includes('|')) return undefined;
    if (interruptsParagraph(line) || MARKER.test(line) || line.trimStart().startsWith('<')) return undefined;
    const cells = cellsOf(line);
    if (cells === undefined) return undefined;
    rows.push(rowOf(cells, inline));
  }
  return { block: { type: 'table', align: rule.map(alignOf), children: rows }, next };
}

/** The cells of a row, trimmed; undefined with backslashes that are escaped themselves. */
function cellsOf(line: string): readonly string[] | undefined {
  const row = line.trim();
  if (row.includes('\\\\')) return undefined;
  const inner = row.replace(/^\|/, '').replace(/(?<!\\)\|$/, '');
  return inner.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll('\\|', '|'));
}

function rowOf(cells: readonly string[], inline: ParseInline): Row {
  return {
    type: 'tableRow',
    children: cells.map((cell) => ({ type: 'tableCell', children: cell === '' ? [] : [...inline(cell)] })),
  };
}

function alignOf(cell: string): Align {
  if (cell.startsWith(':')) return cell.endsWith(':') ? 'center' : 'left';
  return cell.endsWith(':') ? 'right' : null;
}
