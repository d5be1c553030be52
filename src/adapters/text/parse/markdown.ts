import { fromMarkdown } from 'mdast-util-from-markdown';
import { gfmFromMarkdown } from 'mdast-util-gfm';
import { gfm } from 'micromark-extension-gfm';
import type { MarkdownTree, Node, NodeOf, Phrasing } from '../tree.ts';
import { parseBlocksQuickly } from './blocks.ts';
import { parseInlineQuickly } from './inline.ts';
import { DEFINITION, isBlankLine, isFence } from './lines.ts';
import { splitBlocks } from './split.ts';

/** What `[label]` and `[^label]` refer to in a whole document. */
class Definitions {
  readonly links: Map<string, NodeOf<'definition'>> = new Map();
  readonly #labels = new Set<string>();

  /** Takes over every definition among `nodes` and inside them; the first of a label wins. */
  collect(nodes: readonly Node[]): void {
    const waiting: Node[] = [...nodes].reverse();
    for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
      if (node.type === 'definition') {
        if (!this.links.has(node.identifier)) this.links.set(node.identifier, node);
        this.#labels.add(normalise(node.label ?? node.identifier));
      } else if (node.type === 'footnoteDefinition') {
        this.#labels.add(normalise(`^${node.label ?? node.identifier}`));
      }
      if ('children' in node) waiting.push(...[...node.children].reverse());
    }
  }

  /** Labels in `text` that are defined somewhere, as they are written there. */
  usedIn(text: string): readonly string[] {
    if (this.#labels.size === 0) return [];
    const found = new Map<string, string>();
    for (const [, label = ''] of text.matchAll(/\[([^[\]]{1,999})\](?!:)/g)) {
      const name = normalise(label);
      if (this.#labels.has(name)) found.set(name, label);
    }
    return [...found.values()];
  }
}

/** True when a piece of a document may hold definitions. */
function mayDefine(lines: readonly string[]): boolean {
  return !isFence(lines[0] ?? '') && lines.some((line) => line.includes(']:') && DEFINITION.test(line));
}

/** Labels are compared without case, with white space collapsed (CommonMark, link reference definitions). */
function normalise(label: string): string {
  return label.trim().replace(/\s+/g, ' ').toLowerCase().toUpperCase();
}

/** Everything that makes a block; without it a text is one paragraph. */
const BLOCK_CONSTRUCTS = [
  'blockQuote',
  'codeFenced',
  'codeIndented',
  'definition',
  'gfmFootnoteDefinition',
  'headingAtx',
  'htmlFlow',
  'list',
  'setextUnderline',
  'table',
  'thematicBreak',
];

const extensions = [gfm()];
const inlineExtensions = [gfm(), { disable: { null: BLOCK_CONSTRUCTS } }];
const mdastExtensions = [gfmFromMarkdown()];

/** CommonMark with GitHub's extensions, by the reference parser: exact, and slow on long texts. */
function parseBlocksExactly(markdown: string): readonly Node[] {
  return fromMarkdown(markdown, { extensions, mdastExtensions }).children;
}

/** The content of one paragraph, heading or cell, without white space at either end. */
function parseInlineExactly(text: string): readonly Phrasing[] {
  const [block] = fromMarkdown(text, { extensions: inlineExtensions, mdastExtensions }).children;
  return block?.type === 'paragraph' ? block.children : [];
}

/**
 * The reference parser is exact but its time grows with the square of a piece, and 1 MB of ordinary text takes it
 * seconds. So a document is split where no block reaches across; a quick parser takes every piece it is certain of;
 * the rest goes to the reference parser as long as a piece is small and the sum is bounded. Beyond, text is shown as
 * it was written: nothing is lost, and no text can block the process.
 */
const LARGEST_EXACT_PIECE = 8 * 1024;
const EXACT_BUDGET = 64 * 1024;

/** Containers nested this deep in one line cost the reference parser more than they are worth. */
const DEEP_NESTING = /^(?:[ \t]{0,3}(?:>|[-+*][ \t]|\d{1,9}[.)][ \t])){24}/m;

/** CommonMark with GitHub's tables, task lists, strikethrough, footnotes and bare links, to a tree. */
export function parseMarkdown(markdown: string): MarkdownTree {
  return new DocumentParser(markdown).parse();
}

class DocumentParser {
  readonly #pieces: readonly (readonly string[])[];
  readonly #definitions = new Definitions();
  /** Pieces that were parsed for their definitions already. */
  readonly #parsed = new Map<readonly string[], readonly Node[]>();
  #budget = EXACT_BUDGET;

  constructor(markdown: string) {
    const text = markdown
      .replace(/^\ufeff/, '')
      .replace(/\r\n?/g, '\n')
      .replaceAll('\u0000', '\ufffd');
    this.#pieces = splitBlocks(text.replace(/\n$/, '').split('\n'));
  }

  parse(): MarkdownTree {
    for (const piece of this.#pieces) if (mayDefine(piece)) this.#define(piece);
    const blocks: Node[] = [];
    for (const piece of this.#pieces) for (const block of this.#parsePiece(piece)) blocks.push(block);
    return { blocks, definitions: this.#definitions.links };
  }

  #define(piece: readonly string[]): void {
    const blocks = this.#exactly(piece.join('\n'), parseBlocksExactly);
    if (blocks === undefined) return;
    this.#parsed.set(piece, blocks);
    this.#definitions.collect(blocks);
  }

  #parsePiece(piece: readonly string[]): readonly Node[] {
    return (
      this.#withReferences(piece) ??
      this.#parsed.get(piece) ??
      parseBlocksQuickly(piece, this.#parseInline) ??
      this.#exactly(piece.join('\n'), parseBlocksExactly) ??
      literal(piece)
    );
  }

  /** A piece that refers to definitions elsewhere is parsed together with stand-ins for them. */
  #withReferences(piece: readonly string[]): readonly Node[] | undefined {
    const text = piece.join('\n');
    const labels = this.#definitions.usedIn(text);
    if (labels.length === 0) return undefined;
    const standIns = labels.map((label) => `[${label}]: <x>\n\n`).join('');
    // The rule keeps what follows from becoming part of a footnote.
    const blocks = this.#exactly(`${standIns}***\n\n${text}`, parseBlocksExactly);
    return blocks?.slice(labels.length + 1);
  }

  readonly #parseInline = (text: string): readonly Phrasing[] =>
    parseInlineQuickly(text) ?? this.#exactly(text, parseInlineExactly) ?? [{ type: 'text', value: text }];

  #exactly<Result>(text: string, parse: (text: string) => Result): Result | undefined {
    if (text.length > LARGEST_EXACT_PIECE || text.length > this.#budget || DEEP_NESTING.test(text))
      return undefined;
    this.#budget -= text.length;
    try {
      return parse(text);
    } catch {
      // The reference parser has run out of stack on hostile nesting before; the text is shown as written.
      return undefined;
    }
  }
}

/** A piece nobody could parse: its paragraphs as they were written. */
function literal(piece: readonly string[]): readonly Node[] {
  const paragraphs: string[][] = [[]];
  for (const line of piece)
    if (isBlankLine(line)) paragraphs.push([]);
    else paragraphs.at(-1)?.push(line);
  return paragraphs
    .filter((lines) => lines.length > 0)
    .map((lines) => ({ type: 'paragraph', children: [{ type: 'text', value: lines.join('\n') }] }));
}
