import type { Mark } from '../styled.ts';
import type { StyledBuilder } from '../styled-builder.ts';
import { MAX_DEPTH, type Phrasing, textOf } from '../tree.ts';
import { isLineBreakTag, markOfTag, pairTags, tagName } from './html.ts';
import type { Context } from './rules.ts';

export function renderInline(nodes: readonly Phrasing[], context: Context): void {
  const pairs = nodes.some((node) => node.type === 'html') ? pairTags(nodes) : undefined;
  for (let at = 0; at < nodes.length; at += 1) {
    const node = nodes[at];
    if (node === undefined) continue;
    const close = pairs?.get(at);
    if (close !== undefined && node.type === 'html' && context.depth <= MAX_DEPTH) {
      const inner = nodes.slice(at + 1, close);
      const mark = markOfTag(tagName(node.value));
      const body = () => renderInline(inner, { ...context, depth: context.depth + 1 });
      if (mark === undefined) body();
      else marked(mark, context, body);
      at = close;
    } else renderPhrasing(node, context);
  }
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

function renderLink(url: string, label: readonly Phrasing[], context: Context): void {
  const { out, rules } = context;
  const shown = textOf(label).trim();
  const target = url.replace(/^mailto:/i, '');
  const bare = shown === url || shown === target || url === `http://${shown}`;
  const body = () => renderInline(label, { ...deeper(context), oneLine: true });
  if (out.has('link')) body();
  else if (url !== '' && shown !== '' && url.length <= rules.maxUrl && rules.linkable(url, shown))
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
