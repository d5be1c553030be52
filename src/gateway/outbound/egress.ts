/** Replaces registered secrets. */
export class Redactor {
  readonly #secrets = new Set<string>();

  /** Registers an exact secret; shorter than 6 characters is ignored. */
  add(secret: string): void {
    if (secret.length >= 6) this.#secrets.add(secret);
  }

  redact(text: string): string {
    let clean = text;
    for (const secret of this.#secrets) clean = clean.replaceAll(secret, '[redacted]');
    return clean;
  }
}

/** Last step for every text that leaves: well-formed Unicode, secrets redacted. Never throws. */
export function egressText(text: string, redactor: Redactor): string {
  return redactor.redact(text.toWellFormed());
}

/** One human sentence of anything thrown: no stack, no path. */
export function errorSentence(error: unknown): string {
  const raw = error instanceof Error ? error.message : String(error);
  const line = raw.split('\n')[0]?.trim() ?? '';
  return line === '' ? 'Something went wrong.' : line;
}
