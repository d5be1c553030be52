/**
 * Text measured in terminal cells. Everything drawn goes through `clean` first: afterwards every character has a
 * width on which terminals agree, so that a cut or padded text never moves a border.
 */

import stringWidth from 'string-width';

/**
 * Signs of several code points, about whose width terminals disagree: keycaps, flags, families, skin tones, Indic
 * syllables. Without an answer of the terminal they are taken apart to what all terminals show alike.
 */
const NAMES = ['keycap', 'flag', 'family', 'tone', 'heart', 'conjunct', 'vowel'] as const;
export type ClusterKind = (typeof NAMES)[number];

/** What the terminal is asked for, one of each kind. */
export const PROBES: Readonly<Record<ClusterKind, string>> = {
  keycap: '1\ufe0f\u20e3',
  flag: '\u{1f1e9}\u{1f1ea}',
  family: '\u{1f468}\u200d\u{1f469}\u200d\u{1f467}',
  tone: '\u{1f44d}\u{1f3fd}',
  heart: '\u2764\ufe0f',
  // Two consonants that are written as one, and a vowel that takes a place of its own.
  conjunct: '\u0915\u094d\u0937',
  vowel: '\u0915\u093e',
};

/** Cells that the terminal uses, by kind. */
export type ClusterWidths = Readonly<Record<ClusterKind, number>>;

let widths: ClusterWidths | undefined;

/** The kinds in the order in which they are asked. */
export const CLUSTER_KINDS: readonly ClusterKind[] = NAMES;

/** From now on the terminal's own answer counts; undefined: the tables. */
function setClusterWidths(answer: ClusterWidths | undefined): void {
  widths = answer;
}

/** Something in it is of a kind that is asked for. */
const IS_CLUSTER = /[\p{M}\p{Regional_Indicator}\p{Emoji_Modifier}]|\u200d/u;

const KEYCAP = /^[\d#*]\ufe0f\u20e3$/u;
const FLAG = /^\p{Regional_Indicator}{2}$/u;
const TONE = /^.\p{Emoji_Modifier}$/u;
const STYLED = /^.\ufe0f$/u;

function emojiKind(sequence: string): ClusterKind | undefined {
  if (KEYCAP.test(sequence)) return 'keycap';
  if (FLAG.test(sequence)) return 'flag';
  if (sequence.includes('\u200d')) return 'family';
  if (TONE.test(sequence)) return 'tone';
  return STYLED.test(sequence) ? 'heart' : undefined;
}

/** Scripts of India and its neighbors, in which consonants join. */
const INDIC = /^[\u0900-\u0dff\u1000-\u109f]/u;
const LETTER = /\p{L}/gu;
const SPACING_MARK = /\p{Mc}/gu;

/** Cells of one cluster as this terminal shows it; undefined: as the tables say. */
function askedWidth(cluster: string): number | undefined {
  if (widths === undefined || !IS_CLUSTER.test(cluster)) return undefined;
  const kind = emojiKind(cluster);
  if (kind !== undefined) return isKept(kind, widths) ? 2 : undefined;
  if (!INDIC.test(cluster)) return undefined;
  const letters = cluster.match(LETTER)?.length ?? 0;
  if (letters === 0) return undefined;
  const marks = cluster.match(SPACING_MARK)?.length ?? 0;
  return (widths.conjunct === 1 ? 1 : letters) + (widths.vowel === 1 ? 0 : marks);
}

/** Kept whole where the terminal shows one sign in two cells, as everything that is in the tables expects. */
function isKept(kind: ClusterKind, answer: ClusterWidths): boolean {
  return answer[kind] === 2;
}

/** Read when it is needed: V8 takes 17 ms for the table of emoji. */
let emoji: RegExp | undefined;
const JOINED = /[\p{Regional_Indicator}\p{Emoji_Modifier}]|\u200d|\ufe0f/u;

/** `strip` for everything but the signs that this terminal shows as one. */
function keepingSigns(text: string, strip: (part: string) => string): string {
  const answer = widths;
  if (answer === undefined || !JOINED.test(text)) return strip(text);
  emoji ??= /(\p{RGI_Emoji})/v;
  let out = '';
  let rest = '';
  for (const [index, part] of text.split(emoji).entries()) {
    const kind = index % 2 === 1 ? emojiKind(part) : undefined;
    if (kind !== undefined && isKept(kind, answer)) {
      out += strip(rest) + part;
      rest = '';
    } else rest += part;
  }
  return out + strip(rest);
}

/** Made for the first text that needs it: making one loads Unicode tables for 12 ms. */
let segmenter: Intl.Segmenter | undefined;

function segmentsOf(text: string): Intl.Segments {
  segmenter ??= new Intl.Segmenter(undefined, { granularity: 'grapheme' });
  return segmenter.segment(text);
}

const PRINTABLE_ASCII = /^[ -~]*$/;
/** CSI, OSC/DCS/APC/PM/SOS strings (also unterminated), two-byte escapes; 7-bit and 8-bit forms. */
const ESCAPES =
  /(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]?|(?:\u001b[\]PX^_]|[\u0090\u0098\u009d-\u009f])[^\u0007\u001b\u009c]*(?:\u0007|\u001b\\|\u009c|$)?|\u001b[ -/]*[0-~]?/gu;
