/** What is stored of a session that a terminal has. */
export interface StoredLease {
  readonly lease: string;
  /** Ends then, unless it is renewed. */
  until: number;
  /** Process id of the terminal's pi, once it runs. */
  pid: number | undefined;
}

/** Undefined for what we did not write. */
export function parseLease(text: string): StoredLease | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { lease, until, pid }: { lease?: unknown; until?: unknown; pid?: unknown } = { ...value };
  if (typeof lease !== 'string' || typeof until !== 'number') return undefined;
  return { lease, until, pid: typeof pid === 'number' ? pid : undefined };
}
