import type { AgentAnswer, ToolCall } from '../agent/question.ts';

export type ApprovalMode = 'off' | 'dangerous' | 'all';

const APPROVED: AgentAnswer = { type: 'approval', decision: 'once' };

/** Which tool calls need nobody's word: harmless ones by the mode, and groups that were approved for the session. */
export class Approvals {
  readonly #mode: () => ApprovalMode;
  /** Session, then requester, then group: an approval of one person is not one for others in the same session. */
  readonly #granted = new Map<string, Set<string>>();

  constructor(mode: () => ApprovalMode) {
    this.#mode = mode;
  }

  /** The answer that needs nobody; undefined: somebody has to be asked. */
  answer(call: ToolCall, sessionId: string, requesterId: string | undefined): AgentAnswer | undefined {
    const mode = this.#mode();
    const free = mode === 'off' || (mode === 'dangerous' && !call.dangerous);
    if (free && call.always !== true) return APPROVED;
    return this.#granted.get(sessionId)?.has(keyOf(call, requesterId)) ? APPROVED : undefined;
  }

  /** From now on the group of this call runs without asking, until the session ends. */
  grant(call: ToolCall, sessionId: string, requesterId: string | undefined): void {
    const granted = this.#granted.get(sessionId) ?? new Set();
    granted.add(keyOf(call, requesterId));
    this.#granted.set(sessionId, granted);
  }

  forget(sessionId: string): void {
    this.#granted.delete(sessionId);
  }
}

function keyOf(call: ToolCall, requesterId: string | undefined): string {
  return JSON.stringify([requesterId ?? null, call.groupKey]);
}
