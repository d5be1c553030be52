import type { LogFields, Logger } from '../../base/log.ts';

/** Takes secrets out of a text. */
export type Scrub = (text: string) => string;

/** Replaces every secret, also where it was URL-encoded, by `[secret]`. Empty secrets are ignored. */
export function scrubber(...secrets: readonly (string | undefined)[]): Scrub {
  const forms = new Set<string>();
  for (const secret of secrets) {
    if (secret === undefined || secret === '') continue;
    forms.add(secret);
    forms.add(encodeURIComponent(secret));
  }
  // The longest first, so that a secret that contains another one leaves no rest.
  const ordered = [...forms].sort((a, b) => b.length - a.length);
  return (text) => ordered.reduce((clean, form) => clean.replaceAll(form, '[secret]'), text);
}

/** A logger whose lines and fields cannot carry the secrets, whatever a library put into its errors. */
export function scrubbedLogger(log: Logger, scrub: Scrub): Logger {
  const clean = (fields: LogFields | undefined): LogFields | undefined =>
    fields === undefined
      ? undefined
      : Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, scrubValue(value, scrub)]));
  return {
    debug: (message, fields) => log.debug(scrub(message), clean(fields)),
    info: (message, fields) => log.info(scrub(message), clean(fields)),
    warn: (message, fields) => log.warn(scrub(message), clean(fields)),
    error: (message, fields) => log.error(scrub(message), clean(fields)),
    child: (source) => scrubbedLogger(log.child(source), scrub),
  };
}

function scrubValue(value: unknown, scrub: Scrub): unknown {
  if (typeof value === 'string') return scrub(value);
  if (value instanceof Error) return scrub(value.message);
  return value;
}
