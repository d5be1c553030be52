import type { AgentAnswer, ToolCall } from '../agent/question.ts';

export type ApprovalMode = 'off' | 'dangerous' | 'all';

const APPROVED: AgentAnswer = { type: 'approval', decision: 'once' };

/** Which tool calls need no one's word: harmless ones by the mode, and groups that were approved for the session. */
export class Approvals {
  readonly #mode: () => ApprovalMode;
  /** Session, then requester, then group: an approval of one person is not one for others in the same session. */
  readonly #granted = new Map<string, Set<string>>();
  /** Session, then calls that were approved and then cut off by a restart. */
  readonly #again = new Map<string, Set<string>>();

  constructor(mode: () => ApprovalMode) {
    this.#mode = mode;
  }

  /** The answer that needs no one; undefined: someone has to be asked. */
  answer(call: ToolCall, sessionId: string, requesterId: string | undefined): AgentAnswer | undefined {
    const mode = this.#mode();
    const free = mode === 'off' || (mode === 'dangerous' && !call.dangerous);
    if (free && call.always !== true) return APPROVED;
    if (this.#again.get(sessionId)?.delete(againKey(call, requesterId))) return APPROVED;
    return this.#granted.get(sessionId)?.has(keyOf(call, requesterId)) ? APPROVED : undefined;
  }

  /** From now on the group of this call runs without asking, until the session ends. */
  grant(call: Pick<ToolCall, 'groupKey'>, sessionId: string, requesterId: string | undefined): void {
    const granted = this.#granted.get(sessionId) ?? new Set();
    granted.add(keyOf(call, requesterId));
    this.#granted.set(sessionId, granted);
  }

  /** This call, once, runs without asking: it was approved before a restart cut it off. */
  allowAgain(call: Pick<ToolCall, 'hash'>, sessionId: string, requesterId: string | undefined): void {
    const again = this.#again.get(sessionId) ?? new Set();
    again.add(againKey(call, requesterId));
    this.#again.set(sessionId, again);
  }

  /** The turn is over in which such a call may have come. */
  forgetAgain(sessionId: string): void {
    this.#again.delete(sessionId);
  }

  forget(sessionId: string): void {
    this.#granted.delete(sessionId);
    this.#again.delete(sessionId);
  }
}

function againKey(call: Pick<ToolCall, 'hash'>, requesterId: string | undefined): string {
  return JSON.stringify([requesterId ?? null, call.hash]);
}

function keyOf(call: Pick<ToolCall, 'groupKey'>, requesterId: string | undefined): string {
  return JSON.stringify([requesterId ?? null, call.groupKey]);
}
