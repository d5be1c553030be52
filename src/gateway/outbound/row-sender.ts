import type { Adapter, Part, SendRequest } from '../adapter.ts';
import { DeliveryError, messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { OutboundRow } from './outbound-row.ts';
import type { OutboxRows } from './outbox-rows.ts';

export interface RowSenderDeps {
  readonly rows: OutboxRows;
  /** Every call to a platform is bounded, and ends when the gateway stops. */
  readonly bounded: <T>(send: (signal: AbortSignal) => Promise<T>) => Promise<T>;
  readonly log: Logger;
}

/** Sends the parts of a row that are still due, and notes the proof of each. */
export class RowSender {
  readonly #deps: RowSenderDeps;

  constructor(deps: RowSenderDeps) {
    this.#deps = deps;
  }

  /** @throws DeliveryError, or whatever else the adapter throws */
  async send(row: OutboundRow, adapter: Adapter): Promise<void> {
    while (row.done < row.parts.length) await this.#sendPart(row, adapter);
  }

  async #sendPart(row: OutboundRow, adapter: Adapter): Promise<void> {
    const part = row.parts[row.done];
    if (part === undefined) return;
    row.attempts += 1;
    const receipt = (await this.#editDraft(row, part, adapter)) ?? (await this.#sendNew(row, part, adapter));
    row.receipts.push(receipt);
    row.done += 1;
    row.mayRepeat = false;
    if (row.done === row.parts.length) return;
    await this.#deps.rows.markProgress(row).catch((error: unknown) => {
      // The part has arrived. Only a crash before the next receipt would send it again, and then with a mark.
      this.#deps.log.warn('a receipt could not be stored yet', { id: row.id, error: messageOf(error) });
    });
  }

  /** The first part replaces the streamed draft; an edit repeated is the same edit. */
  async #editDraft(row: OutboundRow, part: Part, adapter: Adapter): Promise<string | undefined> {
    const { draftId } = row;
    const edit = adapter.edit?.bind(adapter);
    if (draftId === undefined || row.done > 0 || edit === undefined) return undefined;
    try {
      await this.#deps.bounded((signal) => edit(row.chat, draftId, part, signal));
      return draftId;
    } catch (error) {
      // The draft was deleted or is too old to edit: the answer goes out as a message of its own.
      if (error instanceof DeliveryError && error.failure === 'rejected') return undefined;
      throw error;
    }
  }

  async #sendNew(row: OutboundRow, part: Part, adapter: Adapter): Promise<string> {
    const repeat = row.mayRepeat && !adapter.capabilities.idempotentSend;
    const request: SendRequest = {
      idempotencyKey: `${row.id}:${row.done}`,
      chat: row.chat,
      part,
      partIndex: row.done,
      partCount: row.parts.length,
      ...(row.replyTo === undefined ? {} : { replyToMessageId: row.replyTo }),
      meta: repeat ? { ...row.meta, repeat: true } : row.meta,
    };
    if (repeat && !adapter.capabilities.streamsEvents) await this.#announceRepeat(row, adapter);
    return (await this.#deps.bounded((signal) => adapter.send(request, signal))).messageId;
  }

  async #announceRepeat(row: OutboundRow, adapter: Adapter): Promise<void> {
    const [part] = adapter.format(
      '(The connection was lost while sending: the next message may be a repeat.)',
    );
    if (part === undefined) return;
    const request: SendRequest = {
      idempotencyKey: `${row.id}:${row.done}:repeat`,
      chat: row.chat,
      part,
      partIndex: 0,
      partCount: 1,
      meta: { kind: 'notice' },
    };
    await this.#deps.bounded((signal) => adapter.send(request, signal));
  }
}
