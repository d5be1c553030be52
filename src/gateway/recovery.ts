import { defined } from '../base/defined.ts';
import { messageOf } from '../base/errors.ts';
import type { Access } from './access/access.ts';
import type { PairingRequest } from './access/pairing-request.ts';
import type { Core } from './core.ts';
import { type ChatText, joined, say } from './language/chat-text.ts';
import type { InboundMessage } from './model.ts';
import type { Inbox, InboxItem } from './receive/inbox.ts';
import type { Outbox } from './send/outbox.ts';
import type { SessionRecord, Sessions } from './sessions/sessions.ts';
import type { Conversations } from './turns/conversations.ts';
import { takeUp } from './turns/resume.ts';

/** Waiting messages younger than this run on their own after a restart; older ones are offered. */
const RESUME_WITHIN_MS = 10 * 60_000;

export interface RecoveryDeps extends Core {
  readonly inbox: Inbox;
  readonly outbox: Outbox;
  readonly sessions: Sessions;
  readonly conversations: Conversations;
  readonly access: Access;
  /** Numbers of the questions of a session that no one waits for anymore. */
  readonly lostQuestions: (sessionId: string) => readonly number[];
  readonly release: (request: PairingRequest) => Promise<void>;
  readonly reject: (request: PairingRequest, tell: boolean) => Promise<void>;
  readonly adopt: (item: InboxItem) => Promise<void>;
}

/**
 * After a stop or a crash everything accepted is queued again, continued, reported as interrupted, or offered. A
 * turn that may have reached the model is never repeated from its beginning on its own. Safe to repeat when it is itself cut off.
 */
export async function recoverInbox(
  deps: RecoveryDeps,
): Promise<{ readonly resumed: number; readonly reported: number }> {
  let resumed = 0;
  // Written together: what a kill cut off is reported with one wait for the disk, in its order.
  const reports: Promise<void>[] = [];
  const open = deps.inbox.open();
  const cut = open.filter(({ state }) => state === 'running' || state === 'steering');
  const left = await resumeCut(deps, cut);
  for (const item of left) reports.push(report(deps, item, sessionOf(deps, item)));
  resumed += cut.length - left.length;
  for (const item of open) {
    if (item.state === 'running' || item.state === 'steering') continue;
    if (item.state === 'held') {
      await recoverHeld(deps, item).catch((error: unknown) =>
        deps.log.error('a held message could not be taken up', { error: messageOf(error) }),
      );
      continue;
    }
    const session = sessionOf(deps, item);
    if (young(deps, item) && session !== undefined) {
      deps.conversations.enqueue(item, session, 'queue');
      resumed += 1;
    } else {
      reports.push(report(deps, item, session));
    }
  }
  await Promise.all(reports);
  const reported = reports.length;
  if (resumed + reported > 0) deps.log.info('resumed the work of the last run', { resumed, reported });
  return { resumed, reported };
}

function sessionOf({ sessions }: RecoveryDeps, { sessionId }: InboxItem): SessionRecord | undefined {
  return sessionId === undefined ? undefined : sessions.get(sessionId);
}

function young({ clock }: RecoveryDeps, { acceptedAt }: InboxItem): boolean {
  return clock() - acceptedAt < RESUME_WITHIN_MS;
}

/** Takes up the turns that were cut off; resolves with the messages that are to be reported instead. */
async function resumeCut(deps: RecoveryDeps, cut: readonly InboxItem[]): Promise<InboxItem[]> {
  const reported: InboxItem[] = [];
  for (const [id, items] of Map.groupBy(cut, ({ sessionId }) => sessionId)) {
    const session = id === undefined ? undefined : deps.sessions.get(id);
    const rest =
      session === undefined
        ? items
        : await resumeTurn(deps, session, items).catch((error: unknown) => {
            deps.log.error('a turn that was cut off could not be taken up', { error: messageOf(error) });
            return items;
          });
    reported.push(...rest);
  }
  return reported.sort((a, b) => a.seq - b.seq);
}

