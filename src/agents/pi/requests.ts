import type { PiRecord } from '../../gateway/agent/pi-files.ts';
import { type LinkEnd, LinkLost, PiRefusal } from './link.ts';

interface Pending {
  readonly resolve: (data: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** Pairs commands with their responses by id. */
export class PendingRequests {
  readonly #pending = new Map<string, Pending>();
  #last = 0;
  #end: LinkEnd | undefined;

  /** `send` gets the command with its id. */
  open(command: PiRecord, send: (command: PiRecord) => void): Promise<unknown> {
    if (this.#end !== undefined) return Promise.reject(new LinkLost(this.#end));
    const id = `g${++this.#last}`;
    const answer = new Promise<unknown>((resolve, reject) => this.#pending.set(id, { resolve, reject }));
    send({ ...command, id });
    return answer;
  }

  /** True when the record was a response, awaited or not. */
  take(record: PiRecord): boolean {
    if (record.type !== 'response') return false;
    const id = record['id'];
    const pending = typeof id === 'string' ? this.#pending.get(id) : undefined;
    if (pending !== undefined && typeof id === 'string') {
      this.#pending.delete(id);
      if (record['success'] === true) pending.resolve(record['data']);
      else pending.reject(new PiRefusal(typeof record['error'] === 'string' ? record['error'] : 'refused'));
    }
    return true;
  }

  /** Rejects everything that is waiting and everything that comes later. */
  close(end: LinkEnd): void {
    this.#end = end;
    for (const pending of this.#pending.values()) pending.reject(new LinkLost(end));
    this.#pending.clear();
  }
}
