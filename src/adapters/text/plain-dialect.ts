import type { Dialect } from './dialect.ts';

/** No markup: quotes keep their `>`, a link shows its address behind the label. */
export const plainDialect: Dialect = {
  escapes: { text: undefined, code: undefined, pre: undefined, bare: undefined },
  quotePrefix: '> ',
  open: () => '',
  close: (mark, ended) => (mark.type === 'link' && ended && !mark.bare ? ` (${mark.url})` : ''),
  hug: () => 'none',
};