/** All messages of one turn: those that the model took, and those that it had not taken yet. */
async function resumeTurn(
  deps: RecoveryDeps,
  session: SessionRecord,
  items: readonly InboxItem[],
): Promise<readonly InboxItem[]> {
  const { conversations, decide, inbox, db } = deps;
  const taken = await takeUp(conversations.live(session), items, decide);
  if (taken === undefined) return items;
  conversations.enqueue(taken.current, session, 'queue');
  for (const item of taken.later) {
    await db.write((tx) => inbox.setState(tx, item, 'queued'));
    conversations.enqueue({ ...item, state: 'queued' }, session, 'queue');
  }
  return taken.unclear;
}

/**
 * A program gets the outcome of its prompt and decides itself. A person is offered the message: it is kept, and runs
 * when they ask for it.
 */
async function report(
  deps: RecoveryDeps,
  item: InboxItem,
  session: SessionRecord | undefined,
): Promise<void> {
  const { db, inbox, outbox, decide } = deps;
  const { message } = item;
  const waited = item.state === 'queued';
  const offered = session !== undefined && message.promptId === undefined;
  const lost = waited || session === undefined ? [] : deps.lostQuestions(session.id);
  const read = deps.readers.heard(message);
  if (read !== undefined) await read;
  const row = await db.write((tx) => {
    if (offered) inbox.offer(tx, item, session.id);
    else inbox.setState(tx, item, 'done');
    return outbox.add(tx, {
      chat: message.chat,
      meta: {
        kind: 'outcome',
        code: 'interrupted',
        ...(session === undefined ? {} : { sessionId: session.id }),
        ...defined({ promptId: message.promptId }),
      },
      parts: reportParts(deps, message, reportText(message.text, waited, offered, lost), offered),
      replyTo: message.messageId,
    });
  });
  void outbox.release(row);
  decide({
    what: 'message',
    kind: offered ? 'offered' : 'interrupted',
    code: waited ? 'waited_too_long' : 'interrupted',
    reason: waited
      ? 'it was queued for more than ten minutes while the gateway was down'
      : 'the gateway ended while a turn worked on it',
    platform: message.chat.platform,
    chatId: message.chat.chatId,
    senderId: message.sender.id,
    id: item.id,
    ...(session === undefined ? {} : { sessionId: session.id }),
  });
}

function reportText(text: string, waited: boolean, offered: boolean, lost: readonly number[]): ChatText {
  const what = firstWords(text);
  return joined(
    [
      waited ? say('turn.away', { what }) : say('turn.restarted', { what }),
      ...(waited || lost.length === 0
        ? []
        : [
            say('turn.questionsVoid', {
              n: lost.length,
              which: lost.map((number) => `#${number}`).join(', '),
            }),
          ]),
      offered ? say('turn.offer') : say('turn.sendAgain'),
    ],
    ' ',
  );
}

function reportParts(deps: RecoveryDeps, { chat, sender }: InboundMessage, text: ChatText, offered: boolean) {
  const parts = deps.outbox.format(chat, text, sender);
  if (!offered || !deps.known(chat.platform)?.capabilities.buttons) return parts;
  const buttons = [
    { label: deps.outbox.words(chat, say('button.runIt'), sender), command: '/retry' },
    { label: deps.outbox.words(chat, say('button.dropIt'), sender), command: '/stop' },
  ];
  return parts.map((part, i) => (i === parts.length - 1 ? { ...part, buttons } : part));
}

/** A held message goes with its request: still waiting, approved in the meantime, or gone; without one it gets one. */
async function recoverHeld(deps: RecoveryDeps, item: InboxItem): Promise<void> {
  const { requests } = deps.access;
  if (requests.pendingFor(item.id) !== undefined) return;
  const closed = requests.closedFor(item.id);
  if (closed === undefined) return deps.adopt(item);
  if (closed.state === 'approved') return deps.release(closed.request);
  // Still held: the end came before anybody was told.
  return deps.reject(closed.request, closed.state === 'denied');
}

function firstWords(text: string): string {
  const line = text.trim().split('\n', 1)[0] ?? '';
  return line.length > 80 ? `${line.slice(0, 79).toWellFormed()}…` : line;
}
