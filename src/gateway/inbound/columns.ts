import { createRequire } from 'node:module';

type Measure = (text: string) => number;

let measure: Measure | undefined;

/** Display width in terminal columns. ASCII is its own measure; the library is loaded for the first name that is not. */
export function columnsOf(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  // Loaded late and from its package: its tables cost more than everything else this module does at start.
  measure ??= (createRequire(import.meta.url)('string-width') as { default: Measure }).default;
  return measure(text);
}
