/**
 * Port: a question that an agent puts to the people behind a conversation, and that blocks it until it is answered.
 */

import { createHash } from 'node:crypto';
import type { ChatText } from '../language/chat-text.ts';

/** The name under which the gateway asks before files of an answer leave. */
export const SEND_FILE_TOOL = 'send_file';
/** The name under which the gateway asks the operator to raise a spending limit until it resets. */
export const RAISE_LIMIT_TOOL = 'raise_limit';

/** One tool call as it will run. */
export interface ToolCall {
  /** Name of the tool. */
  readonly tool: string;
  /** The agent's own id of the call, where it has one. */
  readonly callId?: string;
  /** The exact arguments as canonical JSON. */
  readonly argumentsJson: string;
  /** SHA-256 of name and arguments, in hex: what is approved is what runs. */
  readonly hash: string;
  /** False: a conservative reading found nothing that could do harm. */
  readonly dangerous: boolean;
  /** Why it counts as dangerous, or as harmless; a phrase. */
  readonly reason: string;
  /** Calls with the same key are approved together by "for this session". */
  readonly groupKey: string;
  /** The same in words: "every `git push …`". */
  readonly group: string;
  /** Someone is asked even while `agent.approvals` lets such a call run. */
  readonly always?: true;
}

export interface AgentQuestion {
  readonly kind: 'select' | 'confirm' | 'input' | 'editor' | 'approval';
  readonly title: string;
  /** More words to the question. */
  readonly text?: string;
  /** For `select`. */
  readonly options?: readonly string[];
  /** What an `editor` begins with, or what an `input` suggests. */
  readonly preset?: string;
  /** The agent stops waiting on its own after this many milliseconds. */
  readonly timeoutMs?: number;
  /** For `approval`. */
  readonly call?: ToolCall;
  /** Owners are told as well: a turn that was cut off waits. The first option continues with it, the last drops it. */
  readonly resume?: true;
  /** What the chat reads instead of title, text and options, where they are words of ours. */
  readonly titleText?: ChatText;
  readonly bodyText?: ChatText;
  readonly optionTexts?: readonly ChatText[];
}

export type ApprovalDecision = 'once' | 'session' | 'deny';

export type AgentAnswer =
  /** `select` (one of the options), `input`, `editor`. */
  | { readonly type: 'value'; readonly value: string }
  | { readonly type: 'confirm'; readonly confirmed: boolean }
  /** `reason` is a sentence for the model. */
  | { readonly type: 'approval'; readonly decision: ApprovalDecision; readonly reason?: string }
  /** No one answered: dialogs are cancelled, tool calls denied. */
  | { readonly type: 'cancelled'; readonly reason: string };

/**
 * Puts a question to people. Settles when it is answered, has timed out, or `signal` fires because the agent does not
 * wait anymore; never rejects.
 */
export type AskQuestion = (question: AgentQuestion, signal: AbortSignal) => Promise<AgentAnswer>;

/** No one can be asked. */
export const nobodyToAsk: AskQuestion = () =>
  Promise.resolve({ type: 'cancelled', reason: 'there is no one to ask' });

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
