import stringWidth from 'string-width';

/** Display width in terminal columns. ASCII is its own measure. */
export function columnsOf(text: string): number {
  return /^[\x20-\x7e]*$/.test(text) ? text.length : stringWidth(text);
}
