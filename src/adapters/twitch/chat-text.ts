/** What a message line of IRC cannot carry or would understand as something else. */
const CONTROLS = /[\u0000-\u001f\u007f\u0085\u2028\u2029]+/g;
/** `/me`, `.ban`, `\ban`: Twitch would run it. A space in front is not enough, it may be trimmed. */
const COMMAND = /^\s*(?=[/\\.])/;
const ZERO_WIDTH_SPACE = '\u200b';
/** Looks like nothing and makes a text another one. */
const INVISIBLE = '\u{e0000}';

/**
 * The text as one harmless chat line: no line ends (they would begin further IRC commands), no control characters
 * (`\u0001` would make it an action), no chat command at its start. Empty when nothing is left.
 */
export function chatLine(text: string): string {
  return text.replace(CONTROLS, ' ').trim().replace(COMMAND, ZERO_WIDTH_SPACE);
}

/** An id that may stand in a tag; anything else would end the tag or the line. */
export function isTagValue(value: string): boolean {
  return /^[\w-]{1,64}$/.test(value);
}

/**
 * Twitch drops a message that repeats a former one within 30 s. A repetition gets an invisible ending, a different one
 * each time; only another try of the same message goes out as it was, so that Twitch can tell that it has it.
 */
export class Repetitions {
  readonly #windowMs: number;
  readonly #now: () => number;
  readonly #sent = new Map<string, { at: number; keys: string[] }>();

  constructor(windowMs: number, now: () => number = () => performance.now()) {
    this.#windowMs = windowMs;
    this.#now = now;
  }

  /** The text for the message with this key, different from other messages of the channel lately. */
  vary(channel: string, text: string, key: string): string {
    const now = this.#now();
    for (const [id, { at }] of this.#sent) if (now - at > this.#windowMs) this.#sent.delete(id);
    const id = `${channel} ${text}`;
    const entry = this.#sent.get(id) ?? { at: now, keys: [] };
    if (!entry.keys.includes(key)) entry.keys.push(key);
    entry.at = now;
    this.#sent.set(id, entry);
    const times = entry.keys.indexOf(key);
    return times === 0 ? text : `${text} ${INVISIBLE.repeat(((times - 1) % 6) + 1)}`;
  }
}
