import type { Static, TSchema } from 'typebox';
import { Value } from 'typebox/value';

/** Enough for whatever is wrong in one part, with the parts around it that need it. */
const MAX_ROUNDS = 20;

export interface Readable<T> {
  readonly value: T;
  /** Where something stood that the schema does not know, as JSON pointers. */
  readonly dropped: readonly string[];
}

/**
 * The value without the parts that the schema cannot read: a new shape next to a text is no reason to lose the text.
 * A part that lacks something goes as a whole. Undefined: nothing is left that could be read. Pure.
 */
export function readable<S extends TSchema>(schema: S, raw: unknown): Readable<Static<S>> | undefined {
  if (Value.Check(schema, raw)) return { value: raw, dropped: [] };
  if (typeof raw !== 'object' || raw === null) return undefined;
  const value: unknown = structuredClone(raw);
  const dropped: string[] = [];
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    // From the end, so that the places of a list stay right.
    for (const { instancePath } of Value.Errors(schema, value).toReversed()) {
      if (instancePath === '') return undefined;
      if (drop(value, instancePath)) dropped.push(instancePath);
    }
    if (Value.Check(schema, value)) return { value, dropped };
  }
  return undefined;
}

/** False: it is gone already, with what it stood in. */
function drop(root: unknown, pointer: string): boolean {
  const path = pointer
    .slice(1)
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
  const last = path.pop() ?? '';
  let holder: unknown = root;
  for (const part of path)
    holder = typeof holder === 'object' && holder !== null && Reflect.get(holder, part);
  if (typeof holder !== 'object' || holder === null || !Object.hasOwn(holder, last)) return false;
  if (Array.isArray(holder)) holder.splice(Number(last), 1);
  else Reflect.deleteProperty(holder, last);
  return true;
}
