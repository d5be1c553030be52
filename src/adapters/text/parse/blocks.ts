import type { Block, NodeOf } from '../tree.ts';
import type { Inside, Parsed, ParseInline } from './context.ts';
import {
  DEFINITION,
  FENCE,
  HEADING,
  ITEM,
  indentOf,
  interruptsParagraph,
  isBlankLine,
  isFence,
  MARKER,
  NESTED_NUMBER,
  QUOTE,
  RULE,
  SETEXT,
  TABLE_RULE,
  trimBlanksEnd,
} from './lines.ts';
import { listAt } from './list.ts';
import { closesFence } from './split.ts';

type Row = NodeOf<'table'>['children'][number];
type Align = 'left' | 'right' | 'center' | null;

/** The table whose head is `lines[start]` and whose rule is the line behind; undefined where that is not certain. */
function tableAt(lines: readonly string[], start: number, inline: ParseInline): Parsed | undefined {
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

/** Deeper containers are left to the reference parser. */
const MAX_NESTING = 16;

/**
 * Parses whole lines the quick way: exactly the blocks the reference parser finds, or undefined where that is not
 * certain (tabs that indent, indented code, HTML, definitions, empty list items and the like).
 */
export function parseBlocksQuickly(
  lines: readonly string[],
  inline: ParseInline,
  nesting = 0,
): readonly Block[] | undefined {
  if (nesting > MAX_NESTING) return undefined;
  const inside: Inside = {
    inline,
    blocks: (content) => parseBlocksQuickly(content, inline, nesting + 1),
  };
  const blocks: Block[] = [];
  let paragraph: string[] = [];
  const endParagraph = () => {
    if (paragraph.length > 0) blocks.push({ type: 'paragraph', children: [...inline(joinLines(paragraph))] });
    paragraph = [];
  };
  for (let at = 0; at < lines.length; ) {
    const line = lines[at] ?? '';
    if (isBlankLine(line)) {
      endParagraph();
      at += 1;
      continue;
    }
    const indent = indentOf(line);
    if (indent < 0 || (indent > 3 && paragraph.length === 0)) return undefined;
    if (indent > 3) {
      paragraph.push(line);
      at += 1;
      continue;
    }
    if (paragraph.length > 0) {
      if (TABLE_RULE.test(line) && /[|:]/.test(line)) {
        const table = paragraph.length === 1 ? tableAt(lines, at - 1, inline) : undefined;
        if (table === undefined) return undefined;
        paragraph = [];
        blocks.push(table.block);
        at = table.next;
        continue;
      }
      if (SETEXT.test(line)) {
        if (paragraph.length === 1 && paragraph[0]?.includes('|')) return undefined;
        const depth = line.includes('=') ? 1 : 2;
        blocks.push({ type: 'heading', depth, children: [...inline(joinLines(paragraph))] });
        paragraph = [];
        at += 1;
        continue;
      }
    }
    const kind = paragraph.length > 0 && !interruptsParagraph(line) ? continuationOf(line) : kindOf(line);
    if (kind === 'unsure') return undefined;
    if (kind === 'text') {
      paragraph.push(line);
      at += 1;
      continue;
    }
    endParagraph();
    const parsed = blockAt(kind, lines, at, inside);
    if (parsed === undefined) return undefined;
    blocks.push(parsed.block);
    at = parsed.next;
  }
  endParagraph();
  return blocks;
}

type Kind = 'fence' | 'heading' | 'rule' | 'quote' | 'list' | 'text' | 'unsure';

/** A line behind a paragraph that opens no block for certain; HTML and items that begin with code still could. */
function continuationOf(line: string): Kind {
  const marker = MARKER.exec(line)?.[0];
  if (marker !== undefined && !ITEM.test(line) && !isBlankLine(line.slice(marker.length))) return 'unsure';
  return line.trimStart().startsWith('<') ? 'unsure' : 'text';
}

function kindOf(line: string): Kind {
  switch (line.trimStart().charAt(0)) {
    case '`':
    case '~':
      return isFence(line) ? 'fence' : 'text';
    case '#':
      return HEADING.test(line) ? 'heading' : 'text';
    case '>':
      return NESTED_NUMBER.test(line) ? 'unsure' : 'quote';
    case '<':
      return 'unsure';
    case '[':
      return DEFINITION.test(line) || !line.includes(']') ? 'unsure' : 'text';
    case '-':
    case '*':
    case '_':
    case '+':
      if (RULE.test(line)) return 'rule';
      break;
    default:
  }
  if (!MARKER.test(line)) return 'text';
  return ITEM.test(line) && !NESTED_NUMBER.test(line) ? 'list' : 'unsure';
}

function blockAt(kind: Kind, lines: readonly string[], at: number, inside: Inside): Parsed | undefined {
  const line = lines[at] ?? '';
  switch (kind) {
    case 'fence':
      return fenceAt(lines, at);
    case 'heading':
      return { block: headingOf(line, inside.inline), next: at + 1 };
    case 'rule':
      return { block: { type: 'thematicBreak' }, next: at + 1 };
    case 'quote':
      return quoteAt(lines, at, inside);
    default:
      return listAt(lines, at, inside);
  }
}

/** Lines of a paragraph without blanks at its ends; those that indent a further line are the inline parser's. */
function joinLines(lines: readonly string[]): string {
  return trimBlanksEnd(lines.join('\n').replace(/^[ \t]+/, ''));
}

/** The content of a heading without the hashes that may close it. */
function withoutClosing(content: string): string {
  let end = content.length;
  while (content.charAt(end - 1) === '#') end -= 1;
  if (end === 0) return '';
  const kept = content.slice(0, end);
  const before = trimBlanksEnd(kept);
  return before === kept ? content : before;
}

function headingOf(line: string, inline: ParseInline): Block {
  const [, marks = '#', rest = ''] = HEADING.exec(line) ?? [];
  const text = withoutClosing(trimBlanksEnd(rest));
  const depth = marks.length as 1 | 2 | 3 | 4 | 5 | 6;
  return { type: 'heading', depth, children: text === '' ? [] : [...inline(text)] };
}

function fenceAt(lines: readonly string[], at: number): Parsed | undefined {
  const [, indent = '', fence = '```', info = ''] = FENCE.exec(lines[at] ?? '') ?? [];
  if (/[\\&]/.test(info)) return undefined;
  let end = at + 1;
  while (end < lines.length && !closesFence(lines[end] ?? '', fence)) end += 1;
  const body = lines.slice(at + 1, end);
  if (indent !== '' && body.some((line) => line.startsWith('\t'))) return undefined;
  const strip = new RegExp(`^ {0,${indent.length}}`);
  const value = (indent === '' ? body : body.map((line) => line.replace(strip, ''))).join('\n');
  const lang = /[^ \t]+/.exec(info)?.[0] ?? null;
  return {
    block: { type: 'code', lang, value },
    next: end + 1,
  };
}

function quoteAt(lines: readonly string[], at: number, inside: Inside): Parsed | undefined {
  const inner: string[] = [];
  let next = at;
  for (; next < lines.length && QUOTE.test(lines[next] ?? ''); next += 1) {
    const content = (lines[next] ?? '').trimStart().slice(1);
    if (content.startsWith('\t')) return undefined;
    inner.push(content.startsWith(' ') ? content.slice(1) : content);
  }
  const behind = lines[next];
  if (behind !== undefined && !isBlankLine(behind) && !interruptsParagraph(behind)) return undefined;
  const children = inside.blocks(inner);
  return children === undefined
    ? undefined
    : { block: { type: 'blockquote', children: [...children] }, next };
}
