/** V8 copies shorter pieces anyway. */
const COPIED_ANYWAY = 12;

/**
 * A text of its own. A piece that is cut out of a text keeps the whole of it in memory, as long as the piece lives: what
 * is kept for long (a title, a line of a transcript) must not be such a piece of something big.
 */
export function ownText(text: string): string {
  if (text.length <= COPIED_ANYWAY) return text;
  // One byte a character where that is enough; else UTF-16, which keeps every text unchanged.
  const encoding = /^[\0-\xff]*$/.test(text) ? 'latin1' : 'utf16le';
  return Buffer.from(text, encoding).toString(encoding);
}

/** Made for the first text that needs it: making one loads Unicode tables for 12 ms. */
let segmenter: Intl.Segmenter | undefined;

/** What people see as one character each. */
export function segmentsOf(text: string): Intl.Segments {
  segmenter ??= new Intl.Segmenter(undefined, { granularity: 'grapheme' });
  return segmenter.segment(text);
}
