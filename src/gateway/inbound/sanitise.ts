/** Clean text from outside: no control characters but newline and tab, well-formed, at most `maxChars` UTF-16 units. */
export function sanitiseText(raw: string, maxChars = Number.POSITIVE_INFINITY): string {
  const clean = raw
    .toWellFormed()
    .replace(/\r\n?/g, '\n')
    .replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, '');
  return clean.length > maxChars ? clean.slice(0, maxChars).toWellFormed() : clean;
}

/** A name fit for one line of a table; never empty. */
export function sanitiseName(raw: string): string {
  const line = sanitiseText(raw).replace(/\s+/g, ' ').trim().slice(0, 64).toWellFormed();
  return line === '' ? '(no name)' : line;
}
