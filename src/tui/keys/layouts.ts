/** Keys of other keyboard layouts: the letter that is on the same key of a Latin keyboard. */
const LATIN = "qwertyuiop[]asdfghjkl;'zxcvbnm,.";
const LAYOUTS = ['йцукенгшщзхъфывапролджэячсмитьбю', ";ςερτυθιοπ[]ασδφγηξκλ΄'ζχψωβνμ,."] as const;

const SAME_KEY = new Map<string, string>();
for (const layout of LAYOUTS)
  for (const [index, letter] of [...layout].entries()) {
    const latin = LATIN[index];
    if (latin === undefined || letter.charCodeAt(0) < 128) continue;
    SAME_KEY.set(letter, latin);
    const upper = letter.toUpperCase();
    if (upper !== letter && !SAME_KEY.has(upper)) SAME_KEY.set(upper, latin.toUpperCase());
  }

/** A letter of another alphabet: anyone who types it may not know why nothing happens. */
export function isForeign(key: string): boolean {
  return /^\p{L}$/u.test(key) && !/^\p{Script=Latin}$/u.test(key);
}

/** `a` for `ф`; undefined for a letter that no known layout has. */
export function latinOf(key: string): string | undefined {
  return SAME_KEY.get(key);
}
