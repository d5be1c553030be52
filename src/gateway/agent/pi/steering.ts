import type { AgentInput } from '../agent.ts';
import { contentText, listAt, objectAt, type PiRecord } from './record.ts';

/**
 * Which of the inputs handed to a running turn has the model taken? pi names no ids: it shows its queue after every
 * change, and a user message when it takes one. Texts are compared first; templates and extensions may have rewritten
 * a text, then the order decides.
 */
export class Steering {
  readonly #waiting: AgentInput[] = [];
  #queued = 0;
  #taken = 0;
  #prompted = false;

  add(input: AgentInput): void {
    this.#waiting.push(input);
  }

  /** pi refused the input. */
  remove(input: AgentInput): void {
    const at = this.#waiting.indexOf(input);
    if (at >= 0) this.#waiting.splice(at, 1);
  }

  get pending(): boolean {
    return this.#waiting.length > 0;
  }

  /** The input that this record shows to be taken, if any. */
  take(record: PiRecord): AgentInput | undefined {
    if (record.type === 'queue_update') {
      const queued = listAt(record, 'steering').length;
      this.#taken += Math.max(0, this.#queued - queued);
      this.#queued = queued;
      return undefined;
    }
    const message = record.type === 'message_start' ? objectAt(record, 'message') : {};
    if (message['role'] !== 'user') return undefined;
    if (!this.#prompted) {
      this.#prompted = true;
      return undefined;
    }
    const text = contentText(message['content']);
    const named = this.#waiting.find((input) => input.text === text);
    const found = named ?? (this.#taken > 0 ? this.#waiting[0] : undefined);
    this.#taken = Math.max(0, this.#taken - 1);
    if (found !== undefined) this.remove(found);
    return found;
  }
}
