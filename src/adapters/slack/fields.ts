/** Guards for Slack's JSON: everything outside our own types is looked at through them. */
export type Fields = Readonly<Record<string, unknown>>;

const NOTHING: Fields = {};

/** The object itself, or an empty one for anything else. */
export function fieldsOf(value: unknown): Fields {
  return isFields(value) ? value : NOTHING;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A non-empty string under `key`. */
export function textOf(fields: Fields, key: string): string | undefined {
  const value = fields[key];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

export function numberOf(fields: Fields, key: string): number | undefined {
  const value = fields[key];
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

/** The objects in the list under `key`. */
export function listOf(fields: Fields, key: string): readonly Fields[] {
  const value: unknown = fields[key];
  return Array.isArray(value) ? value.filter(isFields) : [];
}
