import type { Clock } from '../clock.ts';
import type { EventStream } from '../events.ts';
import type { AllowlistView, Platform } from '../model.ts';
import type { Database, Tx } from '../store/database.ts';
import type { Actor, Audit } from './audit.ts';
import type { People } from './people.ts';

export interface AccessListDeps {
  readonly db: Database;
  readonly people: People;
  readonly audit: Audit;
  readonly clock: Clock;
  readonly events: EventStream;
  /** These ids lost access: end their turns and drop their queues. */
  readonly onRevoked: (platform: Platform, ids: readonly string[]) => void;
}

/**
 * Changes of the allowlist and the block list. Letting in is durable first, then in force; taking away is in force
 * first. Each is one transaction with its audit line and, through `also`, with what belongs to it.
 */
export class AccessList {
  readonly #deps: AccessListDeps;

  constructor(deps: AccessListDeps) {
    this.#deps = deps;
  }

  async letIn(
    entry: AllowlistView,
    aliases: readonly string[],
    actor: Actor,
    action: string,
    also: (tx: Tx) => void = () => {},
  ): Promise<void> {
    const { db, people, audit, events } = this.#deps;
    await db.write((tx) => {
      people.allow(tx, entry, aliases);
      also(tx);
      audit.add(tx, actor, action, subject(entry.platform, entry.userId));
    });
    people.rememberAllowed(entry, aliases);
    events.emit({ type: 'allowlist', entry });
  }

  /** Adds a sender by id, or changes the note of one who is on the list. */
  async allow(platform: Platform, userId: string, note: string | undefined, actor: Actor): Promise<void> {
    const { people, clock } = this.#deps;
    const known = people.find(platform, userId);
    const entry: AllowlistView = {
      ...(known ?? { platform, userId, name: userId, addedAt: clock(), origin: 'manual' }),
      ...(note === undefined ? {} : { note }),
    };
    await this.letIn(entry, [], actor, 'allow');
  }

  /** Every id of a person goes, at once. */
  async takeAway(
    platform: Platform,
    ids: readonly string[],
    actor: Actor,
    action: string,
    also: (tx: Tx) => void = () => {},
  ): Promise<void> {
    const { db, people, audit, events, onRevoked } = this.#deps;
    const main = ids.map((id) => people.find(platform, id)?.userId).find((id) => id !== undefined);
    people.forget(platform, ids);
    onRevoked(platform, ids);
    await db.write((tx) => {
      for (const id of ids) people.revoke(tx, platform, id);
      also(tx);
      audit.add(tx, actor, action, subject(platform, main ?? ids[0] ?? ''));
    });
    if (main !== undefined) events.emit({ type: 'allowlist-removed', platform, userId: main });
  }

  /** Never heard again until unblocked. */
  async block(platform: Platform, ids: readonly string[], actor: Actor): Promise<void> {
    const { people, clock } = this.#deps;
    const now = clock();
    for (const id of ids) people.rememberBlocked(platform, id, now);
    await this.takeAway(platform, ids, actor, 'block', (tx) => {
      for (const id of ids) people.block(tx, platform, id, now);
    });
  }

  async unblock(platform: Platform, userId: string, actor: Actor): Promise<void> {
    const { db, people, audit } = this.#deps;
    await db.write((tx) => {
      people.unblock(tx, platform, userId);
      audit.add(tx, actor, 'unblock', subject(platform, userId));
    });
    people.forgetBlocked(platform, userId);
  }
}

export function subject(platform: Platform, userId: string): string {
  return `${platform} ${userId}`;
}
