import { segmentsOf } from '../../base/text.ts';
import type { Part } from '../../gateway/adapter.ts';
import {
  type Dialect,
  escapeOf,
  measure,
  prefixOf,
  splitsPair,
  type TextUnit,
  takeFitting,
  writeSlice,
  ZERO_WIDTH_SPACE,
} from './dialect.ts';
import { renderDocument } from './document.ts';
import type { RenderRules } from './inline.ts';
import { parseMarkdown } from './parse.ts';
import {
  isBlankAt,
  isCodeBlock,
  type Mark,
  type Run,
  runAt,
  type StyledText,
  sharedMarks,
} from './styled.ts';

/** Ends a sentence when a blank follows. */
const SENTENCE_END = codes('.!?…');
/** Ends a sentence also without a blank. */
const WIDE_SENTENCE_END = codes('。！？；');

/**
 * Where a part that begins at `from` and may go up to `reach` ends best: an offset in (`from`, `reach`].
 * A better kind of place is taken as long as it fills at least half of the part.
 */
function bestCut(doc: StyledText, from: number, reach: number): number {
  const half = from + ((reach - from) >> 1);
  return (
    blockEnd(doc, half, reach) ??
    lineEnd(doc, half, reach) ??
    sentenceEnd(doc, from, half, reach) ??
    wordEnd(doc, from, half, reach) ??
    clusterEnd(doc.text, from, reach)
  );
}

function codes(characters: string): ReadonlySet<number> {
  return new Set([...characters].map((character) => character.charCodeAt(0)));
}

function blockEnd({ breaks }: StyledText, above: number, reach: number): number | undefined {
  let low = 0;
  let high = breaks.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((breaks[middle] ?? 0) <= reach) low = middle + 1;
    else high = middle;
  }
  const found = breaks[low - 1];
  return found !== undefined && found > above ? found : undefined;
}

function lineEnd({ text, keeps }: StyledText, above: number, reach: number): number | undefined {
  const window = text.slice(above, reach + 1);
  for (let at = window.lastIndexOf('\n'); at > 0; at = window.lastIndexOf('\n', at - 1))
    if (window.charAt(at - 1) !== '\n' && !keeps.has(above + at)) return above + at;
  return undefined;
}

function sentenceEnd(doc: StyledText, from: number, above: number, reach: number): number | undefined {
  const { text } = doc;
  for (let at = reach; at > above; at -= 1) {
    const last = text.charCodeAt(at - 1);
    if (!WIDE_SENTENCE_END.has(last) && !(SENTENCE_END.has(last) && isBlankAt(text, at))) continue;
    if (followsMarker(doc, at) || !isClusterEdge(text, from, at)) continue;
    return at;
  }
  return undefined;
}

/** The last blank; a blank in the first half only if the word behind it could fit a part of its own. */
function wordEnd(doc: StyledText, from: number, half: number, reach: number): number | undefined {
  const { text } = doc;
  for (let at = reach; at > from; at -= 1) {
    if (!isBlankAt(text, at)) continue;
    const cut = followsMarker(doc, at) ? markerStart(doc, at) : at;
    if (cut <= from) return undefined;
    if (cut <= half && !endsBefore(text, reach, cut + 1 + (reach - from))) return undefined;
    if (isClusterEdge(text, from, cut)) return cut;
  }
  return undefined;
}

function endsBefore(text: string, start: number, stop: number): boolean {
  for (let at = start; at <= stop; at += 1) if (at >= text.length || isBlankAt(text, at)) return true;
  return false;
}

/** The last edge between grapheme clusters; inside a cluster only when it alone is larger than the part. */
function clusterEnd(text: string, from: number, reach: number): number {
  const cluster = segmentsOf(text.slice(from, reach + LOOK_AHEAD)).containing(reach - from);
  if (cluster === undefined) return reach;
  if (cluster.index > 0) return from + cluster.index;
  if (!splitsPair(text, reach)) return reach;
  return reach - 1 > from ? reach - 1 : reach + 1;
}

/** Whether two characters join depends on everything before them but only on one code point behind. */
const LOOK_AHEAD = 2;

function isClusterEdge(text: string, from: number, at: number): boolean {
  if (text.charCodeAt(at - 1) < 0x300) return true;
  return segmentsOf(text.slice(from, at + LOOK_AHEAD)).containing(at - from)?.index === at - from;
}

/** True right behind, or inside, a list marker: nothing may end there. */
function followsMarker(doc: StyledText, at: number): boolean {
  return at > 0 && doc.runs[runAt(doc, at - 1)]?.raw === true;
}

