/**
 * pi extension that the gateway gives to the sessions it hosts while approvals are on: it asks the gateway before every
 * tool call, and lets the call run only with an approval of exactly these arguments.
 */

import type { ExtensionAPI, ExtensionContext } from '@earendil-works/pi-coding-agent';
import { APPROVAL_TITLE, guardCall, readReply, writeApproval } from '../agents/approval/approval.ts';
import { PROGRESS_TOOL } from '../agents/pi/backend.ts';
import { defined } from '../base/defined.ts';

// biome-ignore lint/style/noDefaultExport: pi loads an extension by its default export
export default function approvalsExtension(pi: ExtensionAPI): void {
  pi.on('session_start', (_event, ctx) => {
    // No one answers a session that is waiting for its first use: it must not wait for an answer.
    void ask(ctx, writeApproval({ type: 'hello' })).catch(() => undefined);
  });
  pi.on('tool_call', async (event, ctx) => {
    // A report of our own to the gateway, which does nothing.
    if (event.toolName === PROGRESS_TOOL) return undefined;
    return guardCall(pi, event, ctx, async (call) =>
      readReply(await ask(ctx, writeApproval({ type: 'call', call }))),
    );
  });
}

function ask(ctx: ExtensionContext, message: string): Promise<string | undefined> {
  if (!ctx.hasUI) return Promise.resolve(undefined);
  return ctx.ui.input(APPROVAL_TITLE, message, defined({ signal: ctx.signal }));
}
