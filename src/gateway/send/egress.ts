import { redactSpans, type Span } from './spans.ts';
import { tokenSpans } from './token-shapes.ts';

/** Shorter texts are ordinary words too often: replacing them would shred a message and still hide nothing. */
const SHORTEST_SECRET = 6;

/**
 * Removes secrets from texts: those registered here (as they are and URL-encoded) and everything that has the shape
 * of a well-known token. Works on a whole text before it is cut into parts: a secret across a cut has no shape.
 * Time grows with the length of the text and the number of secrets, whatever the text is.
 */
export class Redactor {
  readonly #needles = new Set<string>();

  /** Registers an exact secret. Shorter than 6 characters is ignored; surrounding white space does not count. */
  add(secret: string): void {
    const value = secret.trim();
    if (value.length < SHORTEST_SECRET) return;
    for (const form of [value, ...encodedForms(value)]) this.#needles.add(form);
  }

  /** `text` with every secret replaced by `[redacted]`. */
  redact(text: string): string {
    const spans: Span[] = tokenSpans(text);
    for (const needle of this.#needles)
      for (let at = text.indexOf(needle); at >= 0; at = text.indexOf(needle, at + needle.length))
        spans.push({ start: at, end: at + needle.length });
    return redactSpans(text, spans);
  }
}

function encodedForms(value: string): string[] {
  const encoded = encodeURIComponent(value.toWellFormed());
  const form = encoded.replaceAll('%20', '+');
  return [
    encoded,
    form,
    encoded.replace(/%[0-9A-F]{2}/g, (hex) => hex.toLowerCase()),
    encodeURI(value.toWellFormed()),
  ];
}

/** The last step for every text that leaves the gateway: well-formed Unicode, secrets redacted. Never throws. */
export function egressText(text: string, redactor: Redactor): string {
  return redactor.redact(text.toWellFormed());
}

export { errorSentence } from './error-sentence.ts';
