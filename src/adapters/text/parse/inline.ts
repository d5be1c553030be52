import { type Phrasing, textOf } from '../tree.ts';
import { type Delimiter, delimiterAt, type Item, resolveEmphasis } from './emphasis.ts';
import { trimBlanksEnd } from './lines.ts';

/** The part of an inline link behind its label. */
interface Resource {
  readonly url: string;
  readonly title: string | null;
  /** Index behind the closing parenthesis. */
  readonly end: number;
}

const MAX_LENGTH = 4096;

/** `(address "title")` in its plain forms at `start`; undefined for anything that needs a closer look. */
function resourceAt(text: string, start: number): Resource | undefined {
  const window = text.slice(start, start + MAX_LENGTH);
  let depth = 0;
  let at = 1;
  for (; at < window.length; at += 1) {
    const char = window.charAt(at);
    if (char === '\\' || char === '<' || char === '\n' || char === '\t') return undefined;
    if (char === '(') depth += 1;
    else if (char === ')') {
      if (depth === 0) break;
      depth -= 1;
    } else if (char === ' ') break;
    else if (/[\u0000-\u001f\u007f]/.test(char)) return undefined;
  }
  if (at >= window.length || depth !== 0) return undefined;
  const url = window.slice(1, at);
  if (/&[#\w]+;/.test(url)) return undefined;
  if (window.charAt(at) === ')') return { url, title: null, end: start + at + 1 };
  const title = /^ +"([^"\\&\n]*)"\)/.exec(window.slice(at));
  if (title === null || url === '') return undefined;
  return { url, title: title[1] ?? '', end: start + at + title[0].length };
}

