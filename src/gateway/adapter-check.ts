import { withDeadline } from '../base/async.ts';
import { GatewayError, messageOf } from '../base/errors.ts';
import type { Adapter, AdapterCheck } from './adapter.ts';

/** Keys of `platforms.<platform>` as an operator typed them: not validated yet. */
export type CandidateSettings = Readonly<Record<string, unknown>>;

/** Longest time that a platform gets to answer. */
const CHECK_MS = 15_000;

/**
 * Asks an adapter about its settings. What cannot be made or does not answer is a finding, not an exception;
 * undefined when this adapter has nothing to ask. Always settles within about 15 s.
 */
export async function checkAdapter(options: {
  readonly make: () => Promise<Adapter>;
  readonly stateDir: string;
  readonly redact: (text: string) => string;
}): Promise<AdapterCheck | undefined> {
  const { make, stateDir, redact } = options;
  try {
    const check = await withDeadline(CHECK_MS, async (signal) => (await make()).check?.(signal, stateDir), {
      reason: () => new Error('the platform gave no answer in time'),
    });
    return check === undefined ? undefined : { ok: check.ok, findings: check.findings.map(redact) };
  } catch (error) {
    const hint = error instanceof GatewayError ? error.hint : undefined;
    const sentence = messageOf(error).replace(/[^.!?]$/, '$&.');
    return { ok: false, findings: [redact(sentence), ...(hint === undefined ? [] : [redact(hint)])] };
  }
}
