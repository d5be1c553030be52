import { MAX_DEPTH, type Phrasing, textOf } from './parse.ts';
import type { Mark, StyledBuilder } from './styled.ts';

/** How a platform wants Markdown shown: the table that, with its dialect and counters, makes a platform. */
export interface RenderRules {
  /** Marker of a bullet item; written unescaped. */
  readonly bullet: string;
  readonly done: string;
  readonly open: string;
  /** Stands for a thematic break. */
  readonly rule: string;
  /** Headings up to this depth have markup of their own; deeper ones are bold. 0 where there are none. */
  readonly headingDepth: number;
  /** Quotes inside quotes nest up to this depth; beyond they are indented. */
  readonly quoteDepth: number;
  /** Widest table, in columns, that is drawn as aligned text; a wider one becomes "key: value" lines. */
  readonly tableWidth: number;
  /** Bold and the like may stand inside a link's label. */
  readonly marksInLink: boolean;
  /** Inline code may stand inside bold and the like. */
  readonly codeInMarks: boolean;
  /** An address that is its own label stands outside of bold and the like: the platform would link their tokens too. */
  readonly bareLinksAlone: boolean;
  /** What encloses code that has backticks itself: a longer run of them, anything (tags), or nothing does. */
  readonly backticks: 'longer' | 'any' | 'never';
  /** Longest address that stays in markup, in UTF-16 units; a longer one is shown as text that can be cut. */
  readonly maxUrl: number;
  /** True where `url` works as markup behind `label`; otherwise both are shown. */
  linkable(url: string, label: string): boolean;
}

/** What is being written, and where. */
/** What every renderer gets: where to write, by which rules, how deep. */
export interface Context {
  readonly out: StyledBuilder;
  readonly rules: RenderRules;
  readonly depth: number;
  /** Line breaks become spaces (headings, link labels). */
  readonly oneLine?: boolean;
}

/** Tags that a pair of which is understood; the mark they stand for, or nothing visible. */
const TAGS: ReadonlyMap<string, 'bold' | 'italic' | 'strike' | 'code' | 'link' | 'none'> = new Map([
  ['b', 'bold'],
  ['strong', 'bold'],
  ['i', 'italic'],
  ['em', 'italic'],
  ['s', 'strike'],
  ['del', 'strike'],
  ['strike', 'strike'],
  ['code', 'code'],
  ['samp', 'code'],
  ['tt', 'code'],
  ['a', 'link'],
  ['u', 'none'],
  ['ins', 'none'],
  ['kbd', 'none'],
  ['sub', 'none'],
  ['sup', 'none'],
  ['small', 'none'],
  ['mark', 'none'],
]);

/** Tags that only lay out a block; everything else in an HTML block is shown as it was written. */
const LAYOUT =
  /<\/?(?:details|summary|p|center|b|strong|i|em|u|s|del|ins|kbd|sub|sup|small|mark)(?:\s[^<>]*)?>/gi;

function tagName(html: string): string {
  return /^<\/?([A-Za-z][A-Za-z0-9-]*)/.exec(html)?.[1]?.toLowerCase() ?? '';
}

function isLineBreakTag(html: string): boolean {
  return /^<br\s*\/?>$/i.test(html);
}

/** For each understood opening tag among siblings, the index of its closing tag. */
function pairTags(nodes: readonly Phrasing[]): ReadonlyMap<number, number> {
  const pairs = new Map<number, number>();
  const open: { readonly name: string; readonly at: number }[] = [];
  for (const [at, node] of nodes.entries()) {
    if (node.type !== 'html') continue;
    const name = tagName(node.value);
    if (!TAGS.has(name) || node.value.endsWith('/>')) continue;
    if (!node.value.startsWith('</')) open.push({ name, at });
    else if (open.at(-1)?.name === name) pairs.set(open.pop()?.at ?? at, at);
  }
  return pairs;
}

/** An HTML block: comments vanish, layout tags vanish, line breaks break, the rest is shown as written. */
export function renderHtmlBlock(value: string, { out }: Context): void {
  const visible = value
    .replace(/<!--[\s\S]*?(?:-->|$)/g, '')
    .replace(/<br\s*\/?>/gi, '\n')
    .replace(LAYOUT, '')
    .replace(/\n{3,}/g, '\n\n')
    .trim();
  out.text(visible);
  out.breakHere();
}

export function renderInline(nodes: readonly Phrasing[], context: Context): void {
  const pairs = nodes.some((node) => node.type === 'html') ? pairTags(nodes) : undefined;
  for (let at = 0; at < nodes.length; at += 1) {
    const node = nodes[at];
    if (node === undefined) continue;
    const close = pairs?.get(at);
    if (close !== undefined && node.type === 'html' && context.depth <= MAX_DEPTH) {
      renderPair(node.value, nodes.slice(at + 1, close), context);
      at = close;
    } else renderPhrasing(node, context);
  }
}

/** What stands between an opening tag and its end. */
function renderPair(tag: string, inner: readonly Phrasing[], context: Context): void {
  const type = TAGS.get(tagName(tag));
  const body = () => renderInline(inner, deeper(context));
  if (type === 'code') renderCode(textOf(inner).replaceAll('\n', ' '), context);
  else if (type === 'link') renderLink(attributeOf(tag, 'href'), inner, context);
  else if (type === undefined || type === 'none') body();
  else marked({ type }, context, body);
}

