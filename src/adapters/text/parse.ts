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

/** What makes a text more than itself: a break, an entity, code, emphasis, a link. */
const MARKED = /[\n&*<[\\_`~]|:\/\//;
/** Characters with which no rule begins or ends. */
const PLAIN = /[^\n!&*:<[\\\]_`~]+/y;

type Nesting = Token['nesting'];

/** markdown-it's own token is built by a helper for old engines, which took an eighth of the time of a long text. */
class LeanToken implements Token {
  type: string;
  tag: string;
  nesting: Nesting;
  attrs: Token['attrs'] = null;
  map: Token['map'] = null;
  level = 0;
  children: Token[] | null = null;
  content = '';
  markup = '';
  info = '';
  meta: Token['meta'] = null;
  block = false;
  hidden = false;
  declare attrIndex: Token['attrIndex'];
  declare attrPush: Token['attrPush'];
  declare attrSet: Token['attrSet'];
  declare attrGet: Token['attrGet'];
  declare attrJoin: Token['attrJoin'];

  constructor(type: string, tag: string, nesting: Nesting) {
    this.type = type;
    this.tag = tag;
    this.nesting = nesting;
  }
}
Object.setPrototypeOf(LeanToken.prototype, MarkdownIt.Token.prototype);

function textToken(content: string): Token {
  const token = new LeanToken('text', '', 0);
  token.content = content;
  return token;
}

const parser = new MarkdownIt({ html: true, linkify: true, maxNesting: Number.POSITIVE_INFINITY });
parser.block.State = class extends parser.block.State {
  override push(type: string, tag: string, nesting: Nesting): Token {
    const token = new LeanToken(type, tag, nesting);
    token.block = true;
    if (nesting < 0) this.level -= 1;
    token.level = this.level;
    if (nesting > 0) this.level += 1;
    this.tokens.push(token);
    return token;
  }
};
parser.inline.State = class extends parser.inline.State {
  override push(type: string, tag: string, nesting: Nesting): Token {
    if (this.pending) this.pushPending();
    const token = new LeanToken(type, tag, nesting);
    let meta: (typeof this.tokens_meta)[number];
    if (nesting < 0) {
      this.level -= 1;
      this.delimiters = this._prev_delimiters.pop() ?? [];
    }
    token.level = this.level;
    if (nesting > 0) {
      this.level += 1;
      this._prev_delimiters.push(this.delimiters);
      this.delimiters = [];
      meta = { delimiters: this.delimiters };
    }
    this.pendingLevel = this.level;
    this.tokens.push(token);
    this.tokens_meta.push(meta);
    return token;
  }

  override pushPending(): Token {
    const token = textToken(this.pending);
    token.level = this.pendingLevel;
    this.tokens.push(token);
    this.pending = '';
    return token;
  }

  override scanDelims(start: number, canSplitWord: boolean): ReturnType<StateInline['scanDelims']> {
    const run = super.scanDelims(start, canSplitWord);
    const may = mayEmphasize(this.src, start, start + run.length);
    return { ...run, can_open: run.can_open && may.open, can_close: run.can_close && may.close };
  }
};
// Reads up to where a rule may begin. markdown-it's own stops at more characters than any rule begins with.
parser.inline.ruler.at('text', (state, silent) => {
  PLAIN.lastIndex = state.pos;
  const plain = PLAIN.exec(state.src)?.[0];
  if (plain === undefined) return false;
  if (!silent) state.pending += plain;
  state.pos += plain.length;
  return true;
});
const parseInline = parser.inline.parse.bind(parser.inline);
parser.inline.parse = (text, md, env, tokens) => {
  if (MARKED.test(text)) parseInline(text, md, env, tokens);
  else tokens.push(textToken(text));
};
// Addresses are judged where they are written into a platform's markup, not here.
parser.validateLink = () => true;
parser.normalizeLink = (url) => url;
parser.normalizeLinkText = (text) => text;
// Only addresses with a scheme: "README.md" and "example.com" are words.
parser.core.ruler.disable('linkify');
// What is in pieces is joined where it is read.
parser.core.ruler.disable('text_join');
parser.inline.ruler2.disable('fragments_join');
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
    return blocksOf({ tokens: parser.parse(text, {}), at: 0 });
  } catch {
    return [{ type: 'paragraph', children: [{ type: 'text', value: text }] }];
  }
}

/** The tokens and which of them comes next. */
interface Reader {
  readonly tokens: readonly Token[];
  at: number;
}

