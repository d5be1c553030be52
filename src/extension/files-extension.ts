/**
 * pi extension that the gateway gives to sessions on hosts while `agent.sessionFiles` is `store`: it makes the file of a
 * session ready before pi opens it, and sends everything that pi writes to it to the gateway.
 */
import type { ExtensionAPI, ExtensionContext } from '@earendil-works/pi-coding-agent';
import { FILES_TITLE, readFilesReply, writeFiles } from '../agents/files/carrier.ts';
import { type AskGateway, Follower, makeReady } from '../agents/files/follower.ts';

/** A gateway that is there answers within milliseconds; pi does not end while it waits. */
const ANSWER_MS = 20_000;

// biome-ignore lint/style/noDefaultExport: pi loads an extension by its default export
export default function filesExtension(pi: ExtensionAPI): void {
  let follower: Follower | undefined;
  pi.on('session_start', (_event, ctx) => {
    if (!ctx.hasUI) return;
    const file = ctx.sessionManager.getSessionFile();
    // No one answers a session that is waiting for its first use: it must not wait for an answer.
    if (file === undefined) void makeReady(asking(ctx)).catch(() => undefined);
    else {
      follower = new Follower(file, asking(ctx));
      void follower.begin();
    }
  });
  pi.on('session_shutdown', () => follower?.end());
  const copy = async (): Promise<void> => follower?.sync();
  // Before the model has seen the message, and before a tool runs: what is not copied has not happened.
  pi.on('before_provider_request', copy);
  pi.on('tool_call', async () => {
    await copy();
    return undefined;
  });
  pi.on('turn_end', copy);
  pi.on('agent_end', copy);
  pi.on('agent_settled', copy);
  pi.on('session_compact', copy);
  pi.on('session_tree', copy);
}

function asking(ctx: ExtensionContext): AskGateway {
  return async (request) =>
    readFilesReply(await ctx.ui.input(FILES_TITLE, writeFiles(request), { timeout: ANSWER_MS }));
}
