/** What calls of a model have cost, as pi's session file has it. */
import { createHmac } from 'node:crypto';
import { openRegular } from '../../base/files.ts';
import type { ModelUse } from '../../gateway/agent/agent.ts';
import { isObject, numberAt, objectAt, parseRecord, stringAt } from '../../gateway/agent/pi-files.ts';
import { reportedInput } from './input-bound.ts';
import { RESERVED_AS } from './wire.ts';

/** Refused by the provider before it began to work: nothing is charged. */
const NOT_BEGUN = /^(?:400|401|402|403|404|405|413|415|422|429|503|529)\b/;

/** What a finished call counts as. Of one that was cut no one knows what is charged. */
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

/**
 * Notes in an answer that its use is the one that was reported. The note is made with the id of the reservation, which
 * only pi and the gateway know and which is nowhere in the file: a tool that writes there can make no other use count.
 */
export function markAnswer(answer: unknown, reservation: string | undefined, use: ModelUse): void {
  if (reservation !== undefined && isObject(answer))
    Reflect.set(answer, RESERVED_AS, sealOf(reservation, use));
}

function sealOf(reservation: string, { tokens, costUsd }: ModelUse): string {
  return createHmac('sha256', reservation).update(`${tokens} ${costUsd}`).digest('base64url');
}

/** A single line of more than this could not be read. */
const MOST_BYTES = 256 * 1024 * 1024;

/** The calls of these that the session file has a whole answer of; the others are unknown. */
export async function reportedIn(
  file: string,
  calls: readonly string[],
): Promise<ReadonlyMap<string, ModelUse>> {
  const found = new Map<string, ModelUse>();
  const handle = await openRegular(file);
  try {
    if ((await handle.stat()).size > MOST_BYTES) return found;
    for await (const line of handle.readLines({ autoClose: false })) {
      if (!line.includes(RESERVED_AS)) continue;
      const message = objectAt(parseRecord(line), 'message');
      const use = chargeOf(message, true);
      if (typeof use === 'string' || use.tokens <= 0) continue;
      const id = calls.find((call) => sealOf(call, use) === message[RESERVED_AS]);
      if (id !== undefined) found.set(id, use);
    }
  } finally {
    await handle.close();
  }
  return found;
}
