import { bestCut } from './cut.ts';
import { type Dialect, escapeOf, prefixOf, ZERO_WIDTH_SPACE } from './dialect.ts';
import { measure, type TextUnit, takeFitting } from './measure.ts';
import { isBlankAt, isCodeBlock, type Mark, runAt, type StyledText, sharedMarks } from './styled.ts';

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
    const inCode = isCodeBlock(doc.runs[runAt(doc, cut - 1)]);
    const to = inCode ? cut : trimBlank(doc, from, cut);
    const next = inCode && doc.text[cut] === '\n' ? cut + 1 : cut;
    const after = inCode && isCodeBlock(doc.runs[runAt(doc, next)]) ? next : skipBlank(doc, cut);
    if (/\S/.test(doc.text.slice(from, to))) slices.push({ from, to, next: after });
    from = after;
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

/** The first character at or behind `at` that is not blank, or is in a code block. */
function skipBlank(doc: StyledText, at: number): number {
  let next = at;
  while (next < doc.text.length && isBlankAt(doc.text, next) && !isCodeBlock(doc.runs[runAt(doc, next)]))
    next += 1;
  return next;
}
