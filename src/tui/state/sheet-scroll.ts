/** Where a page stands after a movement. */
import type { Movement } from '../actions/action.ts';
import type { Mode } from './view.ts';
import type { Window } from './viewport.ts';

type SheetMode = Extract<Mode, { kind: 'sheet' }>;

export function scrolled(mode: SheetMode, { first, size, count }: Window, by: Movement): SheetMode {
  const last = Math.max(0, count - size);
  const from = mode.top ?? last;
  const top = ((): number => {
    switch (by.kind) {
      case 'rows':
        return from + by.rows;
      case 'pages':
        return from + Math.trunc(by.pages * size);
      case 'first':
        return 0;
      case 'last':
        return last;
    }
  })();
  const follows = mode.sheet === 'session' && top >= last && (by.kind === 'last' || top > first);
  return { ...mode, top: follows ? undefined : Math.min(last, Math.max(0, top)) };
}
