/** A range of a text, end exclusive. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

const REDACTED = '[redacted]';

/** Replaces the union of `spans`; ranges that touch or overlap become one. */
export function redactSpans(text: string, spans: readonly Span[]): string {
  if (spans.length === 0) return text;
  const sorted = [...spans].sort((a, b) => a.start - b.start);
  let out = '';
  let done = 0;
  let covered = -1;
  for (const { start, end } of sorted) {
    if (start > covered) {
      if (covered >= 0) done = covered;
      out += text.slice(done, start) + REDACTED;
    }
    covered = Math.max(covered, end);
  }
  return out + text.slice(covered);
}
