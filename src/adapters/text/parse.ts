/**
 * CommonMark with GitHub's tables, task lists, strikethrough and bare links, read by markdown-it. Chat text is not always
 * Markdown: names, globs and arithmetic keep their characters, and footnotes stay where they were written.
 */

import type { StateBlock, StateInline, Token } from 'markdown-it';
import MarkdownIt from 'markdown-it';

/** A parsed message: what the renderers lay out. Its names are those of mdast. */

interface Parent<Child> {
  readonly children: Child[];
}

export type Phrasing =
  | { readonly type: 'text' | 'inlineCode' | 'html'; readonly value: string }
  | { readonly type: 'break' }
  | ({ readonly type: 'strong' | 'emphasis' | 'delete' } & Parent<Phrasing>)
  | ({ readonly type: 'link'; readonly url: string } & Parent<Phrasing>)
  | { readonly type: 'image'; readonly url: string; readonly alt: string };

export type Align = 'left' | 'right' | 'center' | undefined;
type TableCell = { readonly type: 'tableCell' } & Parent<Phrasing>;
type TableRow = { readonly type: 'tableRow' } & Parent<TableCell>;
export type Table = { readonly type: 'table'; readonly align: Align[] } & Parent<TableRow>;
/** `checked` is set in task lists. */
type ListItem = { readonly type: 'listItem'; checked?: boolean } & Parent<Block>;
export type List = {
  readonly type: 'list';
  readonly ordered: boolean;
  readonly start: number;
} & Parent<ListItem>;
export type Heading = { readonly type: 'heading'; readonly depth: number } & Parent<Phrasing>;
export type Quote = { readonly type: 'blockquote' } & Parent<Block>;
export interface Code {
  readonly type: 'code';
  readonly lang: string;
  readonly value: string;
}

export type Block =
  | ({ readonly type: 'paragraph' } & Parent<Phrasing>)
  | Heading
  | Code
  | List
  | Quote
  | Table
  | { readonly type: 'thematicBreak' }
  | { readonly type: 'html'; readonly value: string };

type Node = Block | Phrasing | ListItem | TableRow | TableCell;

/** Deeper nesting is shown as plain text: no renderer may run out of stack on what a model wrote. */
export const MAX_DEPTH = 40;

/** The text of a subtree without any markup, in order. Not recursive. */
export function textOf(nodes: readonly Node[]): string {
  let text = '';
  const waiting: Node[] = [...nodes].reverse();
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    if ('value' in node) text += node.value;
    else if (node.type === 'image') text += node.alt;
    else if (node.type === 'break') text += '\n';
    else if ('children' in node)
      for (let at = node.children.length - 1; at >= 0; at -= 1) {
        const child = node.children[at];
        if (child !== undefined) waiting.push(child);
      }
  }
  return text;
}

/** Blocks inside blocks beyond this are text: markdown-it's own limit would drop them. A list in a list counts two. */
const MAX_LEVEL = 60;

const MAX_LABEL = 80;
const FOOTNOTE = /^\[\^([^\]\s]{1,76})\]:/;

const parser = new MarkdownIt({ html: true, linkify: true, maxNesting: Number.POSITIVE_INFINITY });
parser.inline.State = class extends parser.inline.State {
  override scanDelims(start: number, canSplitWord: boolean): ReturnType<StateInline['scanDelims']> {
    const run = super.scanDelims(start, canSplitWord);
    const may = mayEmphasize(this.src, start, start + run.length);
    return { ...run, can_open: run.can_open && may.open, can_close: run.can_close && may.close };
  }
};
// Addresses are judged where they are written into a platform's markup, not here.
parser.validateLink = () => true;
parser.normalizeLink = (url) => url;
parser.normalizeLinkText = (text) => text;
// Only addresses with a scheme: "README.md" and "example.com" are words.
parser.core.ruler.disable('linkify');
parser.block.ruler.before('table', 'too-deep', (state, start, end) => {
  if (state.level < MAX_LEVEL) return false;
  let next = start + 1;
  while (next < end && isWithin(state, next)) next += 1;
  state.push('paragraph_open', 'p', 1);
  const content = state.push('text', '', 0);
  content.content = state.getLines(start, next, state.blkIndent, false).trim();
  state.push('paragraph_close', 'p', -1);
  state.line = next;
  return true;
});
// A footnote stays where it is. As a link definition it would vanish from the text.
parser.block.ruler.before('reference', 'footnote', (state, start, end, silent) => {
  const lineAt = (line: number): string =>
    state.src.slice((state.bMarks[line] ?? 0) + (state.tShift[line] ?? 0), state.eMarks[line]);
  const label = FOOTNOTE.exec(lineAt(start))?.[1];
  if (label === undefined) return false;
  if (silent) return true;
  let next = start + 1;
  while (next < end && !endsFootnote(state, next, end) && !FOOTNOTE.test(lineAt(next))) next += 1;
  state.push('paragraph_open', 'p', 1);
  const inline = state.push('inline', '', 0);
  inline.content = state.getLines(start, next, state.blkIndent, false).trim().replace(FOOTNOTE, '[^$1]');
  inline.children = [];
  state.push('paragraph_close', 'p', -1);
  state.env[`^${label}`] = FOOTNOTE;
  state.line = next;
  return true;
});
parser.inline.ruler.before('link', 'footnote', (state, silent) => {
  if (!state.src.startsWith('[^', state.pos)) return false;
  const end = state.src.slice(0, state.pos + MAX_LABEL).indexOf(']', state.pos);
  const label = state.src.slice(state.pos + 2, end);
  if (end < 0 || state.env[`^${label}`] !== FOOTNOTE) return false;
  if (!silent) state.pending += `[${label}]`;
  state.pos = end + 1;
  return true;
});

