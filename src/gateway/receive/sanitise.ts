import stringWidth from 'string-width';
import { ownText, segmentsOf } from '../../base/text.ts';

/**
 * Characters that show nothing on their own but shape their neighbours. Emoji, flags and several scripts need them;
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
function dropStrayJoiners(text: string): string {
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

/** Display width in terminal columns. ASCII is its own measure. */
function columnsOf(text: string): number {
  return /^[\x20-\x7e]*$/.test(text) ? text.length : stringWidth(text);
}

/** Shown for a sender, chat or file whose name has nothing to show. */
export const NO_NAME = '(no name)';
/** Widest name, in terminal columns. */
const NAME_COLUMNS = 64;

/** Anything but printable ASCII, line feed and tab: most texts have none of it and are done at once. */
const UNUSUAL = /[^\n\t\x20-\x7e]/;

/** CR LF, CR, VT, FF, NEL, LINE SEPARATOR, PARAGRAPH SEPARATOR. */
const LINE_BREAKS = /\r\n?|[\u000b\u000c\u0085\u2028\u2029]/g;

/**
 * Terminal sequences as a whole (ECMA-48), in their 7-bit and 8-bit forms:
 * strings (DCS, SOS, OSC, PM, APC) up to their terminator, CSI with its parameters, and two-character escapes.
 * A string without terminator loses only its introducer. Every alternative stops at the next control character,
 * so the whole is linear.
 */
const SEQUENCES = new RegExp(
  [
    '(?:\\x1b[PX\\]^_]|[\\x90\\x98\\x9d-\\x9f])[^\\x00-\\x08\\x0a-\\x1f\\x7f-\\x9f]*(?:\\x07|\\x1b\\\\|\\x9c)',
    '(?:\\x1b\\[|\\x9b)[0-?]*[ -/]*[@-~]?',
    '\\x1b[ -/]*[0-~]?',
  ].join('|'),
  'g',
);

/** What is left of controls: C0 but line feed and tab, DEL, C1. */
const CONTROLS = /[\u0000-\u0008\u000e-\u001f\u007f-\u009f]/g;

/**
 * Bidi embeddings, overrides and isolates, and characters that never show: soft hyphen, grapheme joiner, zero-width
 * space, word joiner and invisible operators, byte order mark, annotation marks.
 */
const INVISIBLE = /\u034f|[\u00ad\u180e\u200b\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;

/** Letters that look like nothing, and direction marks: blanks in a name. */
const NAME_BLANKS = /[\s\u115f\u1160\u200e\u200f\u2800\u3164\uffa0]+/g;

/**
 * The only way in for text from outside. Drops control characters (line feed and tab stay), whole terminal sequences
 * (also OSC 8 links, whose label stays), bidi overrides and isolates, and invisible characters that are not part of
 * an emoji or a script that needs them; makes Unicode well-formed and line ends LF. Cleaning twice changes nothing.
 * Linear in the length of the text.
 *
 * @param maxChars longest result in UTF-16 units; a longer one is cut at the edge of a character and ends in "…"
 */
export function sanitiseText(raw: string, maxChars: number = Number.POSITIVE_INFINITY): string {
  const clean = UNUSUAL.test(raw) ? dropUnsafe(raw) : raw;
  return clean.length <= maxChars ? clean : truncate(clean, Math.max(1, maxChars));
}

/** A name for one line of a table: sanitised, one line, at most 64 columns wide, never empty. */
export function sanitiseName(raw: string): string {
  // A cluster shows at least one column or is noise, so a generous slice is enough to find 64 of them.
  const line = sanitiseText(raw, 2048).replace(NAME_BLANKS, ' ').trim();
  const name = fitColumns(line, NAME_COLUMNS);
  return columnsOf(name) === 0 ? NO_NAME : name;
}

function dropUnsafe(raw: string): string {
  const visible = raw
    .toWellFormed()
    .replace(SEQUENCES, '')
    .replace(LINE_BREAKS, '\n')
    .replace(CONTROLS, '')
    .replace(INVISIBLE, '');
  return dropStrayJoiners(visible);
}

function truncate(text: string, maxChars: number): string {
  const room = maxChars - 1;
  const edge = segmentsOf(text.slice(0, room + 2)).containing(room)?.index ?? room;
  return ownText(`${text.slice(0, edge > 0 ? edge : room).toWellFormed()}…`);
}

function fitColumns(text: string, columns: number): string {
  if (columnsOf(text) <= columns) return text;
  let width = 0;
  let end = 0;
  for (const { segment, index } of segmentsOf(text)) {
    width += columnsOf(segment);
    if (width > columns - 1) break;
    end = index + segment.length;
  }
  return ownText(`${text.slice(0, end).trimEnd()}…`);
}
