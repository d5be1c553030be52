/** Lets a tool call run only with an approval of exactly these arguments, wherever the question goes. */
import type {
  ExtensionAPI,
  ExtensionContext,
  ToolCallEvent,
  ToolCallEventResult,
} from '@earendil-works/pi-coding-agent';
import { type CallClass, classifyCall } from '../agents/approval/classify.ts';
import type { ApprovalReply } from '../agents/approval/wire.ts';
import type { ToolCall } from '../gateway/agent/question.ts';
import { canonicalJson, freezeDeep, toolHash } from '../gateway/agent/question.ts';

/** `ask` resolves with the answer; undefined: no one answered. */
export async function guardCall(
  pi: Pick<ExtensionAPI, 'getAllTools'>,
  event: ToolCallEvent,
  ctx: Pick<ExtensionContext, 'cwd'>,
  ask: (call: ToolCall) => Promise<ApprovalReply | undefined>,
): Promise<ToolCallEventResult | undefined> {
  // First of all: what is judged, shown and approved is what runs.
  const input = freezeDeep(event.input);
  const argumentsJson = canonicalJson(input);
  const hash = toolHash(event.toolName, argumentsJson);
  // Another extension may have put a tool of its own in the place of pi's.
  const own = pi
    .getAllTools()
    .some(({ name, sourceInfo }) => name === event.toolName && sourceInfo.source === 'builtin');
  const judge = (): CallClass => classifyCall(event.toolName, { ...input }, ctx.cwd, own);
  const judged = judge();
  const { toolName: tool, toolCallId: callId } = event;
  const reply = await ask({ tool, callId, argumentsJson, hash, ...judged });
  if (reply !== undefined && reply.hash === hash && reply.decision !== 'deny') {
    // Minutes may have passed: a link on the way may lead elsewhere by now.
    const now = judge();
    if (now.groupKey === judged.groupKey && now.reason === judged.reason) return undefined;
    return {
      block: true,
      reason: 'The files have changed since the call was approved, so it was not run. Try again.',
    };
  }
  return { block: true, reason: reply?.reason ?? 'No one approved this call, so it was not run.' };
}
