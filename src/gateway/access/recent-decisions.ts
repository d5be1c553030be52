import { namedBy } from '../chat.ts';
import type { Platform } from '../model.ts';
import type { PairingRequest } from './pairing-request.ts';

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
