import { useFocusManager, useInput, usePaste } from 'ink';
import { useEffect } from 'react';
import { keyNames } from '../keys/names.ts';

export interface KeyTarget {
  key(name: string): void;
  paste(text: string): void;
}

/** More different keys than this in one read were not typed: a terminal without bracketed paste sent a paste. */
const TYPED_AT_ONCE = 16;

/**
 * The one place where keys enter. Ink hands every key to every `useInput`, so there is exactly one; `usePaste` stays
 * mounted, so that a paste is never mistaken for keys; Ink's own focus manager would take Tab and Esc.
 */
export function useKeys(target: KeyTarget): void {
  const { disableFocus } = useFocusManager();
  useEffect(() => {
    disableFocus();
  }, [disableFocus]);
  useInput((input, key) => {
    const names = keyNames(input, key);
    if (names.length > TYPED_AT_ONCE && new Set(names).size > 1) target.paste(input);
    else for (const name of names) target.key(name);
  });
  usePaste((text) => target.paste(text));
}