/** True for a line of the list item or quote that is being read. */
function isWithin(state: StateBlock, line: number): boolean {
  return state.isEmpty(line) || (state.sCount[line] ?? 0) >= state.blkIndent;
}

function endsFootnote(state: StateBlock, line: number, end: number): boolean {
  if (state.isEmpty(line) || !isWithin(state, line)) return true;
  return parser.block.ruler.getRules('paragraph').some((rule) => rule(state, line, end, true));
}

/** Names such as `__init__`. */
const DUNDER = /^__[a-z][a-z0-9_]*__(?![A-Za-z0-9_])/;
const WORD = /[A-Za-z0-9]/;

/**
 * Whether the run of `*`, `_` or `~` in `text[start, end)` may open or close emphasis, as far as chat text goes: not in
 * `2*3*4`, `x**2`, `src/**\/*.ts`, `{*.ts,*.js}` and `__init__.py`.
 */
function mayEmphasize(text: string, start: number, end: number): { open: boolean; close: boolean } {
  const before = text.charAt(start - 1);
  const after = text.charAt(end);
  switch (text.charAt(start)) {
    case '_': {
      const near = text.slice(Math.max(0, start - MAX_LABEL), end);
      const name = isDunder(text, start) || isDunder(near, near.slice(0, start - end).lastIndexOf('__'));
      return { open: !name, close: !name };
    }
    case '*': {
      // src/**/x, packages/*/src, {*.ts,*.js} and **/*.ts, but not **A**/**B**.
      const rest = text.slice(end, end + 2);
      const one = end - start === 1;
      const glob =
        (before === '/' && (after === '/' || (one && after === '{'))) ||
        (one && /\S/.test(before) && /^\.\w/.test(rest)) ||
        (rest === '/*' && !/\S/.test(before));
      const inWord = WORD.test(before) && WORD.test(after);
      // Bold text may end inside a word; nothing begins there.
      return { open: !glob && !inWord, close: !glob && !(inWord && one) };
    }
    default:
      return { open: true, close: true };
  }
}

/** True when a name with two underscores on either side begins at `at` and no word goes before it. */
function isDunder(text: string, at: number): boolean {
  return at >= 0 && !/[A-Za-z0-9_]/.test(text.charAt(at - 1)) && DUNDER.test(text.slice(at, at + 80));
}

/** The blocks of a Markdown text. Takes time in proportion to its length, and loses no text whatever it is. */
export function parseMarkdown(markdown: string): readonly Block[] {
  const text = markdown
    .replace(/^\ufeff/, '')
    .replaceAll('\r\n', '\n')
    .replaceAll('\r', '\n');
  try {
    return blocksOf(nest(parser.parse(text, {})));
  } catch {
    return [{ type: 'paragraph', children: [{ type: 'text', value: text }] }];
  }
}

/** A token with what stands between it and its end. */
interface Nested {
  readonly token: Token;
  readonly inner: Nested[];
}

function nest(tokens: readonly Token[]): Nested[] {
  const root: Nested[] = [];
  const open = [root];
  for (const token of tokens) {
    if (token.nesting < 0) {
      open.pop();
      continue;
    }
    const inner: Nested[] = [];
    open.at(-1)?.push({ token, inner });
    if (token.nesting > 0) open.push(inner);
  }
  return root;
}

