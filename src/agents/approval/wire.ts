/**
 * How the extension inside pi and the gateway talk about tool calls: as questions of an `input` dialog, which every
 * way of running pi carries already. The title tells them from the dialogs of other extensions.
 */
import type { ApprovalDecision, ToolCall } from '../../gateway/agent/question.ts';
import { toolHash } from '../../gateway/agent/question.ts';

export const APPROVAL_TITLE = 'pi-gateway-tui/approval/1';

/** From the extension. */
export type ApprovalRequest =
  /** The extension is there, and will ask before every tool call. */
  { readonly type: 'hello' } | { readonly type: 'call'; readonly call: ToolCall };

/** From the gateway; `hash` names the one call that it is about. */
export interface ApprovalReply {
  readonly hash: string;
  readonly decision: ApprovalDecision;
  readonly reason?: string;
}

export function writeApproval(message: ApprovalRequest | ApprovalReply): string {
  return JSON.stringify(message);
}

/** Undefined for anything that the extension does not send, and for a call whose hash is not the one of its arguments. */
export function readRequest(text: string): ApprovalRequest | undefined {
  const message = parsed(text);
  if (message['type'] === 'hello') return { type: 'hello' };
  const call = object(message['call']);
  const { tool, callId, argumentsJson, hash, dangerous, reason, groupKey, group } = call;
  if (message['type'] !== 'call' || typeof dangerous !== 'boolean') return undefined;
  if (typeof tool !== 'string' || typeof argumentsJson !== 'string' || typeof hash !== 'string')
    return undefined;
  if (typeof reason !== 'string' || typeof groupKey !== 'string' || typeof group !== 'string')
    return undefined;
  if (toolHash(tool, argumentsJson) !== hash) return undefined;
  // A new field of a call does not compile until it is read here: it would be lost on the way.
  const needed = { tool, argumentsJson, hash, dangerous, reason, groupKey, group } satisfies Required<
    Omit<ToolCall, 'callId' | 'always'>
  >;
  return { type: 'call', call: { ...needed, ...(typeof callId === 'string' ? { callId } : {}) } };
}

/** Undefined for anything that the gateway does not send. */
export function readReply(text: string | undefined): ApprovalReply | undefined {
  const { hash, decision, reason } = parsed(text ?? '');
  if (typeof hash !== 'string') return undefined;
  if (decision !== 'once' && decision !== 'session' && decision !== 'deny') return undefined;
  return { hash, decision, ...(typeof reason === 'string' ? { reason } : {}) };
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    return object(JSON.parse(text));
  } catch {
    return {};
  }
}

function object(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
