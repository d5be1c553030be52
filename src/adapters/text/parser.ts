/** markdown-it with the rules of chat text, in which not everything that looks like Markdown is meant as such. */

import type { StateBlock, StateInline, Token } from 'markdown-it';
import MarkdownIt from 'markdown-it';

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

export const parser = new MarkdownIt({ html: true, linkify: true, maxNesting: Number.POSITIVE_INFINITY });
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
    const end = start + run.length;
    const may = mayEmphasize(this.src, start, end);
    if (!canSplitWord)
      return { ...run, can_open: run.can_open && may.open, can_close: run.can_close && may.close };
    const open = run.can_open || (isUnspaced(this.src, start - 2, -1) && /\S/.test(this.src.charAt(end)));
    const close = run.can_close || (isUnspaced(this.src, end, 0) && /\S/.test(this.src.charAt(start - 1)));
    return { ...run, can_open: open && may.open, can_close: close && may.close };
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
// A definition that no link uses is text, such as "[ERROR]: timeout"; "[//]: # (so)" is how a comment is written.
parser.core.ruler.at('strip_references', ({ src, env, tokens }) => {
  const definitions = tokens.filter(({ type }) => type === 'reference_definition');
  if (definitions.length === 0) return;
  const lines = src.split('\n');
  const references = env.references ?? {};
  const seen = new Set<unknown>();
  for (const token of definitions) {
    const text = lines.slice(...(token.map ?? [])).join('\n');
    token.content = text.slice(Math.max(0, text.indexOf('[')));
    token.hidden = false;
    const label = String(token.meta?.['label']);
    const definition = references[label];
    if (definition === undefined || seen.has(label)) continue;
    seen.add(label);
    token.hidden = definition.href === '' || definition.href === '#';
    Object.defineProperty(references, label, {
      get: () => {
        token.hidden = true;
        return definition;
      },
    });
  }
});
const [readTable] = parser.block.ruler.getRules('');
parser.block.ruler.at(
  'table',
  (state, start, end, silent) => {
    const first = state.tokens.length;
    if (readTable?.(state, start, end, silent) !== true) return false;
    if (!silent) completeRows(state, first);
    return true;
  },
  { alt: ['paragraph', 'reference'] },
);
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

/** Scripts that put no space between words, or none before a particle. */
const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Bopomofo}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;

/**
 * True when the first or last code point of the two units at `at` is a letter of such a script. CommonMark would let no
 * emphasis begin or end between it and a sign.
 */
function isUnspaced(text: string, at: number, which: 0 | -1): boolean {
  return UNSPACED.test([...text.slice(Math.max(0, at), at + 2)].at(which) ?? '');
}

/** Gives rows with more cells than the head what markdown-it dropped of them: `a|b` in code, or one cell too many. */
function completeRows(state: StateBlock, first: number): void {
  let columns = 0;
  let cells: readonly string[] | undefined;
  let column = 0;
  for (let at = first; at < state.tokens.length; at += 1) {
    const token = state.tokens[at];
    if (token?.type === 'th_open') columns += 1;
    else if (token?.type === 'tr_open') {
      const line = token.map?.[0] ?? 0;
      const row = state.src.slice((state.bMarks[line] ?? 0) + (state.tShift[line] ?? 0), state.eMarks[line]);
      cells = columns === 0 ? undefined : cellsOf(row.trim(), columns);
      column = 0;
    } else if (token?.type === 'inline' && cells !== undefined) {
      token.content = cells[column]?.trim() ?? '';
      column += 1;
    }
  }
}

/** The cells of a row that has too many; undefined for any other row. */
function cellsOf(row: string, columns: number): readonly string[] | undefined {
  const split = splitRow(row, false);
  if (split.length <= columns) return undefined;
  const whole = splitRow(row, true);
  const cells = whole.length < columns ? split : whole;
  return [...cells.slice(0, columns - 1), cells.slice(columns - 1).join(' | ')];
}

/** A row at its bars; with `code`, not at those between backticks. */
function splitRow(row: string, code: boolean): string[] {
  const cells: string[] = [];
  let cell = '';
  for (const [piece] of row.matchAll(code ? CODE_OR_BAR : BAR)) {
    if (piece === '|') {
      cells.push(cell);
      cell = '';
    } else cell += piece.replaceAll('\\|', '|');
  }
  cells.push(cell);
  if (cells[0] === '') cells.shift();
  if (cells.at(-1) === '') cells.pop();
  return cells;
}

const BAR = /\\\||\||[^|\\]+|[\s\S]/g;
/** Code of one or two backticks at either end. */
const CODE_OR_BAR = /`[^`]{1,500}`|``[^`]{1,500}``|\\\||\||[^|\\`]+|[\s\S]/g;

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
