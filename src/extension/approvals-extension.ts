/**
 * pi extension that the gateway gives to the sessions it hosts while approvals are on: it asks the gateway before every
 * tool call, and lets the call run only with an approval of exactly these arguments.
 */
import type { ExtensionAPI, ExtensionContext } from '@earendil-works/pi-coding-agent';
import { type CallClass, classifyCall } from '../agents/approval/classify.ts';
import { APPROVAL_TITLE, readReply, writeApproval } from '../agents/approval/wire.ts';
import { PROGRESS_TOOL } from '../agents/pi/equipment.ts';
import { canonicalJson, freezeDeep, toolHash } from '../gateway/agent/tool-hash.ts';

// pi loads an extension by its default export.
// biome-ignore lint/style/noDefaultExport: a contract from outside asks for one
export default function approvalsExtension(pi: ExtensionAPI): void {
  pi.on('session_start', (_event, ctx) => {
    // Nobody answers a session that waits for its first use: it must not wait for an answer.
    void ask(ctx, writeApproval({ type: 'hello' })).catch(() => undefined);
  });
  pi.on('tool_call', async (event, ctx) => {
    // A report of our own to the gateway, which does nothing.
    if (event.toolName === PROGRESS_TOOL) return undefined;
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
    const call = { tool: event.toolName, argumentsJson, hash, ...judged };
    const reply = readReply(await ask(ctx, writeApproval({ type: 'call', call })));
    if (reply !== undefined && reply.hash === hash && reply.decision !== 'deny') {
      // Minutes may have passed: a link on the way may lead elsewhere by now.
      const now = judge();
      if (now.groupKey === judged.groupKey && now.reason === judged.reason) return undefined;
      return {
        block: true,
        reason: 'The files have changed since the call was approved, so it was not run. Try again.',
      };
    }
    return { block: true, reason: reply?.reason ?? 'Nobody approved this call, so it was not run.' };
  });
}

function ask(ctx: ExtensionContext, message: string): Promise<string | undefined> {
  if (!ctx.hasUI) return Promise.resolve(undefined);
  return ctx.ui.input(APPROVAL_TITLE, message, ctx.signal === undefined ? {} : { signal: ctx.signal });
}
