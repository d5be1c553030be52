import type { GroupMetadata } from 'baileys';
import type { Socket } from './baileys.ts';

const MAX_AGE_MS = 10 * 60_000;

interface Entry {
  readonly metadata: GroupMetadata;
  readonly at: number;
}

/**
 * Members and names of groups. Without a cache baileys asks the server before every send into a group, drafts' edits
 * included, and is soon refused as too fast. A change in the group empties its entry.
 */
export class Groups {
  readonly #now: () => number;
  readonly #entries = new Map<string, Entry>();
  readonly #names = new Map<string, string>();
  readonly #asking = new Map<string, Promise<void>>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** For `cachedGroupMetadata`: undefined makes baileys ask the server. */
  fresh(jid: string): GroupMetadata | undefined {
    const entry = this.#entries.get(jid);
    return entry !== undefined && this.#now() - entry.at < MAX_AGE_MS ? entry.metadata : undefined;
  }

  /** The last name known, even of a group whose members have changed. */
  name(jid: string): string | undefined {
    return this.#names.get(jid);
  }

  /** Asks the server about a group that is not known. Never rejects: a failure leaves it unknown. */
  learn(jid: string, socket: Pick<Socket, 'groupMetadata'>): Promise<void> {
    if (this.fresh(jid) !== undefined) return Promise.resolve();
    const asking =
      this.#asking.get(jid) ??
      socket
        .groupMetadata(jid)
        .then((metadata) => this.keep(jid, metadata))
        .catch(() => undefined)
        .finally(() => this.#asking.delete(jid));
    this.#asking.set(jid, asking);
    return asking;
  }

  keep(jid: string, metadata: GroupMetadata): void {
    this.#entries.set(jid, { metadata, at: this.#now() });
    if (metadata.subject) this.#names.set(jid, metadata.subject);
  }

  forget(jid: string | undefined): void {
    if (jid !== undefined) this.#entries.delete(jid);
  }

  /** After a new connection: changes may have been missed. */
  forgetAll(): void {
    this.#entries.clear();
  }
}