function markerStart(doc: StyledText, at: number): number {
  return doc.starts[runAt(doc, at - 1)] ?? 0;
}

/** One way in which a part is counted. A part has to pass every gauge of its platform. */
export interface Gauge {
  readonly dialect: Dialect;
  readonly unit: TextUnit;
  /** Largest part as written in `dialect`, in `unit`. */
  readonly limit: number;
}

/** A part: `doc.text[from, to)`. What lies between `to` and `next` is white space and is not sent. */
export interface Slice {
  readonly from: number;
  readonly to: number;
  /** Where the following part begins; the length of the text for the last. */
  readonly next: number;
}

/**
 * Cuts a document into parts that pass every gauge.
 *
 * The law: the slices and the gaps around them, in order, are the text of the document, and a gap is white space
 * only (at a cut inside a code block: one line break or nothing). No part is blank.
 * Cuts prefer the end of a block, of a line, of a sentence, of a word; the last resort is the edge of a grapheme
 * cluster, and only a cluster that is larger than a whole part is cut between its code points.
 */
export function chunk(doc: StyledText, gauges: readonly Gauge[]): readonly Slice[] {
  const slices: Slice[] = [];
  const end = doc.text.length;
  let from = skipBlank(doc, 0);
  while (from < end) {
    const reach = gauges.reduce((least, gauge) => Math.min(least, reachFrom(doc, from, gauge)), end);
    const cut = reach >= end ? end : bestCut(doc, from, reach);
    const to = trimBlank(doc, from, cut);
    const next = nextStart(doc, cut);
    if (/\S/.test(doc.text.slice(from, to))) slices.push({ from, to, next });
    from = next;
  }
  return slices;
}

/** How far a part that begins at `from` may go by this gauge: always at least one unit. */
function reachFrom(doc: StyledText, from: number, gauge: Gauge): number {
  const { dialect, unit, limit } = gauge;
  let open: readonly Mark[] = [];
  let used = 0;
  let closing = 0;
  let newlineCost = 0;
  for (let index = runAt(doc, from); index < doc.runs.length; index += 1) {
    const run = doc.runs[index];
    if (run === undefined) break;
    if (run.marks !== open) {
      const shared = sharedMarks(open, run.marks);
      for (let at = shared; at < open.length; at += 1) {
        const cost = closeCost(open[at], open, gauge);
        closing -= cost;
        used += cost;
      }
      for (let at = shared; at < run.marks.length; at += 1) {
        used += openCost(run.marks[at], run.marks, gauge);
        closing += closeCost(run.marks[at], run.marks, gauge);
      }
      open = run.marks;
      newlineCost = measure(prefixOf(dialect, open), unit);
    }
    const start = doc.starts[index] ?? 0;
    const budget = limit - used - closing;
    const step = takeFitting(
      run.text,
      Math.max(0, from - start),
      budget,
      escapeOf(dialect, run),
      newlineCost,
      unit,
    );
    used += step.cost;
    if (step.end < run.text.length) return Math.max(start + step.end, from + 1);
  }
  return doc.text.length;
}

function openCost(mark: Mark | undefined, around: readonly Mark[], gauge: Gauge): number {
  if (mark === undefined) return 0;
  const prefix = mark.type === 'quote' ? gauge.dialect.quotePrefix : '';
  return tokenCost(prefix + gauge.dialect.open(mark), mark, around, gauge);
}

function closeCost(mark: Mark | undefined, around: readonly Mark[], gauge: Gauge): number {
  return mark === undefined ? 0 : tokenCost(gauge.dialect.close(mark, true), mark, around, gauge);
}

/** A token with everything the writer may add to it: line prefixes and the space that keeps letters off. */
function tokenCost(token: string, mark: Mark, around: readonly Mark[], { dialect, unit }: Gauge): number {
  if (token === '') return 0;
  let cost = measure(token, unit);
  if (token.includes('\n')) cost += measure(prefixOf(dialect, around), unit) * (token.split('\n').length - 1);
  if (dialect.hug(mark) !== 'none') cost += measure(ZERO_WIDTH_SPACE, unit);
  return cost;
}

/** `cut` without the blanks before it; those of a code block stay. */
function trimBlank(doc: StyledText, from: number, cut: number): number {
  let to = cut;
  while (to > from && isBlankAt(doc.text, to - 1) && !isCodeBlock(doc.runs[runAt(doc, to - 1)])) to -= 1;
  return to;
}

