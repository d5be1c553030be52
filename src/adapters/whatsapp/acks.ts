import { DeliveryError } from '../../base/errors.ts';

/** How the server answered a message of ours. */
export interface ServerAck {
  /** The refusal's code, as WhatsApp wrote it; absent when the message was taken. */
  readonly error?: string;
}

/** Waits for the server's ack of sent messages: baileys reports a message as sent without one. */
export class Acks {
  readonly #waiting = new Map<string, PromiseWithResolvers<ServerAck>>();
  #ended = false;

  /** Expects an ack. Call before sending: the ack may come before the send has returned. */
  expect(id: string): Promise<ServerAck> {
    const waiter = Promise.withResolvers<ServerAck>();
    // Anyone who gave up waiting (time, abort) leaves no one to handle the rejection of `end`.
    waiter.promise.catch(() => undefined);
    if (this.#ended) waiter.reject(connectionLost());
    else this.#waiting.set(id, waiter);
    return waiter.promise;
  }

  forget(id: string): void {
    this.#waiting.delete(id);
  }

  arrived(id: string | undefined, error: string | undefined): void {
    if (id === undefined) return;
    this.#waiting.get(id)?.resolve(error === undefined ? {} : { error });
    this.#waiting.delete(id);
  }

  /** The connection is gone: no one will hear of what was sent on it. */
  end(): void {
    this.#ended = true;
    for (const waiter of this.#waiting.values()) waiter.reject(connectionLost());
    this.#waiting.clear();
  }
}

function connectionLost(): DeliveryError {
  return new DeliveryError('unknown', 'the connection to WhatsApp ended before it confirmed the message');
}