/** The value of an attribute of a tag; empty without one. */
function attributeOf(tag: string, name: string): string {
  const value = new RegExp(`\\s${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)'|([^\\s"'>]+))`, 'i').exec(tag);
  return (value?.[1] ?? value?.[2] ?? value?.[3] ?? '').replaceAll('&amp;', '&').trim();
}

function renderPhrasing(node: Phrasing, context: Context): void {
  if (context.depth > MAX_DEPTH) {
    text(textOf([node]), context);
    return;
  }
  switch (node.type) {
    case 'text':
      text(node.value, context);
      return;
    case 'strong':
      marked({ type: 'bold' }, context, () => renderInline(node.children, deeper(context)));
      return;
    case 'emphasis':
      marked({ type: 'italic' }, context, () => renderInline(node.children, deeper(context)));
      return;
    case 'delete':
      marked({ type: 'strike' }, context, () => renderInline(node.children, deeper(context)));
      return;
    case 'inlineCode':
      renderCode(node.value.replaceAll('\n', ' '), context);
      return;
    case 'break':
      text('\n', context);
      return;
    case 'link':
      renderLink(node.url, node.children, context);
      return;
    case 'image':
      renderImage(node.url, node.alt, context);
      return;
    case 'html':
      if (isLineBreakTag(node.value)) text('\n', context);
      else if (tagName(node.value) === 'img' && attributeOf(node.value, 'src') !== '')
        renderImage(attributeOf(node.value, 'src'), attributeOf(node.value, 'alt'), context);
      else if (!node.value.startsWith('<!--')) text(node.value, context);
      return;
  }
}

function deeper(context: Context): Context {
  return { ...context, depth: context.depth + 1 };
}

function text(value: string, context: Context): void {
  context.out.text(context.oneLine === true ? value.replaceAll('\n', ' ') : value);
}

/** `body` under `mark`, or without it where it is open already or not allowed. */
function marked(mark: Mark, { out, rules }: Context, body: () => void): void {
  const refused = out.has(mark.type) || (out.has('link') && !rules.marksInLink);
  if (refused || (mark.type === 'bold' && out.has('heading'))) body();
  else out.within(mark, body);
}

function renderCode(value: string, context: Context): void {
  const { out, rules } = context;
  const longest = (value.match(/`+/g) ?? []).reduce((most, run) => Math.max(most, run.length), 0);
  const enclosable =
    longest === 0 || rules.backticks === 'any' || (rules.backticks === 'longer' && longest < 5);
  // In a label the link counts for more than the code, and brackets in code would end the label.
  const linked = out.has('link') && (!rules.marksInLink || !rules.codeInMarks || /[[\]]/.test(value));
  if (!enclosable || linked || out.has('code')) {
    text(value, context);
    return;
  }
  const mark: Mark = { type: 'code', ticks: longest + 1 };
  place(!rules.codeInMarks, mark, out, () => text(value, context));
}

/** An address in a label, and a label that is nothing but the name of a site. */
const ADDRESS = /(?:https?:\/\/|www\.)[^\s/?#]*\.[^\s/?#]+/gi;
const SITE =
  /^(?:[a-z0-9-]+\.)+(?:com|org|net|edu|gov|io|dev|app|ai|co|me|info|biz|xyz|bank|de|uk|fr|nl|eu|us|ca|ch|at|it|es|jp|cn|ru|br|in|au)(?=[/?#]|$)/i;

/** True when a label names another site than the one the link leads to. */
function misleads(url: string, label: string): boolean {
  const named = [...label.matchAll(ADDRESS), SITE.exec(label) ?? []].flatMap(([site]) => site ?? []);
  if (named.length === 0) return false;
  const host = hostOf(url);
  return named.some((site) => {
    const shown = hostOf(/^https?:/i.test(site) ? site : `http://${site}`);
    return host !== shown && !host.endsWith(`.${shown}`);
  });
}

function hostOf(url: string): string {
  return (URL.parse(url)?.hostname ?? '').replace(/^www\./, '');
}

function renderLink(url: string, label: readonly Phrasing[], context: Context): void {
  const { out, rules } = context;
  const shown = textOf(label).trim();
  const target = url.replace(/^mailto:/i, '');
  const bare = shown === url || shown === target || url === `http://${shown}`;
  const body = () => renderInline(label, { ...deeper(context), oneLine: true });
  if (out.has('link')) body();
  else if (
    url !== '' &&
    shown !== '' &&
    url.length <= rules.maxUrl &&
    rules.linkable(url, shown) &&
    !misleads(url, shown)
  )
    place(bare && rules.bareLinksAlone, { type: 'link', url, bare }, out, body);
  else {
    body();
    if (url !== '' && !bare) out.text(shown === '' ? url : ` (${url})`);
  }
}

/** `body` under `mark`; `alone` closes the inline marks around it first. */
function place(alone: boolean, mark: Mark, out: StyledBuilder, body: () => void): void {
  if (alone) out.alone(mark, body);
  else out.within(mark, body);
}

function renderImage(url: string, alt: string, context: Context): void {
  const label: Phrasing = { type: 'text', value: alt.trim() === '' ? 'image' : alt };
  renderLink(url, [label], context);
}
