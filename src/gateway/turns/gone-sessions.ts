import { settlesWithin } from '../../base/async.ts';
import type { InboxItem } from '../receive/inbox.ts';
import type { SessionFeed, Sessions } from '../sessions/sessions.ts';
import type { LiveSession, LiveSessionDeps } from './live-session.ts';

/** Longest time that a turn gets to end once it is aborted. */
const ENDING_MS = 15_000;

export interface GoneSessionsDeps extends Pick<LiveSessionDeps, 'dialogs' | 'db' | 'timings'> {
  readonly sessions: Sessions;
  readonly live: Map<string, LiveSession>;
  /** Messages that could be restored. */
  readonly dropped: Map<string, InboxItem>;
  readonly feed: SessionFeed;
}

/** Sessions that are forgotten: by age, or with their person. At rest first, then gone from memory as from the store. */
export class GoneSessions {
  readonly #deps: GoneSessionsDeps;

  constructor(deps: GoneSessionsDeps) {
    this.#deps = deps;
  }

  /** Ends what runs and waits in these sessions, and what the agent holds of them; resolves when they are at rest. */
  async quiet(ids: readonly string[]): Promise<void> {
    await Promise.all(
      ids.map(async (id) => {
        const live = this.#deps.live.get(id);
        if (live === undefined) return;
        await live.queue.stop().stored;
        await settlesWithin(live.queue.settled(), ENDING_MS);
        await settlesWithin(live.closeConversation(), ENDING_MS);
      }),
    );
  }

  /** Forgets sessions that ended before `before`, at most `limit` of them; returns their ids. */
  async ended(before: number, limit: number): Promise<string[]> {
    const { db, sessions, feed, timings } = this.#deps;
    const old = sessions.endedBefore(before, limit);
    if (old.length === 0) return old;
    await db.write((tx) => {
      for (const id of old) tx.run('DELETE FROM sessions WHERE id = ?', [id]);
    });
    for (const id of old) {
      sessions.forget(id);
      feed.removed(id);
    }
    timings.forget(old);
    return old;
  }

  /** They are no longer in the store. */
  forget(ids: readonly string[]): void {
    const { live, dropped, dialogs, sessions, feed, timings } = this.#deps;
    timings.forget(ids);
    for (const id of ids) {
      live.delete(id);
      dialogs.ended(id);
      sessions.forget(id);
      feed.removed(id);
    }
    for (const [id, item] of dropped) if (ids.includes(item.sessionId ?? '')) dropped.delete(id);
  }

  /** The person who began this session was erased, and others go on in it. */
  rename(id: string, senderIds: readonly string[]): void {
    const { live, sessions, feed } = this.#deps;
    const session = sessions.get(id);
    if (session === undefined || !senderIds.includes(session.senderId)) return;
    session.senderId = 'erased';
    session.senderName = 'erased';
    session.title = '';
    feed.show(session, live.get(id)?.queue);
  }
}
