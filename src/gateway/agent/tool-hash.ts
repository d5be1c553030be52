import { createHash } from 'node:crypto';

/** JSON with sorted keys: equal values have equal texts. */
export function canonicalJson(value: unknown, indent?: number): string {
  return JSON.stringify(sorted(value), undefined, indent) ?? 'null';
}

/** What an approval is bound to: the name of the tool and its exact arguments. */
export function toolHash(tool: string, argumentsJson: string): string {
  return createHash('sha256')
    .update(JSON.stringify([tool, argumentsJson]))
    .digest('hex');
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
      .map(([key, inner]) => [key, sorted(inner)]),
  );
}

/** Nothing can change the arguments anymore: anyone who tries gets an error, and pi does not run the tool then. */
export function freezeDeep<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  Object.freeze(value);
  for (const inner of Object.values(value)) freezeDeep(inner);
  return value;
}
