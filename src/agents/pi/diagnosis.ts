import { ownText } from '../../base/text.ts';

/** Keeps the last part of a stream of text, so that a noisy child cannot fill the memory. */
export class Tail {
  readonly #maxChars: number;
  #text = '';

  constructor(maxChars = 8192) {
    this.#maxChars = maxChars;
  }

  add(text: string): void {
    this.#text = ownText((this.#text + text).slice(-this.#maxChars));
  }

  toString(): string {
    return this.#text;
  }
}

const ANSI = /\u001b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|.)/g;
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]+/g;

/** Text of a program on one clean line of at most `maxChars`, fit for a hint or a log. */
export function oneLine(text: string, maxChars = 300): string {
  const clean = text.replace(ANSI, '').replace(CONTROL, ' ').replace(/ {2,}/g, ' ').trim().toWellFormed();
  return clean.length <= maxChars ? clean : `${clean.slice(0, maxChars - 1).toWellFormed()}…`;
}

/**
 * The line of an error output that says what went wrong: the first that looks like an error (what follows is usually
 * a stack), else the last.
 */
export function tellingLine(stderr: string): string {
  const lines = stderr
    .split('\n')
    .map((line) => oneLine(line))
    .filter((line) => line !== '' && !/^(at |Node\.js v)/.test(line));
  return lines.find((line) => /error|cannot|not found|no such/i.test(line)) ?? lines.at(-1) ?? '';
}
