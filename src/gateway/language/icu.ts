/**
 * ICU MessageFormat as far as the catalogue needs it: `{name}`, `{n, number}`, `{n, plural, =0 {…} one {…} other {…}}` with
 * `#`, and `{kind, select, a {…} other {…}}`, quoted as ICU quotes: `''` is an apostrophe, and an apostrophe before `{`, `}` or
 * `#` begins a quotation. Numbers and plural categories are those of Intl, so of CLDR.
 */

export type Piece =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'argument'; readonly name: string }
  | { readonly kind: 'number'; readonly name: string }
  /** `#`: the number of the plural around it. */
  | { readonly kind: 'pound' }
  | {
      readonly kind: 'plural' | 'select';
      readonly name: string;
      readonly options: ReadonlyMap<string, readonly Piece[]>;
    };

export type Values = Readonly<Record<string, string | number>>;

const NAME = /[A-Za-z]\w*/y;
const SELECTOR = /=\d+|[A-Za-z_]\w*/y;
const SPACE = /\s*/y;

/** Reads a message; throws SyntaxError with the place of what it does not understand. */
export function parseMessage(message: string): readonly Piece[] {
  const reader = new MessageReader(message);
  const pieces = reader.pieces(false, false);
  reader.end();
  return pieces;
}

class MessageReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** Until the end, or the brace that closes an option. */
  pieces(nested: boolean, inPlural: boolean): readonly Piece[] {
    const pieces: Piece[] = [];
    let text = '';
    const flush = (): void => {
      if (text !== '') pieces.push({ kind: 'text', text });
      text = '';
    };
    while (this.#at < this.#text.length) {
      const char = this.#text.charAt(this.#at);
      if (char === '}' && nested) break;
      if (char === '}') throw this.#fault('a brace that nothing opened');
      if (char === "'") text += this.#quoted(inPlural);
      else if (char === '{') {
        flush();
        pieces.push(this.#argument(inPlural));
      } else if (char === '#' && inPlural) {
        flush();
        pieces.push({ kind: 'pound' });
        this.#at += 1;
      } else {
        text += char;
        this.#at += 1;
      }
    }
    flush();
    return pieces;
  }

  end(): void {
    if (this.#at < this.#text.length) throw this.#fault('text after the end');
  }

  /** From an apostrophe on. */
  #quoted(inPlural: boolean): string {
    const next = this.#text.charAt(this.#at + 1);
    if (next === "'") {
      this.#at += 2;
      return "'";
    }
    if (next !== '{' && next !== '}' && !(next === '#' && inPlural)) {
      this.#at += 1;
      return "'";
    }
    let text = '';
    for (this.#at += 1; this.#at < this.#text.length; this.#at += 1) {
      const char = this.#text.charAt(this.#at);
      if (char !== "'") text += char;
      else if (this.#text.charAt(this.#at + 1) === "'") {
        text += "'";
        this.#at += 1;
      } else break;
    }
    this.#at += 1;
    return text;
  }

  #argument(inPlural: boolean): Piece {
    this.#take('{');
    const name = this.#match(NAME, 'the name of a value');
    if (this.#next() === '}') {
      this.#take('}');
      return { kind: 'argument', name };
    }
    this.#take(',');
    const kind = this.#match(NAME, 'number, plural or select');
    if (kind === 'number') {
      this.#take('}');
      return { kind, name };
    }
    if (kind !== 'plural' && kind !== 'select')
      throw this.#fault(`"${kind}", which is none of number, plural and select`);
    this.#take(',');
    const options = new Map<string, readonly Piece[]>();
    while (this.#next() !== '}') {
      const selector = this.#match(SELECTOR, 'a selector');
      this.#take('{');
      options.set(selector, this.pieces(true, kind === 'plural' || inPlural));
      this.#take('}');
    }
    this.#take('}');
    if (!options.has('other')) throw this.#fault(`${name} without "other"`);
    return { kind, name, options };
  }

  #next(): string {
    SPACE.lastIndex = this.#at;
    SPACE.exec(this.#text);
    this.#at = SPACE.lastIndex;
    return this.#text.charAt(this.#at);
  }

  #take(char: string): void {
    if (this.#next() !== char) throw this.#fault(`"${this.#text.charAt(this.#at)}" instead of "${char}"`);
    this.#at += 1;
  }

  #match(pattern: RegExp, what: string): string {
    this.#next();
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found === undefined) throw this.#fault(`no ${what}`);
    this.#at += found.length;
    return found;
  }

  #fault(what: string): SyntaxError {
    return new SyntaxError(`${what} at ${this.#at} of "${this.#text}"`);
  }
}

/** The message with its values, in the manner of a locale. */
export function formatMessage(pieces: readonly Piece[], values: Values, locale: string): string {
  return write(pieces, values, locale, 0);
}

function write(pieces: readonly Piece[], values: Values, locale: string, count: number): string {
  return pieces.map((piece) => writePiece(piece, values, locale, count)).join('');
}

function writePiece(piece: Piece, values: Values, locale: string, count: number): string {
  switch (piece.kind) {
    case 'text':
      return piece.text;
    case 'argument':
      return String(values[piece.name] ?? '');
    case 'number':
      return numberIn(locale, Number(values[piece.name] ?? 0));
    case 'pound':
      return numberIn(locale, count);
    case 'plural': {
      const n = Number(values[piece.name] ?? 0);
      return write(optionOf(piece.options, [`=${n}`, categoryIn(locale, n)]), values, locale, n);
    }
    case 'select':
      return write(optionOf(piece.options, [String(values[piece.name])]), values, locale, count);
  }
}

function optionOf(
  options: ReadonlyMap<string, readonly Piece[]>,
  names: readonly string[],
): readonly Piece[] {
  const name = names.find((each) => options.has(each)) ?? 'other';
  return options.get(name) ?? [];
}

// Making one takes about a tenth of a millisecond.
const numbers = new Map<string, Intl.NumberFormat>();
const plurals = new Map<string, Intl.PluralRules>();

function numberIn(locale: string, n: number): string {
  const format = numbers.get(locale) ?? new Intl.NumberFormat(locale);
  numbers.set(locale, format);
  return format.format(n);
}

function categoryIn(locale: string, n: number): string {
  const rules = plurals.get(locale) ?? new Intl.PluralRules(locale);
  plurals.set(locale, rules);
  return rules.select(n);
}
