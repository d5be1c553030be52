/** What calls of a model have cost, as pi's session file has it. */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { ModelUse } from '../../gateway/agent/model-call.ts';
import { isObject, numberAt, objectAt, parseRecord, stringAt } from '../../gateway/agent/record.ts';
import { reportedInput } from './input-bound.ts';
import { RESERVED_AS } from './wire.ts';

/** Refused by the provider before it began to work: nothing is charged. */
const NOT_BEGUN = /^(?:400|401|402|403|404|405|413|415|422|429|503|529)\b/;

/** What a finished call counts as. Of one that was cut nobody knows what is charged. */
export function chargeOf(result: unknown, answered: boolean): ModelUse | 'cut' | 'unused' {
  const reason = stringAt(result, 'stopReason');
  const usage = objectAt(result, 'usage');
  const tokens = reportedInput(usage) + numberAt(usage, 'output');
  if (reason === 'error' && !answered && tokens === 0)
    return NOT_BEGUN.test(stringAt(result, 'errorMessage') ?? '') ? 'unused' : 'cut';
  if (reason === 'error' || reason === 'aborted' || reason === undefined) return 'cut';
  // Without a report of both sides it is none.
  if (reportedInput(usage) === 0) return 'cut';
  const cost = objectAt(usage, 'cost');
  return { tokens, costUsd: Math.max(numberAt(cost, 'total'), numberAt(cost, 'totalFromProvider')) };
}

/** Notes in an answer which reservation it was for, so that pi's session file has it. */
export function markAnswer(answer: unknown, reservation: string | undefined): void {
  if (reservation !== undefined && isObject(answer)) Reflect.set(answer, RESERVED_AS, reservation);
}

/** The calls of these that the session file has a whole answer of; the others are unknown. */
export async function reportedIn(
  file: string,
  calls: readonly string[],
): Promise<ReadonlyMap<string, ModelUse>> {
  const found = new Map<string, ModelUse>();
  const lines = createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY });
  for await (const line of lines) {
    if (!line.includes(RESERVED_AS)) continue;
    const message = objectAt(parseRecord(line), 'message');
    const id = stringAt(message, RESERVED_AS);
    const use = chargeOf(message, true);
    if (id !== undefined && calls.includes(id) && typeof use !== 'string' && use.tokens > 0)
      found.set(id, use);
  }
  return found;
}
