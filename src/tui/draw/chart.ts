/** Values over time as blocks, one column each. */
import type { Glyphs } from './glyphs.ts';
import { type Line, type Span, span } from './line.ts';
import type { Style } from './theme.ts';

/**
 * The last `width` values, the newest at the right, in `height` rows from top to bottom; scaled to the highest of them.
 * Where nothing was, a dot stands on the ground.
 */
export function chart(
  values: readonly number[],
  { width, height, style }: { readonly width: number; readonly height: number; readonly style: Style },
  glyphs: Glyphs,
): Line[] {
  if (width < 1) return Array.from({ length: height }, () => []);
  const shown = values.slice(-width);
  const blank = ' '.repeat(width - shown.length);
  const top = Math.max(...shown, 0);
  const steps = glyphs.spark.length;
  // Something is never shown as nothing.
  const levels = shown.map((value) =>
    value <= 0 ? 0 : Math.max(1, Math.round((value / top) * height * steps)),
  );
  return Array.from({ length: height }, (_, index) => {
    const ground = (height - 1 - index) * steps;
    const line: Span[] = [span(blank)];
    let text = '';
    let quiet = false;
    const flush = (): void => {
      if (text !== '') line.push(span(text, quiet ? 'dim' : style));
      text = '';
    };
    for (const level of levels) {
      const fill = Math.min(steps, Math.max(0, level - ground));
      const nothing = fill === 0;
      if (nothing !== quiet) flush();
      quiet = nothing;
      text += nothing ? (ground === 0 ? glyphs.dot : ' ') : (glyphs.spark[fill - 1] ?? '');
    }
    flush();
    return line;
  });
}
