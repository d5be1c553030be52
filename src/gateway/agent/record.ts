/** One JSON object of pi's protocol. Everything but `type` is unknown until someone looks. */
export interface PiRecord {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** Undefined for everything that is no protocol record: broken JSON, banners, stray output of a tool. */
export function parseRecord(line: string): PiRecord | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isPiRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isPiRecord(value: unknown): value is PiRecord {
  return isObject(value) && typeof value['type'] === 'string';
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A nested object, or an empty one. */
export function objectAt(value: unknown, field: string): Readonly<Record<string, unknown>> {
  const inner = isObject(value) ? value[field] : undefined;
  return isObject(inner) ? inner : {};
}

export function stringAt(value: unknown, field: string): string | undefined {
  const inner = isObject(value) ? value[field] : undefined;
  return typeof inner === 'string' ? inner : undefined;
}

/** A finite number, or 0. */
export function numberAt(value: unknown, field: string): number {
  const inner = isObject(value) ? value[field] : undefined;
  return typeof inner === 'number' && Number.isFinite(inner) ? inner : 0;
}

export function listAt(value: unknown, field: string): readonly unknown[] {
  const inner = isObject(value) ? value[field] : undefined;
  return Array.isArray(inner) ? inner : [];
}

/** The text of a message's content, which is a string or a list of parts. */
export function contentText(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content
    .map((part: unknown) => (stringAt(part, 'type') === 'text' ? (stringAt(part, 'text') ?? '') : ''))
    .join('');
}
