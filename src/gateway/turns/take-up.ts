/** Takes a turn up again that was cut off: after a restart, or because the machine where it ran is gone. */
import type { Decide } from '../decisions.ts';
import type { ChatText } from '../language/chat-text.ts';
import type { InboxItem } from '../receive/inbox.ts';
import type { SessionRecord } from '../sessions/sessions.ts';
import type { CutOff } from './resume.ts';

/** The session in which the turn was. */
interface CutSession {
  readonly session: SessionRecord;
  examine(items: readonly InboxItem[]): Promise<CutOff>;
  settleCut(item: InboxItem, said: string, to: InboxItem): Promise<void>;
  resume(item: InboxItem, cut: CutOff, question?: ChatText): void;
}

/** The turn continues with `current`; `later` messages wait behind it, `unclear` ones cannot be continued. */
export interface TakenUp {
  readonly current: InboxItem;
  readonly later: readonly InboxItem[];
  readonly unclear: readonly InboxItem[];
}

/**
 * `items`: all messages of the turn without an outcome, those that the model took first. `question`: how people are asked
 * whether it continues. Undefined: it cannot.
 */
export async function takeUp(
  live: CutSession,
  items: readonly InboxItem[],
  decide: Decide,
  question?: ChatText,
): Promise<TakenUp | undefined> {
  const cut = await live.examine(items);
  const { kind, code, reason } = cut.decision;
  if (kind === 'report') return undefined;
  const at = Math.max(
    0,
    cut.taken.findLastIndex((each) => each !== undefined),
  );
  const current = items[at];
  if (current === undefined) return undefined;
  for (const [i, item] of items.slice(0, at).entries())
    await live.settleCut(item, saidTo(cut, cut.taken[i]), current);
  const { session } = live;
  decide({
    what: 'turn',
    kind: 'resumed',
    code,
    reason: kind === 'ask' ? `asking whether to continue: ${reason}` : reason,
    platform: session.chat.platform,
    chatId: session.chat.chatId,
    senderId: current.message.sender.id,
    sessionId: session.id,
    id: current.id,
  });
  live.resume(current, cut, question);
  // What a template has made of a later message is not recognized: the model may have seen it.
  const unclear = ({ message }: InboxItem): boolean => message.text.startsWith('/');
  const rest = items.slice(at + 1);
  return { current, later: rest.filter((each) => !unclear(each)), unclear: rest.filter(unclear) };
}

function saidTo({ messages }: CutOff, place: number | undefined): string {
  return place === undefined ? '' : (messages[place]?.said ?? '');
}
