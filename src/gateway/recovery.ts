import type { Clock } from './clock.ts';
import type { Conversations } from './conversation/conversations.ts';
import type { SessionRecord, Sessions } from './conversation/sessions.ts';
import { messageOf } from './errors.ts';
import type { Inbox, InboxItem } from './inbound/inbox.ts';
import type { Logger } from './log.ts';
import type { Outbox } from './outbound/outbox.ts';
import type { Door } from './security/door.ts';
import type { PairingRequest } from './security/pairing.ts';
import type { Database } from './store/database.ts';

/** Waiting messages younger than this run by themselves after a restart; older ones are reported. */
export const RESUME_WITHIN_MS = 10 * 60_000;

export interface RecoveryDeps {
  readonly db: Database;
  readonly inbox: Inbox;
  readonly outbox: Outbox;
  readonly sessions: Sessions;
  readonly conversations: Conversations;
  readonly door: Door;
  readonly clock: Clock;
  readonly log: Logger;
  readonly releaseHeld: (request: PairingRequest) => Promise<void>;
}

/**
 * After a stop or a crash everything accepted is queued again, reported as interrupted, or offered. A turn that may
 * have reached the model is never repeated by itself. Safe to repeat when it is itself cut off.
 */
export async function recoverInbox(deps: RecoveryDeps): Promise<void> {
  let resumed = 0;
  let reported = 0;
  for (const item of deps.inbox.open()) {
    if (item.state === 'held') {
      await recoverHeld(deps, item);
      continue;
    }
    const session = item.sessionId === undefined ? undefined : deps.sessions.get(item.sessionId);
    const young = deps.clock() - item.acceptedAt < RESUME_WITHIN_MS;
    if (item.state === 'queued' && young && session !== undefined) {
      deps.conversations.enqueue(item, session, 'queue');
      resumed += 1;
    } else {
      await report(deps, item, session);
      reported += 1;
    }
  }
  if (resumed + reported > 0) deps.log.info('took up what the last run left', { resumed, reported });
}

async function report(
  deps: RecoveryDeps,
  item: InboxItem,
  session: SessionRecord | undefined,
): Promise<void> {
  const { db, inbox, outbox } = deps;
  const { message } = item;
  const text =
    item.state === 'queued'
      ? `I was away for a while and did not work on this: "${firstWords(message.text)}". Send it again, or /retry, if it still matters.`
      : `I was restarted while working on this: "${firstWords(message.text)}". It was not finished. /retry runs it again.`;
  const row = await db.write((tx) => {
    inbox.setState(tx, item.id, 'done');
    return outbox.add(tx, {
      chat: message.chat,
      meta: {
        kind: 'outcome',
        code: 'interrupted',
        ...(session === undefined ? {} : { sessionId: session.id }),
        ...(message.promptId === undefined ? {} : { promptId: message.promptId }),
      },
      parts: outbox.format(message.chat, text),
      replyTo: message.messageId,
    });
  });
  outbox.release(row);
}

/** A held message goes with its request: approved meanwhile, still waiting, or gone. */
async function recoverHeld(deps: RecoveryDeps, item: InboxItem): Promise<void> {
  const { platform } = item.message.chat;
  const waiting = deps.door.desk.list().some((view) => deps.door.desk.get(view.id)?.heldId === item.id);
  if (waiting) return;
  if (deps.door.people.isAllowed(platform, item.message.sender)) {
    const request = deps.door.desk.closedFor(item.id);
    if (request !== undefined) {
      await deps
        .releaseHeld(request)
        .catch((error: unknown) =>
          deps.log.error('a held message could not be released', { error: messageOf(error) }),
        );
      return;
    }
  }
  await deps.db.write((tx) => deps.inbox.setState(tx, item.id, 'done'));
}

function firstWords(text: string): string {
  const line = text.trim().split('\n', 1)[0] ?? '';
  return line.length > 80 ? `${line.slice(0, 79).toWellFormed()}…` : line;
}
