/** What becomes of a turn that a crash or a restart cut off: a pure decision, with its reason. */

export type ResumeMode = 'auto' | 'ask' | 'off';

/**
 * What is known of a tool call that has no result in the session file.
 * - `ended`: it ran to its end, and its result is known
 * - `refused`: it was not allowed, and did not run
 * - `undecided`: it did not run, because no one had decided about it
 * - `cut`: it was allowed to run; whether it began, or how far it came, no one knows
 */
export type CallFate = 'ended' | 'refused' | 'undecided' | 'cut';

export interface CutFacts {
  readonly mode: ResumeMode;
  /** The agent can continue turns, and the session file can be read. */
  readonly continuable: boolean;
  /** The message is in the session file: the model may have seen it. */
  readonly taken: boolean;
  /** The message names a program of the agent, which may have run without a trace. */
  readonly program: boolean;
  /** The session file has the whole answer. */
  readonly answered: boolean;
  /** A tool was allowed to run of which the session file does not know: the file is not the whole story. */
  readonly behind?: boolean;
  readonly calls: readonly { readonly effects: boolean; readonly fate: CallFate }[];
  /** How often the turn was continued already. */
  readonly attempts: number;
  /** Since the last sign of the turn, in milliseconds. */
  readonly cutForMs: number;
}

export interface ResumeDecision {
  readonly kind: /** Reported as interrupted. */
    | 'report'
    /** The answer is in the session file. */
    | 'deliver'
    /** Runs from its beginning: the model has not seen it. */
    | 'restart'
    | 'continue'
    /** People decide. */
    | 'ask';
  readonly code: string;
  readonly reason: string;
}

/** As often a turn continues on its own; one that ends the gateway each time must not do so forever. */
const MOST_ATTEMPTS = 3;
/** What was cut off longer ago is news of yesterday. */
const MOST_MS = 24 * 60 * 60_000;

export function decideResume(facts: CutFacts): ResumeDecision {
  const { calls } = facts;
  if (facts.mode === 'off') return { kind: 'report', code: 'resume_off', reason: 'agent.resume is off' };
  if (!facts.continuable)
    return { kind: 'report', code: 'not_continuable', reason: 'its session cannot be continued from here' };
  if (facts.behind === true)
    return { kind: 'report', code: 'file_behind', reason: 'its session file lacks what its tools have done' };
  if (facts.cutForMs > MOST_MS)
    return { kind: 'report', code: 'cut_long_ago', reason: 'it was cut off more than a day ago' };
  if (facts.answered)
    return { kind: 'deliver', code: 'answered', reason: 'the agent had finished its answer' };
  if (!facts.taken && facts.program)
    return {
      kind: 'report',
      code: 'program',
      reason: 'it ran a command of the agent, which leaves no trace',
    };
  if (calls.some(({ effects, fate }) => effects && fate === 'cut'))
    return { kind: 'ask', code: 'tool_cut', reason: 'a tool with effects was cut off' };
  if (facts.attempts >= MOST_ATTEMPTS)
    return {
      kind: 'ask',
      code: 'cut_again',
      reason: `it was cut off again after ${facts.attempts} attempts`,
    };
  if (facts.mode === 'ask') return { kind: 'ask', code: 'resume_ask', reason: 'agent.resume is ask' };
  if (!facts.taken)
    return { kind: 'restart', code: 'not_taken', reason: 'the model had not seen the message yet' };
  return { kind: 'continue', ...howFar(calls) };
}

function howFar(calls: CutFacts['calls']): Pick<ResumeDecision, 'code' | 'reason'> {
  if (calls.length === 0) return { code: 'no_tool', reason: 'no tool was running' };
  if (calls.some(({ effects, fate }) => effects && fate === 'ended'))
    return { code: 'tool_ended', reason: 'its tools ran to their end, and their results are known' };
  if (calls.every(({ effects }) => !effects))
    return { code: 'only_reads', reason: 'only tools that read were running' };
  return { code: 'not_run', reason: 'the tool calls had not been approved and did not run' };
}

interface Waiting {
  readonly text: string;
  /** Handed to a turn that ran for an earlier message. */
  readonly steered: boolean;
}

/**
 * Which of the messages of one turn did the model take? For each, which of the `taken` texts it is; undefined: it was not
 * taken. Texts are compared; a template may have rewritten that of the first, which then is the first taken.
 */
export function takenBy(
  messages: readonly Waiting[],
  taken: readonly { readonly text: string }[],
): readonly (number | undefined)[] {
  let from = 0;
  return messages.map(({ text, steered }) => {
    const at = taken.findIndex((each, i) => i >= from && each.text.includes(text.trim()));
    const found = at >= 0 ? at : steered || from >= taken.length ? undefined : from;
    if (found !== undefined) from = found + 1;
    return found;
  });
}