const BLANKS = /[\t\n\v\f\r\u0085\u2028\u2029]+/gu;
/** Control, format (bidi, zero width), variation selectors, tags, skin tones: invisible or a matter of taste. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}]|\p{Emoji_Modifier}/gu;
/**
 * Characters whose width terminals disagree about: unassigned ones, single jamo, signs that became wide in
 * Unicode 16 (hexagrams, Tai Xuan Jing, counting rods). Private characters have no meaning here, and the renderer uses
 * them (`withPlaceholders`).
 */
const CONTESTED =
  /[\p{Cn}\p{Co}\u1100-\u11ff\ua960-\ua97c\ud7b0-\ud7ff\u2630-\u2637\u268a-\u268f\u3248-\u324f\u4dc0-\u4dff\u{1d300}-\u{1d376}]/gu;
const REGIONAL = /[\u{1f1e6}-\u{1f1ff}]/gu;
const MARK_STORM = /(\p{M}{2})\p{M}+/gu;
const LEADING_MARKS = /^\p{M}+/u;

/** How much of a foreign text is looked at; a row never shows more. UTF-16 units. */
const CLEAN_LIMIT = 4096;

/**
 * One harmless line: no control or escape sequences, no bidi controls, no joined emoji and flags as letters unless the
 * terminal shows them as one sign, at most two combining marks on a character. Looks at the first `limit` units.
 */
export function clean(text: string, limit = CLEAN_LIMIT): string {
  const head = text.length > limit ? text.slice(0, limit) : text;
  if (PRINTABLE_ASCII.test(head)) return head;
  return keepingSigns(head.toWellFormed().replace(ESCAPES, '').replace(BLANKS, ' '), plain);
}

/** Only what all terminals show alike. */
function plain(text: string): string {
  return text
    .replace(INVISIBLE, '')
    .replace(REGIONAL, (letter) => String.fromCharCode((letter.codePointAt(0) ?? 0x1f1e6) - 0x1f1e6 + 65))
    .normalize('NFC')
    .replace(CONTESTED, '\ufffd')
    .replace(MARK_STORM, '$1')
    .replace(LEADING_MARKS, '');
}

/** Widths of texts that were measured already: the same names and signs are drawn in frame after frame. */
const measured = new Map<string, number>();
const MEASURED_LIMIT = 4_000;

/** Characters that take one column each, whatever stands next to them: ASCII, Latin letters, boxes, blocks, our glyphs. */
export const NARROW = /^[ -~¡-¬®-ɏ–—‘’“”•…›←-↓─-▟▲●◐○◌▸✓✕]*$/;

/** Cells of a cleaned text. */
export function cellWidth(text: string): number {
  if (NARROW.test(text)) return text.length;
  const known = measured.get(text);
  if (known !== undefined) return known;
  const width = IS_CLUSTER.test(text) ? clustersWidth(text) : stringWidth(text);
  if (measured.size >= MEASURED_LIMIT) measured.clear();
  measured.set(text, width);
  return width;
}

function clustersWidth(text: string): number {
  let width = 0;
  for (const { segment } of segmentsOf(text)) width += askedWidth(segment) ?? stringWidth(segment);
  return width;
}

let measuring = 0;

/** How wide this terminal shows signs of several code points; undefined: as the tables say. */
export function measureAs(answer: ClusterWidths | undefined): void {
  setClusterWidths(answer);
  measured.clear();
  measuring += 1;
}

