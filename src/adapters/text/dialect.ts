import type { Capabilities } from '../../gateway/adapter.ts';
import { type Mark, quoteDepth, type Run, runAt, type StyledText, sharedMarks } from './styled.ts';

/** Where escaping is needed and what to write instead. */
interface Escape {
  readonly pattern: RegExp;
  /** The same, and line breaks. */
  readonly linePattern: RegExp;
  replace(match: string): string;
  /** Where every escape is of one ASCII character: how many more units each of these takes. */
  readonly growth?: Uint8Array;
}

/**
 * An escape rule. `source` is a pattern without look-behind, so that a prefix of a text escapes to (nearly) a prefix
 * of its escape; `replace` must not shorten.
 */
export function escapeRule(source: string, replace: (match: string) => string): Escape {
  return { pattern: new RegExp(source, 'gm'), linePattern: new RegExp(`\\n|${source}`, 'gm'), replace };
}

/** An escape rule for single ASCII characters. */
export function escapeCharacters(escapes: Readonly<Record<string, string>>): Escape {
  const growth = new Uint8Array(128);
  for (const [character, escaped] of Object.entries(escapes))
    growth[character.charCodeAt(0)] = escaped.length - 1;
  const rule = escapeRule(`[${Object.keys(escapes).join('')}]`, (match) => escapes[match] ?? match);
  return { ...rule, growth };
}

/**
 * What a mark asks of its surroundings: nothing; no blanks right inside it; or that and no letters right outside it.
 * Blanks are moved out, letters are kept off by a zero-width space.
 */
type Hug = 'none' | 'blanks' | 'letters';

/** How a platform writes marks: the table of tokens that, with the render rules and a counter, is a platform. */
export interface Dialect {
  /** What to escape in text, in inline code, in code blocks, and in a link that is its own label. */
  readonly escapes: {
    readonly text: Escape | undefined;
    readonly code: Escape | undefined;
    readonly pre: Escape | undefined;
    readonly bare: Escape | undefined;
  };
  /** Starts every line inside a quote; empty where quotes are tags. */
  readonly quotePrefix: string;
  open(mark: Mark): string;
  /** `ended` is false when the mark goes on in the next part; the token is longest when it is true. */
  close(mark: Mark, ended: boolean): string;
  hug(mark: Mark): Hug;
}

/** U+200B; in the markup only, never in the plain text. */
export const ZERO_WIDTH_SPACE = '\u200b';

/** Breaks runs of backticks, which no platform but Telegram can escape inside code. */
export function looseBackticks(match: string): string {
  return match === '``' ? `\`${ZERO_WIDTH_SPACE}\`` : match;
}

function escapeText(text: string, rule: Escape | undefined): string {
  return rule === undefined ? text : text.replace(rule.pattern, (match) => rule.replace(match));
}

export function escapeOf({ escapes }: Dialect, run: Run): Escape | undefined {
  if (run.raw) return undefined;
  const inner = run.marks.at(-1);
  if (inner === undefined) return escapes.text;
  if (inner.type === 'code' || inner.type === 'pre') return escapes[inner.type];
  return inner.type === 'link' && inner.bare ? escapes.bare : escapes.text;
}

/** Line prefix inside the quotes of `marks`. */
export function prefixOf(dialect: Dialect, marks: readonly Mark[]): string {
  return dialect.quotePrefix === '' ? '' : dialect.quotePrefix.repeat(quoteDepth(marks));
}

/** No markup: quotes keep their `>`, a link shows its address behind the label. */
export const plainDialect: Dialect = {
  escapes: { text: undefined, code: undefined, pre: undefined, bare: undefined },
  quotePrefix: '> ',
  open: () => '',
  close: (mark, ended) => (mark.type === 'link' && ended && !mark.bare ? ` (${mark.url})` : ''),
  hug: () => 'none',
};

const WORD_END = /[\p{L}\p{N}\p{M}_]$/u;
const WORD_START = /^[\p{L}\p{N}\p{M}_]/u;

/** Writes `doc.text[from, to)` in the dialect; `next` is where the following part begins. */
export function writeSlice(
  doc: StyledText,
  from: number,
  to: number,
  next: number,
  dialect: Dialect,
): string {
  const writer = new Writer(dialect);
  const following = next < doc.text.length ? doc.runs[runAt(doc, next)]?.marks : undefined;
  for (let index = runAt(doc, from); index < doc.runs.length; index += 1) {
    const run = doc.runs[index];
    const start = doc.starts[index] ?? 0;
    if (run === undefined || start >= to) break;
    const whole = from <= start && start + run.text.length <= to;
    writer.write(run, whole ? run.text : run.text.slice(Math.max(0, from - start), to - start));
  }
  return writer.end(following ?? []);
}

