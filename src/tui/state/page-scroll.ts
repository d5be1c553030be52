/** Where a page stands after a movement. */

import type { Movement } from '../actions/action.ts';
import type { PageMode } from './find.ts';
import type { Mode } from './view.ts';
import type { Window } from './viewport.ts';

export function scrolled(mode: PageMode, { first, size, count }: Window, by: Movement): PageMode {
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
  const follows = mode.page === 'session' && top >= last && (by.kind === 'last' || top > first);
  return { ...mode, top: follows ? undefined : Math.min(last, Math.max(0, top)) };
}
