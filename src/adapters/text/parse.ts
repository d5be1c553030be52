/**
 * CommonMark with GitHub's tables, task lists, strikethrough and bare links, read by markdown-it. Chat text is not always
 * Markdown: names, globs and arithmetic keep their characters, and footnotes stay where they were written.
 */

import type { Token } from 'markdown-it';
import { parser } from './parser.ts';

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
  const made: Block[] = [];
  /** Where a definition ended that turned out to be text. */
  let line = -1;
  for (let token = nextOf(reader); token !== undefined && token.nesting >= 0; token = nextOf(reader)) {
    const last = made.at(-1);
    if (token.type !== 'reference_definition') made.push(blockOf(token, reader));
    else if (!token.hidden) {
      if (line === token.map?.[0] && last?.type === 'paragraph')
        last.children.push({ type: 'text', value: `\n${token.content}` });
      else made.push({ type: 'paragraph', children: [{ type: 'text', value: token.content }] });
      line = token.map?.[1] ?? -1;
    }
  }
  return made;
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
