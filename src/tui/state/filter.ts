/** The filter of a list: words, a `/regex/`, or either with a leading `!` to invert it. */
export interface Filter {
  /** Why the text is not a filter (yet), for instance a regex that is being typed. */
  readonly error?: string;
  /** The words, all of which must be there; absent for a pattern, an inverted filter and one that matches everything. */
  readonly words?: readonly string[];
  /** `haystack` is in lower case. */
  matches(haystack: string): boolean;
}

/** Whether everything that `next` matches is matched by `before`, too: it was typed on. */
export function narrows(before: Filter, next: Filter): boolean {
  const { words } = next;
  if (before.words === undefined || words === undefined) return false;
  return before.words.every((word) => words.some((longer) => longer.includes(word)));
}

/** A pattern that could run for seconds on one line is cut short by looking at the first part of the line only. */
const HAYSTACK_LIMIT = 1_000;
const PATTERN_LIMIT = 200;

/** Text matches without case, all words in any order; an empty text matches everything. */
export function parseFilter(text: string): Filter {
  const inverted = text.startsWith('!');
  const body = (inverted ? text.slice(1) : text).trim();
  if (body === '') return { matches: () => true };
  const wanted = (found: boolean): boolean => found !== inverted;
  const regex = /^\/(.+)\/$/u.exec(body);
  if (regex !== null) {
    try {
      const pattern = new RegExp((regex[1] ?? '').slice(0, PATTERN_LIMIT), 'iu');
      return { matches: (haystack) => wanted(pattern.test(haystack.slice(0, HAYSTACK_LIMIT))) };
    } catch (error) {
      // Half-typed patterns are normal: show everything and say why.
      return { error: error instanceof Error ? error.message : 'not a pattern', matches: () => true };
    }
  }
  const words = body.toLowerCase().split(/\s+/u);
  return {
    ...(inverted ? {} : { words }),
    matches: (haystack) => wanted(words.every((word) => haystack.includes(word))),
  };
}
