/**
 * From one set of attributes to the next with as few sequences as possible. The result is exactly what Ink writes for
 * the same cells: Ink then finds the line in its cache instead of taking it apart a second time, which is a quarter
 * of the cost of a frame.
 */

/** A true color as one number next to the plain codes: which ground it colors, and red, green and blue below. */
const PACKED = 2 ** 24;

export function packedColour(rgb: number, ground: boolean): number {
  return (ground ? 48 : 38) * PACKED + rgb;
}

/** The parameters of a code as they are sent. */
function parameters(code: number): string {
  if (code < PACKED) return String(code);
  const rgb = code % PACKED;
  return `${Math.floor(code / PACKED)};2;${rgb >> 16};${(rgb >> 8) & 255};${rgb & 255}`;
}

/** The code that switches an attribute off. */
function endOf(code: number): number {
  if (code >= PACKED) return Math.floor(code / PACKED) === 48 ? 49 : 39;
  if (code === 1 || code === 2) return 22;
  if (code === 4) return 24;
  if (code === 7) return 27;
  return (code >= 40 && code < 50) || code >= 100 ? 49 : 39;
}

/** Bold and dim share their end code but can be on together. */
function isIntensity(code: number): boolean {
  return code === 1 || code === 2;
}

export interface Transition {
  readonly text: string;
  /** The attributes that are on afterwards, in the order in which they were switched on. */
  readonly on: readonly number[];
}

function apply(on: readonly number[], code: number, start: boolean): number[] {
  if (!start) return on.filter((entry) => endOf(entry) !== code);
  const kept = isIntensity(code)
    ? on.filter((entry) => entry !== code)
    : on.filter((e) => endOf(e) !== endOf(code));
  return [...kept, code];
}

/** There are few different changes, and each line makes a dozen: every change is worked out once. */
const known = new WeakMap<readonly number[], WeakMap<readonly number[], Transition>>();

/** Sets of attributes are told apart by identity: pass the same array for the same set. */
export function transition(from: readonly number[], to: readonly number[]): Transition {
  let changes = known.get(from);
  if (changes === undefined) {
    changes = new WeakMap();
    known.set(from, changes);
  }
  let change = changes.get(to);
  if (change === undefined) {
    change = work(from, to);
    changes.set(to, change);
  }
  return change;
}

function work(from: readonly number[], to: readonly number[]): Transition {
  const undo = from.filter((code) =>
    isIntensity(code) ? !to.includes(code) : !to.some((other) => endOf(other) === endOf(code)),
  );
  const weakened = undo.some(isIntensity);
  const add = to.filter((code) => !from.includes(code) || (weakened && isIntensity(code)));
  const ends = [...new Set(undo.reverse().map(endOf))];
  let on = from;
  for (const code of ends) on = apply(on, code, false);
  for (const code of add) on = apply(on, code, true);
  return { text: [...ends, ...add].map((code) => `\u001b[${parameters(code)}m`).join(''), on };
}
