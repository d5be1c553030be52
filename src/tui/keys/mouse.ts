/** Reports of a mouse, as terminals send them in mode 1006 (SGR). Ink swallows them: they are no keys. */
export interface MouseEvent {
  readonly kind: 'press' | 'wheel-up' | 'wheel-down' | 'other';
  /** Cells from the left and from the top, beginning with 0. */
  readonly x: number;
  readonly y: number;
}

const REPORTS = /\u001b\[<(\d{1,3});(\d{1,5});(\d{1,5})([Mm])/gu;

/** The reports in what a terminal sent. */
export function mouseEvents(input: string): MouseEvent[] {
  return Array.from(input.matchAll(REPORTS), ([, button, x, y, end]) => ({
    kind: kindOf(Number(button), end === 'M'),
    x: Number(x) - 1,
    y: Number(y) - 1,
  }));
}

function kindOf(code: number, pressed: boolean): MouseEvent['kind'] {
  // Bits 2 to 4 are Shift, Meta and Ctrl; they change nothing here.
  const button = code & ~0b1_1100;
  if (!pressed) return 'other';
  if (button === 0) return 'press';
  return button === 64 ? 'wheel-up' : button === 65 ? 'wheel-down' : 'other';
}
