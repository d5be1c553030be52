import type { Capabilities, Part } from '../adapter.ts';

/** Most units that one character takes: bytes of UTF-8, units of UTF-16. */
const UNITS_A_CHARACTER = { bytes: 4, utf16: 2, codepoints: 1 } as const satisfies Record<
  Capabilities['textUnit'],
  number
>;

/** A text cut into parts that surely fit, without any markup: for an adapter that could not format it. */
export function plainParts(
  text: string,
  { textLimit, textUnit }: Pick<Capabilities, 'textLimit' | 'textUnit'>,
): readonly Part[] {
  const size = Math.max(1, Math.floor(textLimit / UNITS_A_CHARACTER[textUnit]));
  const characters = Array.from(text);
  const parts: Part[] = [];
  for (let at = 0; at < characters.length; at += size) {
    const part = characters.slice(at, at + size).join('');
    parts.push({ text: part, plain: part });
  }
  return parts;
}

/** Nothing is cut smaller than this, in units: halves of a short sentence help no one. */
const LEAST_UNITS = 400;

/**
 * A part that the platform refused, as plain texts of at most half the size: whatever it was that the platform did not
 * take, most of the text may pass without it. A file becomes a line that names it.
 */
export function smallerParts(
  { plain, attachment }: Part,
  { textLimit, textUnit }: Pick<Capabilities, 'textLimit' | 'textUnit'>,
): readonly Part[] {
  const named = attachment === undefined ? '' : `(The file ${attachment.name} was refused here.)`;
  const text = [plain, named].filter((each) => each !== '').join('\n');
  const whole = unitsOf(text, textUnit);
  const size = Math.max(4, Math.min(Math.floor(textLimit / 2), Math.max(LEAST_UNITS, Math.ceil(whole / 2))));
  const parts: Part[] = [];
  for (let rest = text; rest !== ''; ) {
    const head = rest.slice(0, cutAt(rest, size, textUnit));
    rest = rest.slice(head.length);
    const shown = head.trim();
    if (shown !== '') parts.push({ text: shown, plain: shown });
  }
  return parts;
}

/** Where a text is cut so that its head has at most `size` units: behind a paragraph, a line, a word, or anywhere. */
function cutAt(text: string, size: number, unit: Capabilities['textUnit']): number {
  let units = 0;
  let end = 0;
  for (const character of text) {
    units += unitsOf(character, unit);
    if (units > size) break;
    end += character.length;
  }
  if (end >= text.length) return text.length;
  for (const mark of ['\n\n', '\n', ' ']) {
    const at = text.lastIndexOf(mark, end);
    if (at > end / 2) return at + mark.length <= end ? at + mark.length : at;
  }
  return end;
}

function unitsOf(text: string, unit: Capabilities['textUnit']): number {
  if (unit === 'bytes') return Buffer.byteLength(text);
  return unit === 'utf16' ? text.length : Array.from(text).length;
}
