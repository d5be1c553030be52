/**
 * Which updates were received and not yet confirmed to Telegram, and the offset that confirms no more than what is
 * durable. `getUpdates` with offset n confirms every update below n, so the offset never passes one that is still
 * pending; updates behind a pending one are confirmed together with it.
 */
export class UpdateWindow {
  readonly #received = new Map<number, 'pending' | 'durable'>();

  /** True when the update has to be handled now; false when it is in hand or done already. */
  admit(updateId: number): boolean {
    if (this.#received.has(updateId)) return false;
    this.#received.set(updateId, 'pending');
    return true;
  }

  /** The update is durable, or knowingly ignored. */
  settle(updateId: number): void {
    if (this.#received.has(updateId)) this.#received.set(updateId, 'durable');
  }

  /** The update was not taken: the next delivery is handled again. */
  release(updateId: number): void {
    this.#received.delete(updateId);
  }

  /**
   * The offset for the next poll. 0 asks for the earliest unconfirmed update, whatever its id: after a week without
   * updates Telegram goes on with an arbitrary one, possibly lower than any before.
   */
  offset(): number {
    let offset = 0;
    for (const id of this.#received.keys()) offset = Math.max(offset, id + 1);
    for (const [id, state] of this.#received) if (state === 'pending') offset = Math.min(offset, id);
    return offset;
  }

  /** A poll with this offset has been answered: what lies below it is confirmed and will not come again. */
  confirmed(offset: number): void {
    for (const id of this.#received.keys()) if (id < offset) this.#received.delete(id);
  }

  /** How many updates are waiting to become durable. */
  get pending(): number {
    let count = 0;
    for (const state of this.#received.values()) if (state === 'pending') count += 1;
    return count;
  }
}
