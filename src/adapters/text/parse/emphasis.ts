import type { Phrasing } from '../tree.ts';

/** A run of `*`, `_` or `~` that may open or close emphasis. `size` shrinks as markers are used up. */
export interface Delimiter {
  readonly type: 'delimiter';
  readonly marker: '*' | '_' | '~';
  size: number;
  readonly canOpen: boolean;
  readonly canClose: boolean;
}

export type Item = Phrasing | Delimiter;

/** More open runs than this are an attack on the parser, not emphasis. */
const MAX_OPEN = 256;

const PUNCTUATION = /[\p{P}\p{S}]/u;
const SPACE = /\s/;

type CharacterClass = 'space' | 'punctuation' | 'other';

/** By UTF-16 unit, like the reference parser: half an emoji is "other". */
function classAt(text: string, index: number): CharacterClass {
  if (index < 0 || index >= text.length) return 'space';
  const code = text.charCodeAt(index);
  if ((code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a) || (code >= 0x30 && code <= 0x39))
    return 'other';
  if (code === 0x20 || code === 0x0a) return 'space';
  const char = text.charAt(index);
  if (SPACE.test(char)) return 'space';
  return PUNCTUATION.test(char) ? 'punctuation' : 'other';
}

/** The run of `marker` at `text[start, end)` with the flanking rules of CommonMark applied. */
export function delimiterAt(text: string, start: number, end: number, marker: '*' | '_' | '~'): Delimiter {
  const before = classAt(text, start - 1);
  const after = classAt(text, end);
  const loosened = marker !== '~';
  const opens =
    after === 'other' ||
    (after === 'punctuation' && before !== 'other') ||
    (loosened && text.charAt(end) === '~');
  const closes =
    before === 'other' ||
    (before === 'punctuation' && after !== 'other') ||
    (loosened && text.charAt(start - 1) === '~');
  const strict = marker === '_';
  return {
    type: 'delimiter',
    marker,
    size: end - start,
    canOpen: opens && (!strict || before !== 'other' || !closes),
    canClose: closes && (!strict || after !== 'other' || !opens),
  };
}

/** Pairs the delimiters of one level; undefined where strikethrough and emphasis overlap, or nothing can be decided. */
export function resolveEmphasis(items: readonly Item[]): Phrasing[] | undefined {
  const stack: Item[] = [];
  /** Positions in the stack of delimiters that can open. */
  const openers: number[] = [];
  for (const item of items) {
    if (item.type !== 'delimiter') {
      stack.push(item);
      continue;
    }
    if (item.canClose && !closeWith(item, stack, openers)) return undefined;
    if (item.size === 0) continue;
    if (item.canOpen) {
      if (openers.length >= MAX_OPEN) return undefined;
      openers.push(stack.length);
    }
    stack.push(item);
  }
  return flatten(stack);
}

/** Closes as many openers as `closer` can; false when kinds overlap. */
function closeWith(closer: Delimiter, stack: Item[], openers: number[]): boolean {
  let at = openers.length - 1;
  while (closer.size > 0 && at >= 0) {
    const position = openers[at] ?? 0;
    const opener = stack[position];
    if (opener?.type !== 'delimiter' || !matches(opener, closer)) {
      at -= 1;
      continue;
    }
    const crossed = openers.slice(at + 1).some((index) => isOtherKind(stack[index], closer));
    if (crossed) return false;
    const used = closer.marker === '~' ? closer.size : opener.size > 1 && closer.size > 1 ? 2 : 1;
    const children = flatten(stack.splice(position + 1));
    openers.length = at + 1;
    opener.size -= used;
    closer.size -= used;
    if (opener.size === 0) {
      stack.pop();
      openers.pop();
      at -= 1;
    }
    const type = closer.marker === '~' ? 'delete' : used === 2 ? 'strong' : 'emphasis';
    stack.push({ type, children });
  }
  return true;
}

function matches(opener: Delimiter, closer: Delimiter): boolean {
  if (opener.marker !== closer.marker) return false;
  if (closer.marker === '~') return opener.size === closer.size;
  const either = opener.canClose || closer.canOpen;
  return !(either && closer.size % 3 !== 0 && (opener.size + closer.size) % 3 === 0);
}

function isOtherKind(item: Item | undefined, closer: Delimiter): boolean {
  return item?.type === 'delimiter' && (item.marker === '~') !== (closer.marker === '~');
}

/** Delimiters that found no partner are text; neighbouring texts become one. */
function flatten(items: readonly Item[]): Phrasing[] {
  const nodes: Phrasing[] = [];
  for (const item of items) {
    const node: Phrasing =
      item.type === 'delimiter' ? { type: 'text', value: item.marker.repeat(item.size) } : item;
    const last = nodes.at(-1);
    if (node.type === 'text' && last?.type === 'text')
      nodes[nodes.length - 1] = { type: 'text', value: last.value + node.value };
    else nodes.push(node);
  }
  return nodes;
}
