/**
 * The filter of a list: words, `/regex/`, `field:value`, `~fuzzy`, `@saved`; a leading `!` inverts all of it. Words,
 * fields and fuzzy parts are combined: all of them must fit.
 */
import { type Cell, type Columns, cellsOf } from '../lists/list.ts';

export interface Filter {
  /** Why the text is not a filter (yet), for example a regex that is being typed. */
  readonly error?: string;
  /** The words, all of which must be there; absent where more than words decides. */
  readonly words?: readonly string[];
  /** `haystack` is in lower case. */
  matches(haystack: string, row?: object): boolean;
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

type Part = (haystack: string, row: object) => boolean;

interface Known {
  readonly columns?: Columns<never> | undefined;
  readonly saved?: Readonly<Record<string, string>>;
}

/** Text matches without case, in any order; an empty text matches everything. */
export function parseFilter(text: string, known: Known = {}): Filter {
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
  const words: string[] = [];
  const parts: Part[] = [];
  for (const word of body.split(/\s+/u)) {
    const made = partOf(word, known);
    if (typeof made === 'string') return { error: made, matches: () => true };
    if (made === undefined) words.push(word.toLowerCase());
    else parts.push(made);
  }
  const all: Part = (haystack, row) =>
    words.every((word) => haystack.includes(word)) && parts.every((part) => part(haystack, row));
  return {
    ...(inverted || parts.length > 0 ? {} : { words }),
    matches: (haystack, row = {}) => wanted(all(haystack, row)),
  };
}

/** What a word means besides itself: undefined is a plain word, a sentence says what is wrong with it. */
function partOf(word: string, { columns, saved = {} }: Known): Part | string | undefined {
  if (word.startsWith('~') && word.length > 1) {
    const letters = word.slice(1).toLowerCase();
    return (haystack) => inOrder(letters, haystack);
  }
  if (word.startsWith('@') && word.length > 1) {
    const name = word.slice(1);
    const text = Object.hasOwn(saved, name) ? saved[name] : undefined;
    if (text === undefined) {
      const names = Object.keys(saved).map((each) => `@${each}`);
      return names.length === 0 ? undefined : `no saved filter ${word}: ${names.join(' ')}`;
    }
    // A saved filter that names another one is not followed: it could name itself.
    const filter = parseFilter(text, { columns });
    return (haystack, row) => filter.matches(haystack, row);
  }
  const field = /^(\w+):(.+)$/u.exec(word);
  const name = field?.[1]?.toLowerCase() ?? '';
  if (field === null || columns === undefined || !Object.hasOwn(columns, name)) return undefined;
  const test = testOf(field[2] ?? '');
  return (_haystack, row) => cellsOf(columns, name, row).some(test);
}

const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1_000, m: 1_000_000 };

/** `>10k`, `<=5` compare numbers; anything else is part of the text, whatever its case. */
function testOf(value: string): (cell: Cell) => boolean {
  const compared = /^(<=|>=|<|>|=)(\d+(?:\.\d+)?)([km]?)$/iu.exec(value);
  if (compared === null) {
    const wanted = value.toLowerCase();
    return (cell) =>
      String(cell ?? '')
        .toLowerCase()
        .includes(wanted);
  }
  const [, sign, digits, unit = ''] = compared;
  const than = Number(digits) * (UNITS[unit.toLowerCase()] ?? 1);
  return (cell) => {
    if (typeof cell !== 'number') return false;
    if (sign === '<') return cell < than;
    if (sign === '<=') return cell <= than;
    if (sign === '>') return cell > than;
    return sign === '>=' ? cell >= than : cell === than;
  };
}

/** The letters occur in this order, close enough to be meant: within one word and its neighbors. */
function inOrder(letters: string, haystack: string): boolean {
  const reach = letters.length * 4 + 8;
  for (
    let start = haystack.indexOf(letters[0] ?? '');
    start >= 0;
    start = haystack.indexOf(letters[0] ?? '', start + 1)
  ) {
    let at = start;
    let fits = true;
    for (const letter of letters.slice(1)) {
      at = haystack.indexOf(letter, at + 1);
      if (at < 0 || at - start > reach) {
        fits = false;
        break;
      }
    }
    if (fits) return true;
  }
  return false;
}
