/** Keys of the choices: one key chooses, so digits are followed by letters. Without those that mean something always. */
const KEYS = '123456789abcdefghijklmortvwxz';

/** The key of the choice at an index; empty beyond the last key. */
export function choiceKey(index: number): string {
  return KEYS[index] ?? '';
}

/** The index of the choice that a key makes; -1 for a key that is none. */
export function choiceIndex(key: string): number {
  return key.length === 1 ? KEYS.indexOf(key) : -1;
}
