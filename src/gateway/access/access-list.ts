import { defined } from '../../base/defined.ts';
import { GatewayError } from '../../base/errors.ts';
import type { Tx } from '../../store/database.ts';
import { namedBy } from '../chat.ts';
import type { Core } from '../core.ts';
import type { AllowlistView, Platform, Sender } from '../model.ts';
import type { Actor, Audit, AuditLine } from './audit.ts';
import type { PairingRequest } from './pairing-request.ts';
import type { People } from './people.ts';

interface AccessListDeps extends Pick<Core, 'db' | 'clock' | 'events'> {
  readonly people: People;
  readonly audit: Audit;
  /** These ids lost access: end their turns and drop their queues. */
  readonly onRevoked: (platform: Platform, ids: readonly string[]) => void;
}

/**
 * Changes of the allowlist and the block list. Letting in is durable first, then in force; taking away is active
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
    const row = people.merged(entry);
    await db.write((tx) => {
      people.allow(tx, row, aliases);
      also(tx);
      audit.add(tx, actor, action, subject(row.platform, row.userId));
    });
    people.rememberAllowed(row, aliases);
    events.emit({ type: 'allowlist', entry: row });
  }

  /** Adds a sender by id, or changes the note of one who is on the list. */
  async allow(platform: Platform, userId: string, note: string | undefined, actor: Actor): Promise<void> {
    const { people, clock } = this.#deps;
    const known = people.find(platform, userId);
    const entry: AllowlistView = {
      ...(known ?? { platform, userId, name: userId, addedAt: clock(), origin: 'manual' }),
      ...defined({ note }),
    };
    await this.letIn(entry, [], actor, 'allow');
  }

  /**
   * Someone who is listed has written: all ids of theirs belong together from now on, so that a word of the operator
   * about one of them is a word about all. Their name may be new; nothing is decided by a name.
   */
  async wrote(platform: Platform, sender: Sender): Promise<void> {
    const { db, people, events } = this.#deps;
    const ids = people.recognize(platform, sender);
    const entry = people.renamed(platform, sender);
    if (entry === undefined && ids.length === 0) return;
    await db.write((tx) => {
      people.storeIds(tx, ids);
      if (entry !== undefined) people.rename(tx, entry);
    });
    if (entry !== undefined && people.rememberRenamed(entry)) events.emit({ type: 'allowlist', entry });
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
    const listed = [...new Set(ids.flatMap((id) => people.find(platform, id)?.userId ?? []))];
    people.forget(platform, ids);
    onRevoked(platform, ids);
    await db.write((tx) => {
      people.revoke(tx, platform, ids);
      also(tx);
      audit.add(tx, actor, action, subject(platform, listed[0] ?? ids[0] ?? ''));
    });
    for (const userId of listed) events.emit({ type: 'allowlist-removed', platform, userId });
  }

  /** Never heard again until unblocked. */
  async block(
    platform: Platform,
    ids: readonly string[],
    actor: Actor,
    also: (tx: Tx) => void = () => {},
  ): Promise<void> {
    const { people, clock } = this.#deps;
    const now = clock();
    people.rememberBlocked(platform, ids, now);
    await this.takeAway(platform, ids, actor, 'block', (tx) => {
      people.block(tx, platform, ids, now);
      also(tx);
    });
  }

  /**
   * What is kept about a person goes, with the line that says who did it and without what earlier lines say about them.
   * `rows` is the rest of the transaction.
   */
  async erase(
    platform: Platform,
    ids: readonly string[],
    actor: Actor,
    concerns: (line: AuditLine) => boolean,
    rows: (tx: Tx) => void,
  ): Promise<void> {
    const { db, people, audit, events } = this.#deps;
    const listed = [...new Set(ids.flatMap((id) => people.find(platform, id)?.userId ?? []))];
    await db.write((tx) => {
      rows(tx);
      audit.erase(tx, actor, subject(platform, ids[0] ?? ''), concerns);
    });
    people.forget(platform, ids);
    people.forgetBlocked(platform, ids);
    for (const userId of listed) events.emit({ type: 'allowlist-removed', platform, userId });
  }

  /** Throws for an id that is not blocked: the person may be blocked under another one. */
  async unblock(platform: Platform, userId: string, actor: Actor): Promise<void> {
    if (!this.#deps.people.wasBlocked(platform, { id: userId, name: '' }))
      throw new GatewayError('not_blocked', `${platform} ${userId} is not blocked`, {
        status: 404,
        hint: 'List the blocked senders with: pi-gateway-tui blocked',
      });
    return this.lift(platform, userId, actor);
  }

  async lift(platform: Platform, userId: string, actor: Actor): Promise<void> {
    const { db, people, audit } = this.#deps;
    await db.write((tx) => {
      people.unblock(tx, platform, [userId]);
      audit.add(tx, actor, 'unblock', subject(platform, userId));
    });
    people.forgetBlocked(platform, [userId]);
  }
}

export function subject(platform: Platform, userId: string): string {
  return `${platform} ${userId}`;
}

const KEPT = 50;

export interface Decided {
  readonly request: PairingRequest;
  readonly state: 'approved' | 'denied' | 'blocked';
}

/** Requests that were decided a moment ago: the decision can be undone until a later word about the person. */
export class RecentDecisions {
  readonly #decided = new Map<string, Decided>();

  get(requestId: string): Decided | undefined {
    return this.#decided.get(requestId);
  }

  remember(request: PairingRequest, state: Decided['state']): void {
    this.#decided.set(request.id, { request, state });
    const [oldest] = this.#decided.keys();
    if (this.#decided.size > KEPT && oldest !== undefined) this.#decided.delete(oldest);
  }

  delete(requestId: string): void {
    this.#decided.delete(requestId);
  }

  /** A later word about someone with one of these ids; `kept` is what it does not concern. */
  forget(platform: Platform, ids: readonly string[], kept?: Decided['state']): void {
    for (const [id, { request, state }] of this.#decided)
      if (
        state !== kept &&
        request.chat.platform === platform &&
        namedBy(platform, idsOf(request), ids).length > 0
      )
        this.#decided.delete(id);
  }
}

/** Every id of the sender. */
export function idsOf(request: PairingRequest): string[] {
  return [request.senderId, ...request.aliases];
}
