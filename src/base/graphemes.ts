/** Made for the first text that needs it: making one loads Unicode tables for 12 ms. */
let segmenter: Intl.Segmenter | undefined;

/** What people see as one character each. */
export function segmentsOf(text: string): Intl.Segments {
  segmenter ??= new Intl.Segmenter(undefined, { granularity: 'grapheme' });
  return segmenter.segment(text);
}