/** A plain http(s) address: host of letters and digits, optional port, path of harmless characters. */
const ADDRESS =
  /https?:\/\/[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*(?::\d+)?(?:[/?#][A-Za-z0-9\-._~:/?#@!$&'()+,;=%]*)?/iy;
const LONGEST = 2048;
const TRAILING = /[!"'),.:;?_~]$/;

/**
 * The address that GitHub's extension links at `start`, without the punctuation that ends a sentence; undefined
 * where the extension's finer rules would have to decide.
 */
function autolinkAt(text: string, start: number): string | undefined {
  if (/[A-Za-z0-9_]/.test(text.charAt(start - 1))) return undefined;
  ADDRESS.lastIndex = start;
  const found = ADDRESS.exec(text)?.[0];
  if (found === undefined || found.length > LONGEST) return undefined;
  const next = text.charAt(start + found.length);
  if (next !== '' && next !== ' ' && next !== '\n') return undefined;
  if (/&[A-Za-z]+;/.test(found)) return undefined;
  let url = found;
  while (TRAILING.test(url)) {
    if (url.endsWith(')') && count(url, '(') >= count(url, ')')) {
      // A balanced parenthesis belongs to the address, unless punctuation before it would end it first.
      return TRAILING.test(url.slice(0, -1)) ? undefined : url;
    }
    url = url.slice(0, -1);
  }
  return /^https?:\/\/./i.test(url) && !url.endsWith('&') ? url : undefined;
}

function count(text: string, char: string): number {
  return text.split(char).length - 1;
}

/** Where something other than text may begin. */
const SPECIAL = /[\\`*_~[\]!<&\n]|https?:\/\//gi;
/** Things that become links behind the parser's back: left to the reference parser. */
const LOOSE_LINK = /www\.|[\w.+-]@[\w-]+\./i;
const ESCAPABLE = /[!-/:-@[-`{-~]/;
const ENTITY = /&(?:#\d{1,7}|#[xX][\da-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});/y;
/** A tag without attributes, or a declaration (which is what `<!channel>` looks like). */
const BARE_TAG =
  /<(?:[A-Za-z][A-Za-z0-9-]{0,30} ?\/?|\/[A-Za-z][A-Za-z0-9-]{0,30} ?)>|<![A-Za-z][^<>\n]{0,200}>/y;
const COMMON_ENTITIES: Readonly<Record<string, string>> = {
  '&amp;': '&',
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&nbsp;': '\u00a0',
};

/** More open brackets than this are an attack on the parser, not links. */
const MAX_BRACKETS = 256;

interface Bracket {
  /** Index of its placeholder among the items. */
  readonly at: number;
  readonly image: boolean;
  /** A link inside a link is none. */
  active: boolean;
  /** An address stands inside: what it becomes depends on whether this becomes a link. */
  hasAddress: boolean;
}

/**
 * Parses the content of a paragraph the quick way: exactly what the reference parser says, or undefined where that
 * is not certain. There is no white space at either end, and there are no link definitions for this text.
 */
export function parseInlineQuickly(text: string): readonly Phrasing[] | undefined {
  if (LOOSE_LINK.test(text)) return undefined;
  SPECIAL.lastIndex = 0;
  if (!SPECIAL.test(text)) return [{ type: 'text', value: text }];
  return new InlineParser(text).parse();
}

class InlineParser {
  readonly #text: string;
  readonly #items: Item[] = [];
  readonly #brackets: Bracket[] = [];
  /** Where the last run of backticks of each length begins. */
  #lastTicks: ReadonlyMap<number, number> | undefined;
  #buffer = '';
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): readonly Phrasing[] | undefined {
    while (this.#at < this.#text.length) {
      SPECIAL.lastIndex = this.#at;
      const next = SPECIAL.exec(this.#text)?.index ?? this.#text.length;
      this.#buffer += this.#text.slice(this.#at, next);
      this.#at = next;
      if (next < this.#text.length && !this.#step()) return undefined;
    }
    this.#flush();
    if (this.#brackets.some((bracket) => bracket.hasAddress)) return undefined;
    return resolveEmphasis(this.#items);
  }

  /** Takes one special thing; false where the reference parser has to decide. */
  #step(): boolean {
    const char = this.#text.charAt(this.#at);
    switch (char) {
      case '\\':
        return this.#escape();
      case '\n':
        return this.#lineEnd();
      case '`':
        return this.#code();
      case '*':
      case '_':
      case '~':
        return this.#delimiter(char);
      case '!':
        return this.#open(this.#text.charAt(this.#at + 1) === '[' ? '![' : '!');
      case '[':
        return this.#open('[');
      case ']':
        return this.#close();
      case '<':
        return this.#angle();
      case '&':
        return this.#entity();
      default:
        return this.#address();
    }
  }

  #take(text: string): true {
    this.#buffer += text;
    this.#at += text.length;
    return true;
  }

  #flush(): void {
    if (this.#buffer !== '') this.#items.push({ type: 'text', value: this.#buffer });
    this.#buffer = '';
  }

  #push(item: Item, length: number): true {
    this.#flush();
    this.#items.push(item);
    this.#at += length;
    return true;
  }

  #escape(): boolean {
    const next = this.#text.charAt(this.#at + 1);
    if (next === '\n') return this.#push({ type: 'break' }, 2 + this.#indentAfter(this.#at + 1));
    if (!ESCAPABLE.test(next)) return this.#take('\\');
    this.#buffer += next;
    this.#at += 2;
    return true;
  }

  #lineEnd(): boolean {
    const kept = trimBlanksEnd(this.#buffer);
    const spaces = this.#buffer.length - kept.length;
    if (this.#buffer.includes('\t', kept.length)) return false;
    this.#buffer = kept;
    const indent = this.#indentAfter(this.#at);
    if (spaces >= 2) return this.#push({ type: 'break' }, 1 + indent);
    this.#buffer += '\n';
    this.#at += 1 + indent;
    return true;
  }

  /** How many blanks begin the line behind the line feed at `index`. */
  #indentAfter(index: number): number {
    let end = index + 1;
    while (this.#text.charAt(end) === ' ' || this.#text.charAt(end) === '\t') end += 1;
    return end - index - 1;
  }

  #code(): boolean {
    const text = this.#text;
    const end = endOfRun(text, this.#at, '`');
    const ticks = text.slice(this.#at, end);
    this.#lastTicks ??= lastRuns(text, '`');
    if ((this.#lastTicks.get(ticks.length) ?? 0) < end) return this.#take(ticks);
    for (let at = text.indexOf(ticks, end); at >= 0; at = text.indexOf(ticks, endOfRun(text, at, '`'))) {
      if (endOfRun(text, at, '`') - at !== ticks.length) continue;
      const raw = text.slice(end, at);
      const padded = /^[ \n]/.test(raw) && /[ \n]$/.test(raw) && /[^ \n]/.test(raw);
      const value = padded ? raw.slice(1, -1) : raw;
      return this.#push({ type: 'inlineCode', value }, at + ticks.length - this.#at);
    }
    return this.#take(ticks);
  }

  #delimiter(marker: Delimiter['marker']): boolean {
    const end = endOfRun(this.#text, this.#at, marker);
    const size = end - this.#at;
    if (marker === '~' && size > 2) return false;
    return this.#push(delimiterAt(this.#text, this.#at, end, marker), size);
  }

  #open(token: '[' | '![' | '!'): boolean {
    if (token === '!') return this.#take(token);
    if (this.#brackets.length >= MAX_BRACKETS) return false;
    this.#flush();
    this.#brackets.push({
      at: this.#items.length,
      image: token === '![',
      active: true,
      hasAddress: false,
    });
    return this.#push({ type: 'text', value: token }, token.length);
  }

  #close(): boolean {
    const bracket = this.#brackets.pop();
    if (bracket === undefined) return this.#take(']');
    if (this.#text.charAt(this.#at + 1) !== '(' || !bracket.active) {
      if (bracket.hasAddress) return false;
      return this.#take(']');
    }
    const resource = resourceAt(this.#text, this.#at + 1);
    if (resource === undefined) return false;
    this.#flush();
    const inner = resolveEmphasis(this.#items.splice(bracket.at).slice(1));
    if (inner === undefined) return false;
    if (bracket.image) {
      if (bracket.hasAddress || inner.some(({ type }) => type === 'break')) return false;
      const { url, title } = resource;
      return this.#push({ type: 'image', url, title, alt: textOf(inner) }, resource.end - this.#at);
    }
    for (const outer of this.#brackets) if (!outer.image) outer.active = false;
    return this.#push(
      { type: 'link', url: resource.url, title: resource.title, children: inner },
      resource.end - this.#at,
    );
  }

  #angle(): boolean {
    const match = /^<(https?:\/\/[^\s<>\u0000-\u001f\u007f]*)>/i.exec(
      this.#text.slice(this.#at, this.#at + 2048),
    );
    const url = match?.[1];
    if (url !== undefined) {
      if (this.#brackets.length > 0) return false;
      return this.#push(
        { type: 'link', url, title: null, children: [{ type: 'text', value: url }] },
        url.length + 2,
      );
    }
    BARE_TAG.lastIndex = this.#at;
    const tag = BARE_TAG.exec(this.#text)?.[0];
    if (tag !== undefined) return this.#push({ type: 'html', value: tag }, tag.length);
    return /[A-Za-z/!?]/.test(this.#text.charAt(this.#at + 1)) ? false : this.#take('<');
  }

  #entity(): boolean {
    ENTITY.lastIndex = this.#at;
    const entity = ENTITY.exec(this.#text)?.[0];
    if (entity === undefined) return this.#take('&');
    const value = COMMON_ENTITIES[entity];
    if (value === undefined) return false;
    this.#buffer += value;
    this.#at += entity.length;
    return true;
  }

  #address(): boolean {
    const innermost = this.#brackets.at(-1);
    if (innermost !== undefined) {
      for (const bracket of this.#brackets) bracket.hasAddress = true;
      return this.#take(this.#text.charAt(this.#at));
    }
    const url = autolinkAt(this.#text, this.#at);
    if (url === undefined) return false;
    return this.#push(
      { type: 'link', url, title: null, children: [{ type: 'text', value: url }] },
      url.length,
    );
  }
}

function lastRuns(text: string, char: string): ReadonlyMap<number, number> {
  const last = new Map<number, number>();
  for (let at = text.indexOf(char); at >= 0; ) {
    const end = endOfRun(text, at, char);
    last.set(end - at, at);
    at = text.indexOf(char, end);
  }
  return last;
}

function endOfRun(text: string, start: number, char: string): number {
  let end = start;
  while (text.charAt(end) === char) end += 1;
  return end;
}
