import { pause } from '../../base/async.ts';
import { DeliveryError, messageOf } from '../../base/errors.ts';
import type { Adapter, Part } from '../adapter.ts';
import type { Core } from '../core.ts';
import type { ChatRef, Platform } from '../model.ts';
import type { OutboundRow } from './outbound-row.ts';

const TRIES = 5;

/** What the last message of a row is to say from now on; undefined: it stays unchanged. */
export type Amend = (last: Part, parts: number) => Part | undefined;

export interface AmendmentsDeps extends Pick<Core, 'adapter' | 'clock' | 'log'> {
  /** Sends in the chat's order; rejects with a DeliveryError. */
  readonly direct: <T>(
    chat: ChatRef,
    send: (adapter: Adapter, signal: AbortSignal) => Promise<T>,
  ) => Promise<T>;
  readonly stopping: AbortSignal;
}

interface Change {
  readonly row: OutboundRow;
  readonly messageId: string;
  readonly part: Part;
}

/**
 * Changes of messages that have arrived. Best effort: where a platform cannot edit, or not anymore, nothing is sent
 * instead. What a platform cannot take now waits until it is back.
 */
export class Amendments {
  readonly #deps: AmendmentsDeps;
  readonly #wanted = new Map<string, Amend>();
  readonly #waiting = new Set<Change>();
  readonly #underway = new Set<Promise<void>>();

  constructor(deps: AmendmentsDeps) {
    this.#deps = deps;
  }

  /** The row is on its way: it is changed as soon as it has arrived. */
  later(id: string, amend: Amend): void {
    this.#wanted.set(id, amend);
  }

  /** A row was settled: what was wanted of it happens now. */
  settled(row: OutboundRow): void {
    const amend = this.#wanted.get(row.id);
    this.#wanted.delete(row.id);
    if (amend !== undefined) this.now(row, amend);
  }

  now(row: OutboundRow, amend: Amend): void {
    const messageId = row.receipts.at(-1);
    const last = row.parts.at(-1);
    if (row.state !== 'delivered' || messageId === undefined || last === undefined) return;
    const part = amend(last, row.parts.length);
    if (part !== undefined) this.#begin({ row, messageId, part });
  }

  /** The platform is back. */
  kick(platform: Platform): void {
    for (const change of [...this.#waiting]) {
      if (change.row.chat.platform !== platform) continue;
      this.#waiting.delete(change);
      this.#begin(change);
    }
  }

  /** Resolves when nothing is being changed. */
  async idle(): Promise<void> {
    await Promise.all(this.#underway);
  }

  #begin(change: Change): void {
    const work = this.#make(change)
      .catch((error: unknown) => this.#deps.log.debug(`a message is left unchanged: ${messageOf(error)}`))
      .finally(() => this.#underway.delete(work));
    this.#underway.add(work);
  }

  async #make(change: Change): Promise<void> {
    const { direct, adapter, clock, stopping } = this.#deps;
    const { row, messageId, part } = change;
    for (let tries = 0; !stopping.aborted; tries += 1) {
      const { capabilities } = adapter(row.chat.platform) ?? {};
      const { edit = true, editWindowMs = Number.POSITIVE_INFINITY } = capabilities ?? {};
      if (!edit || clock() - row.createdAt > editWindowMs) return;
      try {
        return await direct(row.chat, async (live, signal) => live.edit?.(row.chat, messageId, part, signal));
      } catch (error) {
        const { failure, retryAfterMs } =
          error instanceof DeliveryError ? error : new DeliveryError('unknown', '');
        if (failure === 'rejected' || failure === 'gone' || failure === 'markup') throw error;
        if (tries >= TRIES) {
          this.#waiting.add(change);
          return;
        }
        await pause(retryAfterMs ?? 500 * 2 ** tries, stopping);
      }
    }
  }
}
