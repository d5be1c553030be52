import { splitsPair } from './measure.ts';
import { isBlankAt, runAt, type StyledText } from './styled.ts';

/** Ends a sentence when a blank follows. */
const SENTENCE_END = codes('.!?…');
/** Ends a sentence also without a blank. */
const WIDE_SENTENCE_END = codes('。！？；');
const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/**
 * Where a part that begins at `from` and may go up to `reach` ends best: an offset in (`from`, `reach`].
 * A better kind of place is taken as long as it fills at least half of the part.
 */
export function bestCut(doc: StyledText, from: number, reach: number): number {
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
  const cluster = segmenter.segment(text.slice(from, reach + LOOK_AHEAD)).containing(reach - from);
  if (cluster === undefined) return reach;
  if (cluster.index > 0) return from + cluster.index;
  if (!splitsPair(text, reach)) return reach;
  return reach - 1 > from ? reach - 1 : reach + 1;
}

/** Whether two characters join depends on everything before them but only on one code point behind. */
const LOOK_AHEAD = 2;

function isClusterEdge(text: string, from: number, at: number): boolean {
  if (text.charCodeAt(at - 1) < 0x300) return true;
  return segmenter.segment(text.slice(from, at + LOOK_AHEAD)).containing(at - from)?.index === at - from;
}

/** True right behind, or inside, a list marker: nothing may end there. */
function followsMarker(doc: StyledText, at: number): boolean {
  return at > 0 && doc.runs[runAt(doc, at - 1)]?.raw === true;
}

function markerStart(doc: StyledText, at: number): number {
  return doc.starts[runAt(doc, at - 1)] ?? 0;
}
