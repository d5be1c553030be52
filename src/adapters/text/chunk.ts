import { measure, type TextUnit } from './measure.ts';

/** Splits `text` so that `size` of every piece is at most `limit`; prefers paragraph, line, word. */
export function chunkText(text: string, limit: number, unit: TextUnit): string[] {
  const pieces: string[] = [];
  let rest = text.trim();
  while (measure(rest, unit) > limit) {
    let end = Math.min(rest.length, limit);
    while (measure(rest.slice(0, end), unit) > limit) end = Math.floor(end * 0.75);
    const head = rest.slice(0, end);
    const cut = [head.lastIndexOf('\n\n'), head.lastIndexOf('\n'), head.lastIndexOf(' ')].find(
      (at) => at > end / 2,
    );
    let at = cut ?? end;
    if (/[\ud800-\udbff]/.test(rest.charAt(at - 1))) at -= 1;
    pieces.push(rest.slice(0, at).trimEnd());
    rest = rest.slice(at).trimStart();
  }
  if (rest !== '') pieces.push(rest);
  return pieces;
}
