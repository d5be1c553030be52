/**
 * Characters that show nothing by themselves but shape their neighbours. Emoji, flags and several scripts need them;
 * anywhere else they hide data, split words from filters, or make two names look the same.
 */

/** Anything to look at closer: most texts have none of it. */
const JOINERS = /\u200c|\u200d|[\ufe00-\ufe0f]|[\u{e0000}-\u{e01ef}]|\p{M}{3}/u;

const PICTOGRAPH = /^\p{Extended_Pictographic}$/u;
const EMOJI_TAIL = /^(?:\p{Extended_Pictographic}|\p{Emoji_Modifier}|\ufe0f)$/u;
/** Letters of scripts in which joiners change the spelling; before a joiner also their marks. */
const SHAPED_LETTER = /^(?![\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}\p{Script=Common}])\p{L}$/u;
const SHAPED_MARK = /^(?!\p{Variation_Selector})\p{M}$/u;
const IDEOGRAPH = /^\p{Ideographic}$/u;
const MARK = /^\p{M}$/u;
const BLANK = /^\s$/u;

/** Marks on one base that are still writing; more is a drawing over the neighbouring lines. */
const MAX_MARKS = 8;

const BLACK_FLAG = 0x1f3f4;
const CANCEL_TAG = 0xe007f;

/** Drops joiners, variation selectors, tag characters and heaps of marks where no script or emoji needs them. */
export function dropStrayJoiners(text: string): string {
  if (!JOINERS.test(text)) return text;
  const characters = Array.from(text);
  let out = '';
  let last = '';
  let marks = 0;
  for (let at = 0; at < characters.length; at += 1) {
    const character = characters[at] ?? '';
    const code = character.codePointAt(0) ?? 0;
    if (code < 0x300) {
      marks = 0;
    } else if (code >= 0xe0000 && code <= 0xe007f) {
      if (last.codePointAt(0) !== BLACK_FLAG) continue;
      const tags = flagTags(characters, at);
      out += tags;
      at += Math.max(0, Array.from(tags).length - 1);
      if (tags !== '') last = '';
      continue;
    } else if (code === 0x200d || code === 0x200c) {
      if (!joins(last, characters[at + 1] ?? '', code === 0x200d)) continue;
    } else if (isSelector(code)) {
      if (!takesSelector(last, code)) continue;
    } else if (MARK.test(character)) {
      marks += 1;
      if (marks > MAX_MARKS) continue;
    } else {
      marks = 0;
    }
    out += character;
    last = character;
  }
  return out;
}

function joins(before: string, after: string, isZwj: boolean): boolean {
  if (isZwj && EMOJI_TAIL.test(before) && PICTOGRAPH.test(after)) return true;
  return SHAPED_LETTER.test(after) && (SHAPED_LETTER.test(before) || SHAPED_MARK.test(before));
}

function isSelector(code: number): boolean {
  return (code >= 0xfe00 && code <= 0xfe0f) || (code >= 0xe0100 && code <= 0xe01ef);
}

/** One selector behind a visible character; those of the supplement only behind ideographs. */
function takesSelector(before: string, code: number): boolean {
  const base = before.codePointAt(0);
  if (base === undefined || BLANK.test(before) || isSelector(base)) return false;
  if (base === 0x200c || base === 0x200d) return false;
  return code < 0xe0100 || IDEOGRAPH.test(before);
}

/** The tags of a regional flag (England, Scotland, Wales …) that begin at `at`, or nothing. */
function flagTags(characters: readonly string[], at: number): string {
  let tags = '';
  for (let next = at; next < at + 8; next += 1) {
    const character = characters[next] ?? '';
    const code = character.codePointAt(0) ?? 0;
    if (code === CANCEL_TAG) return tags === '' ? '' : tags + character;
    if (code < 0xe0030 || code > 0xe007a) return '';
    tags += character;
  }
  return '';
}
