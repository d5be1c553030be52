import type { Capabilities } from '../../gateway/adapter.ts';

/** How a platform counts the length of a text. */
export type TextUnit = Capabilities['textUnit'];

/** Length of `text` in `unit`. */
export function measure(text: string, unit: TextUnit): number {
  if (unit === 'utf16') return text.length;
  if (unit === 'bytes') return Buffer.byteLength(text, 'utf8');
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}