function blocksOf(nodes: readonly Nested[]): Block[] {
  return nodes.map(blockOf);
}

function blockOf({ token, inner }: Nested): Block {
  switch (token.type) {
    case 'heading_open':
      return { type: 'heading', depth: Number(token.tag.slice(1)), children: contentOf(inner) };
    case 'fence':
    case 'code_block':
      return {
        type: 'code',
        lang: token.info.trim().split(/\s/, 1)[0] ?? '',
        value: token.content.replace(/\n$/, ''),
      };
    case 'html_block':
      return { type: 'html', value: token.content.replace(/\n$/, '') };
    case 'hr':
      return { type: 'thematicBreak' };
    case 'blockquote_open':
      return { type: 'blockquote', children: blocksOf(inner) };
    case 'bullet_list_open':
      return { type: 'list', ordered: false, start: 1, children: inner.map(itemOf) };
    case 'ordered_list_open':
      return {
        type: 'list',
        ordered: true,
        start: Number(token.attrGet('start') ?? 1),
        children: inner.map(itemOf),
      };
    case 'table_open':
      return tableOf(inner);
    default:
      return { type: 'paragraph', children: contentOf(inner) };
  }
}

function itemOf({ inner }: Nested): ListItem {
  const children = blocksOf(inner);
  const [first] = children;
  const [text] = first?.type === 'paragraph' ? first.children : [];
  const box = text?.type === 'text' ? /^\[([ xX])\](?:\s+|$)/.exec(text.value) : null;
  if (first?.type !== 'paragraph' || text?.type !== 'text' || box === null)
    return { type: 'listItem', children };
  const rest = text.value.slice(box[0].length);
  // A box alone is text.
  if (rest === '' && first.children.length === 1) return { type: 'listItem', children };
  first.children.splice(0, 1, ...(rest === '' ? [] : [{ type: 'text', value: rest } as const]));
  return { type: 'listItem', checked: box[1] !== ' ', children };
}

function tableOf(parts: readonly Nested[]): Table {
  const rows = parts.flatMap(({ inner }) => inner);
  return {
    type: 'table',
    align: (rows[0]?.inner ?? []).map(({ token }) => alignOf(String(token.attrGet('style')))),
    children: rows.map(({ inner: cells }) => ({
      type: 'tableRow',
      children: cells.map(({ inner }) => ({ type: 'tableCell', children: contentOf(inner) })),
    })),
  };
}

function alignOf(style: string): Align {
  const align = /text-align:(left|right|center)/.exec(style)?.[1];
  return align === 'left' || align === 'right' || align === 'center' ? align : undefined;
}

/** The content of a block that holds text. */
function contentOf(nodes: readonly Nested[]): Phrasing[] {
  return nodes.flatMap(({ token }) =>
    token.type === 'inline'
      ? phrasingOf(nest(token.children ?? []))
      : [{ type: 'text', value: token.content } as const],
  );
}

function phrasingOf(nodes: readonly Nested[]): Phrasing[] {
  const made: Phrasing[] = [];
  for (const { token, inner } of nodes) {
    const node = inlineOf(token, inner);
    const last = made.at(-1);
    if (node.type === 'text' && last?.type === 'text')
      made[made.length - 1] = { type: 'text', value: last.value + node.value };
    else if (node.type !== 'text' || node.value !== '') made.push(node);
  }
  return made;
}

function inlineOf(token: Token, inner: readonly Nested[]): Phrasing {
  switch (token.type) {
    case 'strong_open':
      return { type: 'strong', children: phrasingOf(inner) };
    case 'em_open':
      return { type: 'emphasis', children: phrasingOf(inner) };
    case 's_open':
      return { type: 'delete', children: phrasingOf(inner) };
    case 'link_open':
      return { type: 'link', url: String(token.attrGet('href') ?? ''), children: phrasingOf(inner) };
    case 'image':
      return {
        type: 'image',
        url: String(token.attrGet('src') ?? ''),
        alt: textOf(phrasingOf(nest(token.children ?? []))),
      };
    case 'code_inline':
      return { type: 'inlineCode', value: token.content };
    case 'html_inline':
      return { type: 'html', value: token.content };
    case 'hardbreak':
      return { type: 'break' };
    case 'softbreak':
      return { type: 'text', value: '\n' };
    default:
      return { type: 'text', value: token.content };
  }
}
