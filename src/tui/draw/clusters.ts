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
export function setClusterWidths(answer: ClusterWidths | undefined): void {
  widths = answer;
}

/** Something in it is of a kind that is asked for. */
export const IS_CLUSTER = /[\p{M}\p{Regional_Indicator}\p{Emoji_Modifier}]|\u200d/u;

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
export function askedWidth(cluster: string): number | undefined {
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
export function keepingSigns(text: string, strip: (part: string) => string): string {
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
