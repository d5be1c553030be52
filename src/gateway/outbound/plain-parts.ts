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
