import type { Capabilities } from '../../gateway/adapter.ts';
import type { Escape } from './dialect.ts';

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
export interface Fit {
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
    }
  }
  const end = reachOf(window, at, window.length, budget - cost, unit);
  cost += measureRange(window, at, end, unit);
  return { end: splitsPair(text, offset + end) ? offset + end - 1 : offset + end, cost };
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
