/** What went wrong, with the next step where the gateway names one. */
export function sentenceOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (!('hint' in error) || typeof error.hint !== 'string') return error.message;
  return `${error.message.replace(/[^.!?:…]$/u, '$&.')} ${error.hint}`;
}