class Writer {
  readonly #dialect: Dialect;
  #out = '';
  /** The last characters of `#out`, kept apart so that looking back never flattens the growing string. */
  #tail = '';
  #open: readonly Mark[] = [];
  /** How many of the open marks have been written; the rest waits for the first non-blank. */
  #written = 0;
  /** Of the written ones, how many hug their text. */
  #hugging = 0;
  /** Blanks that belong behind a hugging mark if it closes now. */
  #held = '';
  /** The last thing written opens a mark: letters and markers belong right behind it. */
  #justOpened = false;
  /** A closed hugging mark wants no letter right behind it. */
  #keepOff = false;

  constructor(dialect: Dialect) {
    this.#dialect = dialect;
  }

  write(run: Run, text: string): void {
    this.#closeTo(sharedMarks(this.#open, run.marks), () => true);
    this.#open = run.marks;
    let body = escapeText(text, escapeOf(this.#dialect, run));
    const prefix = prefixOf(this.#dialect, run.marks);
    if (prefix !== '') body = body.replaceAll('\n', `\n${prefix}`);
    if (this.#written < run.marks.length) body = this.#openAround(body);
    if (body === '') return;
    const end = this.#hugging > 0 ? body.trimEnd().length : body.length;
    this.#put(body.slice(0, end));
    this.#held += body.slice(end);
  }

  end(following: readonly Mark[]): string {
    this.#closeTo(0, (mark) => !following.includes(mark));
    return this.#out + this.#held;
  }

  /** Opens the marks that are waiting; blanks go before hugging ones. Returns what is left of `body`. */
  #openAround(body: string): string {
    let rest = body;
    while (this.#written < this.#open.length) {
      const mark = this.#open[this.#written];
      if (mark === undefined) break;
      if (this.#dialect.hug(mark) !== 'none') {
        const text = rest.trimStart();
        this.#put(rest.slice(0, rest.length - text.length));
        rest = text;
        if (rest === '') return '';
      }
      this.#openOne(mark, this.#dialect.hug(mark));
    }
    return rest;
  }

  #openOne(mark: Mark, hug: Hug): void {
    const token = (mark.type === 'quote' ? this.#dialect.quotePrefix : '') + this.#dialect.open(mark);
    this.#flushHeld();
    const touches =
      (hug === 'letters' && !this.#justOpened && WORD_END.test(this.#tail)) ||
      (hug !== 'none' && this.#tail.endsWith(token.charAt(0)));
    if (touches) this.#append(ZERO_WIDTH_SPACE);
    this.#keepOff = false;
    this.#put(this.#prefixed(token, this.#written));
    this.#justOpened = token !== '';
    this.#written += 1;
    if (hug !== 'none') this.#hugging += 1;
  }

  #closeTo(count: number, ended: (mark: Mark) => boolean): void {
    for (; this.#written > count; this.#written -= 1) {
      const mark = this.#open[this.#written - 1];
      if (mark === undefined) continue;
      const token = this.#prefixed(this.#dialect.close(mark, ended(mark)), this.#written - 1);
      const hug = this.#dialect.hug(mark);
      if (hug === 'none') {
        this.#put(token);
        continue;
      }
      this.#append(token);
      this.#hugging -= 1;
      this.#keepOff = hug === 'letters' && this.#held === '';
    }
  }

  #prefixed(token: string, depth: number): string {
    if (!token.includes('\n')) return token;
    return token.replaceAll('\n', `\n${prefixOf(this.#dialect, this.#open.slice(0, depth))}`);
  }

  #put(text: string): void {
    if (text === '') return;
    this.#flushHeld();
    if (this.#keepOff && WORD_START.test(text)) this.#append(ZERO_WIDTH_SPACE);
    this.#keepOff = false;
    this.#append(text);
  }

  #flushHeld(): void {
    this.#append(this.#held);
    this.#held = '';
  }

  #append(text: string): void {
    if (text === '') return;
    this.#justOpened = false;
    this.#out += text;
    this.#tail = text.length > 1 ? text.slice(-2) : (this.#tail + text).slice(-2);
  }
}

/** How a platform counts the length of a text. */
export type TextUnit = Capabilities['textUnit'];

const NEWLINE = /\n/g;
const HIGH_SURROGATE = /[\ud800-\udbff]/;

/** Length of `text` in `unit`. A lone surrogate counts as one code point and as three bytes (U+FFFD). */
export function measure(text: string, unit: TextUnit): number {
  if (unit === 'utf16') return text.length;
  if (unit === 'bytes') return Buffer.byteLength(text, 'utf8');
  let count = text.length;
  for (let at = 0; at < text.length - 1; at += 1) {
    if (isHighSurrogate(text.charCodeAt(at)) && isLowSurrogate(text.charCodeAt(at + 1))) {
      count -= 1;
      at += 1;
    }
  }
  return count;
}

/**
 * The largest index `end` in `start..stop` such that `text.slice(start, end)` measures at most `budget`.
 * Never inside a surrogate pair.
 */
function reachOf(text: string, start: number, stop: number, budget: number, unit: TextUnit): number {
  if (budget <= 0) return start;
  if (unit === 'utf16') {
    const end = Math.min(stop, start + budget);
    return end < stop && splitsPair(text, end) ? end - 1 : end;
  }
  let used = 0;
  let at = start;
  while (at < stop) {
    const code = text.codePointAt(at) ?? 0;
    const size = code > 0xffff ? 2 : 1;
    used += unit === 'codepoints' ? 1 : utf8Size(code);
    if (used > budget) return at;
    at += size;
  }
  return Math.min(at, stop);
}

/** True when a cut at `index` would tear a surrogate pair apart. */
export function splitsPair(text: string, index: number): boolean {
  return (
    index > 0 &&
    index < text.length &&
    isLowSurrogate(text.charCodeAt(index)) &&
    isHighSurrogate(text.charCodeAt(index - 1))
  );
}

/** Length of `text.slice(start, end)` in `unit`. */
function measureRange(text: string, start: number, end: number, unit: TextUnit): number {
  return unit === 'utf16' ? end - start : measure(text.slice(start, end), unit);
}

/** How much of a text fits a budget, and what that costs. */
interface Fit {
  /** Index behind the last character that fits. */
  readonly end: number;
  readonly cost: number;
}

/**
 * Takes as much of `text` from `offset` on as fits `budget` once escaped. Something that is escaped as a whole is
 * taken whole or not at all. Looks at no more of the text than could fit, so that cutting a long run stays linear.
 */
export function takeFitting(
  text: string,
  offset: number,
  budget: number,
  rule: Escape | undefined,
  newlineCost: number,
  counted: TextUnit,
): Fit {
  const widest = counted === 'codepoints' ? budget * 2 : budget;
  const stop = Math.max(offset, Math.min(text.length, offset + widest));
  const window = offset === 0 && stop === text.length ? text : text.slice(offset, stop);
  const unit = counted === 'codepoints' && !HIGH_SURROGATE.test(window) ? 'utf16' : counted;
  const pattern = newlineCost > 0 ? (rule?.linePattern ?? NEWLINE) : rule?.pattern;
  const growth = unit === 'utf16' && newlineCost === 0 ? rule?.growth : undefined;
  // Searching is fastest where little is found, and dear where every character is.
  let searches = 0;
  let cost = 0;
  let at = 0;
  if (pattern !== undefined) {
    pattern.lastIndex = 0;
    for (let match = pattern.exec(window); match !== null; match = pattern.exec(window)) {
      const found = match[0];
      const before = measureRange(window, at, match.index, unit);
      if (cost + before > budget) break;
      const escaped = found === '\n' ? 1 + newlineCost : measure(rule?.replace(found) ?? found, unit);
      if (cost + before + escaped > budget) return { end: offset + match.index, cost: cost + before };
      cost += before + escaped;
      at = match.index + found.length;
      searches += 1;
      if (growth !== undefined && searches === MANY) {
        const rest = takeGrowing(text, offset + at, stop, budget - cost, growth);
        return { end: rest.end, cost: cost + rest.cost };
      }
    }
  }
  const end = reachOf(window, at, window.length, budget - cost, unit);
  cost += measureRange(window, at, end, unit);
  return { end: splitsPair(text, offset + end) ? offset + end - 1 : offset + end, cost };
}

/** So many escapes in a piece of text, and the rest of it is counted instead of searched. */
const MANY = 16;

/** `takeFitting` of a rule for single characters, in UTF-16 units: nothing is searched, so that no text is dear. */
function takeGrowing(text: string, offset: number, stop: number, budget: number, growth: Uint8Array): Fit {
  let cost = 0;
  let end = offset;
  for (; end < stop; end += 1) {
    const next = cost + 1 + (growth[text.charCodeAt(end)] ?? 0);
    if (next > budget) break;
    cost = next;
  }
  return splitsPair(text, end) ? { end: end - 1, cost: cost - 1 } : { end, cost };
}

function utf8Size(code: number): number {
  if (code < 0x80) return 1;
  if (code < 0x800) return 2;
  return code < 0x10000 ? 3 : 4;
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}

export const escapeFence = escapeRule('``', looseBackticks);

/** What Slack and WhatsApp mark text with. */
export const MARKERS = { bold: '*', italic: '_', strike: '~', code: '`', heading: '*', quote: '' } as const;
