/** Everything that a command prints goes through here: no text of an agent or a person may steer the terminal. */
import { sanitiseText } from '../gateway/receive/sanitise.ts';

/** Characters that show nothing or change what is shown. JSON writes them as escapes, so nothing is lost. */
const HIDDEN =
  /\u034f|[\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e0fff}]/gu;

/** What goes to the terminal or the pipe for `text`. Machine-readable text stays the same JSON value. */
export function printable(text: string, json = false): string {
  if (!json) return sanitiseText(text);
  return text
    .toWellFormed()
    .replace(HIDDEN, (char) =>
      Array.from(
        { length: char.length },
        (_, i) => `\\u${char.charCodeAt(i).toString(16).padStart(4, '0')}`,
      ).join(''),
    );
}

/** One line of a table: a line break in a name would make a row of its own. */
export function oneLine(text: string): string {
  return sanitiseText(text).replaceAll(/\s*[\n\t]\s*/g, ' ');
}

/** A result, with its line break. */
export function printResult(text: string, json = false): void {
  process.stdout.write(`${printable(text, json)}\n`);
}

/** What is said next to the result: on stderr, in the name of the program. */
export function printNote(text: string): void {
  process.stderr.write(`pi-gateway-tui: ${printable(text)}\n`);
}

/** An escape sequence, a pair of units or a line end of which the rest may still come. */
const UNFINISHED =
  /(?:\u001b(?:[\]PX^_][^\u0007\u001b\u009c]*\u001b?|\[[0-?]*[ -/]*|[ -/]*)|[\u0090\u0098\u009d-\u009f][^\u0007\u001b\u009c]*|\u009b[0-?]*[ -/]*|\r|[\ud800-\udbff])$/;
/** No sequence is worth waiting for longer. */
const LONGEST = 4096;

/** Text that comes in pieces: a sequence that is split between two of them must not show as text. */
export class StreamedText {
  #held = '';

  /** What may be printed now. */
  add(piece: string): string {
    const text = this.#held + piece;
    const at = UNFINISHED.exec(text)?.index ?? text.length;
    const whole = text.length - at > LONGEST ? text.length : at;
    this.#held = text.slice(whole);
    return printable(text.slice(0, whole));
  }

  /** Nothing more comes. */
  end(): string {
    const rest = printable(this.#held);
    this.#held = '';
    return rest;
  }
}