/** Reads every block up to the end of the block around them, and that end. */
function blocksOf(reader: Reader): Block[] {
  return readInner(reader, blockOf);
}

/** What `read` makes of each token up to the end of the block around them, and that end. */
function readInner<Made>(reader: Reader, read: (token: Token, reader: Reader) => Made): Made[] {
  const made: Made[] = [];
  for (let token = nextOf(reader); token !== undefined && token.nesting >= 0; token = nextOf(reader))
    made.push(read(token, reader));
  return made;
}

function nextOf(reader: Reader): Token | undefined {
  const token = reader.tokens[reader.at];
  reader.at += 1;
  return token;
}

function blockOf(token: Token, reader: Reader): Block {
  switch (token.type) {
    case 'heading_open':
      return { type: 'heading', depth: Number(token.tag.slice(1)), children: contentOf(reader) };
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
      return { type: 'blockquote', children: blocksOf(reader) };
    case 'bullet_list_open':
      return { type: 'list', ordered: false, start: 1, children: readInner(reader, itemOf) };
    case 'ordered_list_open':
      return {
        type: 'list',
        ordered: true,
        start: Number(token.attrGet('start') ?? 1),
        children: readInner(reader, itemOf),
      };
    case 'table_open':
      return tableOf(reader);
    default:
      return { type: 'paragraph', children: contentOf(reader) };
  }
}

function itemOf(_open: Token, reader: Reader): ListItem {
  const children = blocksOf(reader);
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

function tableOf(reader: Reader): Table {
  const align: Align[] = [];
  const cellOf = (cell: Token, inner: Reader): TableCell => {
    if (cell.type === 'th_open') align.push(alignOf(String(cell.attrGet('style'))));
    return { type: 'tableCell', children: contentOf(inner) };
  };
  const rowOf = (_row: Token, inner: Reader): TableRow => ({
    type: 'tableRow',
    children: readInner(inner, cellOf),
  });
  // The head and the body.
  const rows = readInner(reader, (_part, inner) => readInner(inner, rowOf)).flat();
  return { type: 'table', align, children: rows };
}

function alignOf(style: string): Align {
  const align = /text-align:(left|right|center)/.exec(style)?.[1];
  return align === 'left' || align === 'right' || align === 'center' ? align : undefined;
}

/** The content of a block that holds text. */
function contentOf(reader: Reader): Phrasing[] {
  const [content = [], ...more] = readInner(reader, (token) =>
    token.type === 'inline'
      ? phrasingOf(token.children ?? [])
      : [{ type: 'text', value: token.content } as const],
  );
  return more.length === 0 ? content : content.concat(...more);
}

function phrasingOf(tokens: readonly Token[]): Phrasing[] {
  const root: Phrasing[] = [];
  const open = [root];
  let siblings = root;
  /** Text that has been read but not added yet: what markdown-it leaves in pieces is one text. */
  let text = '';
  for (const token of tokens) {
    const node = inlineOf(token);
    if (typeof node === 'string') {
      text += node;
      continue;
    }
    if (text !== '') {
      siblings.push({ type: 'text', value: text });
      text = '';
    }
    if (node === undefined) {
      open.pop();
      siblings = open.at(-1) ?? root;
      continue;
    }
    siblings.push(node);
    if (token.nesting > 0 && 'children' in node) {
      siblings = node.children;
      open.push(siblings);
    }
  }
  if (text !== '') siblings.push({ type: 'text', value: text });
  return root;
}

/** What a token begins or is; a text for text, nothing for an end. */
function inlineOf(token: Token): Phrasing | string | undefined {
  switch (token.type) {
    case 'strong_open':
      return { type: 'strong', children: [] };
    case 'em_open':
      return { type: 'emphasis', children: [] };
    case 's_open':
      return { type: 'delete', children: [] };
    case 'link_open':
      return { type: 'link', url: String(token.attrGet('href') ?? ''), children: [] };
    case 'image':
      return {
        type: 'image',
        url: String(token.attrGet('src') ?? ''),
        alt: textOf(phrasingOf(token.children ?? [])),
      };
    case 'code_inline':
      return { type: 'inlineCode', value: token.content };
    case 'html_inline':
      return { type: 'html', value: token.content };
    case 'hardbreak':
      return { type: 'break' };
    case 'softbreak':
      return '\n';
    default:
      return token.nesting < 0 ? undefined : token.content;
  }
}
