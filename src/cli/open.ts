import { findSession, seenWith } from '../gateway/operator/operations/operation.ts';
import { type Arguments, UsageError } from './arguments.ts';
import { holdSession, leaseOf } from './handoff.ts';
import { operatorSession } from './one-shot.ts';
import { printNote } from './output.ts';

/** Opens a chat's session in this terminal with pi; the gateway waits with it in the meantime. Resolves with pi's exit code. */
export async function runOpen(args: Arguments): Promise<number> {
  const wanted = args.rest[0];
  if (wanted === undefined) throw new UsageError('usage: pi-gateway-tui open <session>');
  if (process.stdout.isTTY !== true || process.stdin.isTTY !== true)
    throw new UsageError('open needs an interactive terminal.');
  const { operator, close } = await operatorSession(args);
  try {
    const session = findSession(await seenWith(operator, wanted), wanted);
    const lease = leaseOf((await operator.run({ type: 'session.lend', id: session.id })).data);
    printNote(
      `opening "${session.title}" of ${session.senderName} (${session.chat.platform}); its messages are queued until you exit pi.`,
    );
    const code = await holdSession(operator, session.id, lease);
    printNote('the session is closed in this terminal; its chat continues.');
    return code;
  } finally {
    await close();
  }
}