/** Another number: text is measured otherwise, and what was laid out before counts no more. */
export function measureCount(): number {
  return measuring;
}

/** At most `width` cells of a cleaned text; what is missing shows as `ellipsis`. */
export function cut(text: string, width: number, ellipsis = '…'): string {
  if (width <= 0) return '';
  if (PRINTABLE_ASCII.test(text)) {
    if (text.length <= width) return text;
    return text.slice(0, Math.max(0, width - ellipsis.length)) + ellipsis.slice(0, width);
  }
  if (text.length * 2 <= width || cellWidth(text) <= width) return text;
  const room = width - ellipsis.length;
  if (room < 0) return ellipsis.slice(0, width);
  let used = 0;
  let out = '';
  for (const { segment } of segmentsOf(text)) {
    const cells = cellWidth(segment);
    if (used + cells > room) break;
    used += cells;
    out += segment;
  }
  return out + ellipsis;
}

/** Exactly `width` cells: cut or filled with blanks. */
export function fillTo(
  text: string,
  width: number,
  align: 'left' | 'right' = 'left',
  ellipsis = '…',
): string {
  const shown = cut(text, width, ellipsis);
  const blanks = ' '.repeat(Math.max(0, width - cellWidth(shown)));
  return align === 'left' ? shown + blanks : blanks + shown;
}

/** Splits a cleaned text into lines of at most `width` cells, at blanks where possible. At most `limit` lines. */
export function wrap(text: string, width: number, limit = 200): string[] {
  if (width < 1) return [];
  const lines: string[] = [];
  let line = '';
  let used = 0;
  const push = (): void => {
    lines.push(line);
    line = '';
    used = 0;
  };
  for (const word of text.split(/(?<= )/u)) {
    const cells = cellWidth(word.trimEnd());
    if (used > 0 && used + cells > width) push();
    if (cells <= width) {
      line += used + cellWidth(word) <= width ? word : word.trimEnd();
      used = cellWidth(line);
    } else {
      for (const { segment } of segmentsOf(word)) {
        const one = cellWidth(segment);
        if (used + one > width) push();
        if (one > width) continue;
        line += segment;
        used += one;
      }
    }
    if (lines.length >= limit) return lines;
  }
  if (line !== '' || lines.length === 0) push();
  return lines.map((entry) => entry.trimEnd());
}

/** The characters of a text as a person counts them. */
export function graphemes(text: string): string[] {
  if (PRINTABLE_ASCII.test(text)) return text.split('');
  return Array.from(segmentsOf(text), (part) => part.segment);
}

const FIRST = 0xe000;
/** Stands for the second cell of a wide cluster. */
export const FILLER = '\uf8ff';
const LIMIT = 0xf8ff - FIRST;
const PRIVATE = /[\ue000-\uf8ff]/gu;

const places = new Map<string, string>();
const clusters: string[] = [];

/** Widths have changed: clusters get places of their width from now on. Says whether any was drawn before. */
export function renewPlaces(): boolean {
  const drawn = places.size > 0;
  places.clear();
  return drawn;
}

/**
 * Clusters of several code points (keycaps, letters with marks, Indic syllables) are measured in one way here, in
 * another by each library of the renderer, so a row with them was cut or left stale cells behind. The renderer gets a
 * private character for each cell instead; the stream to the terminal puts the cluster back. The text with a private
 * character in each cell of a cluster.
 */
export function withPlaceholders(text: string): string {
  if (!IS_CLUSTER.test(text)) return text;
  return graphemes(text)
    .map((cluster) => (IS_CLUSTER.test(cluster) ? placeOf(cluster) : cluster))
    .join('');
}

function placeOf(cluster: string): string {
  const known = places.get(cluster);
  if (known !== undefined) return known;
  const width = cellWidth(cluster);
  // More different clusters than anybody reads: the letter without its marks.
  if (clusters.length >= LIMIT) return cluster.replaceAll(/\p{M}/gu, '').padEnd(width);
  const place = String.fromCharCode(FIRST + clusters.length) + FILLER.repeat(Math.max(0, width - 1));
  clusters.push(cluster);
  places.set(cluster, place);
  return place;
}

/** What the terminal gets. */
export function withClusters(text: string): string {
  return text.replaceAll(PRIVATE, (place) =>
    place === FILLER ? '' : (clusters[(place.codePointAt(0) ?? FIRST) - FIRST] ?? place),
  );
}