/** Where the part behind a cut begins: in a code block behind at most one line break, elsewhere behind all blanks. */
function nextStart(doc: StyledText, cut: number): number {
  if (!isCodeBlock(doc.runs[runAt(doc, cut - 1)])) return skipBlank(doc, cut);
  const next = doc.text[cut] === '\n' ? cut + 1 : cut;
  return isCodeBlock(doc.runs[runAt(doc, next)]) ? next : skipBlank(doc, cut);
}

/** The first character at or behind `at` that is not blank, or is in a code block. */
function skipBlank(doc: StyledText, at: number): number {
  let next = at;
  while (next < doc.text.length && isBlankAt(doc.text, next) && !isCodeBlock(doc.runs[runAt(doc, next)]))
    next += 1;
  return next;
}

/** White space of every kind, C0, DEL and C1, unless it is the one space that it becomes. */
const BREAKS = /[\s\u0000-\u001f\u007f-\u009f]{2,}|[^\S ]|[\u0000-\u001f\u007f-\u009f]/g;

/** The document on one line: breaks become single spaces, blocks become text. */
function onOneLine(doc: StyledText): StyledText {
  const runs: Run[] = [];
  const starts: number[] = [];
  let length = 0;
  let endsBlank = true;
  for (const run of doc.runs) {
    let line = run.text.replace(BREAKS, ' ');
    if (endsBlank) line = line.trimStart();
    if (line === '') continue;
    starts.push(length);
    const marks = isCodeBlock(run) ? run.marks.slice(0, -1) : run.marks;
    runs.push({ text: line, marks, raw: run.raw });
    length += line.length;
    endsBlank = line.endsWith(' ');
  }
  return { runs, starts, text: runs.map((run) => run.text).join(''), breaks: [], keeps: new Set() };
}

/** A platform's text: how it shows Markdown, how it writes marks, how it counts. */
export interface PlatformText {
  readonly rules: RenderRules;
  readonly dialect: Dialect;
  /** How the same part is written without markup; normally `plainDialect`. */
  readonly plain: Dialect;
  /** Every way in which a part has to fit. */
  readonly gauges: readonly Gauge[];
  /** The platform's messages have one line. */
  readonly singleLine?: boolean;
}

/**
 * Markdown to parts that fit `platform`; at least one part for any text that is not empty. Never throws.
 *
 * The plain texts in order are the whole text without markup: at a cut only white space is missing (see `chunk`).
 * What a cut goes through is closed and opened again: marks, fences with their language, the `>` of quotes, and links,
 * whose address the plain text shows once, behind the end of the label.
 */
export function formatFor(markdown: string, platform: PlatformText): readonly Part[] {
  if (markdown === '') return [];
  const clean = withoutControls(markdown.toWellFormed(), platform.singleLine === true);
  const parts = partsOf(renderDocument(parseMarkdown(clean), platform.rules), platform);
  if (parts.length > 0) return parts;
  // Nothing visible in it (a comment, a definition, blanks): show what was written.
  const literal = partsOf(literalText(clean), platform);
  return literal.length > 0 ? literal : [{ text: NOTHING, plain: NOTHING }];
}

/** What a terminal would obey (colors, titles, the clipboard) and what would write a line backwards. */
const SEQUENCES =
  /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[@-Z\\^_])|[\u202d\u202e]/g;
/** Of the rest what no chat shows; on one line they become spaces. */
const CONTROLS = /[\u0001-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]+/g;
const EITHER = /[\u0001-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202d\u202e]/;

function withoutControls(text: string, singleLine: boolean): string {
  if (!EITHER.test(text)) return text;
  const plain = text.replace(SEQUENCES, '');
  return singleLine ? plain : plain.replace(CONTROLS, '');
}

/** Stands for a text of blanks only: no platform takes an empty message. */
const NOTHING = '…';

function partsOf(rendered: StyledText, platform: PlatformText): readonly Part[] {
  const { gauges, dialect, plain } = platform;
  const doc = platform.singleLine === true ? onOneLine(rendered) : rendered;
  return chunk(doc, gauges).map(({ from, to, next }) => {
    const text = writeSlice(doc, from, to, next, dialect);
    return { text, plain: plain === dialect ? text : writeSlice(doc, from, to, next, plain) };
  });
}

function literalText(text: string): StyledText {
  return { runs: [{ text, marks: [], raw: false }], starts: [0], text, breaks: [], keeps: new Set() };
}
