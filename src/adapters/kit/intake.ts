import type { Static, TSchema } from 'typebox';
import { Value } from 'typebox/value';
import { KeyedQueue } from '../../base/async.ts';
import { messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { type ChatRef, chatKey, type InboundMessage } from '../../gateway/model.ts';
import { backoffMs, pause } from './supervisor.ts';

interface IntakeOptions {
  readonly accept: (message: InboundMessage) => Promise<void>;
  readonly log: Logger;
  /** First delay before a message that was not accepted is offered again; doubles up to `maxDelayMs`. Default 250 ms. */
  readonly minDelayMs?: number;
  /** Default 10 s. */
  readonly maxDelayMs?: number;
  /** How long after its arrival a message is still offered; default 2 min. Its last try comes after that. */
  readonly patienceMs?: number;
  /** Most messages of one chat that are waiting; a further one is not accepted. Default 5000. */
  readonly maxWaiting?: number;
}

/**
 * Hands messages to the gateway, in order within a chat, and offers a message again while the gateway cannot store
 * it. A message that cannot be stored delays its own chat only, and only for `patienceMs`.
 */
export class Intake {
  readonly #options: IntakeOptions;
  readonly #chats = new KeyedQueue();
  readonly #stopped = new AbortController();

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  /**
   * Resolves with true once the message is durable, with false when it was not accepted: given up or stopped.
   * `read` makes the message when its turn has come; undefined from it means there is nothing to take (true).
   * Never rejects, except with what `read` throws.
   */
  take(chat: ChatRef, read: () => Promise<InboundMessage | undefined>): Promise<boolean> {
    const key = chatKey(chat);
    if (this.#chats.waiting(key) >= (this.#options.maxWaiting ?? 5000)) {
      this.#options.log.error('message rejected: too many messages of this chat are queued', {
        chatId: chat.chatId,
      });
      return Promise.resolve(false);
    }
    const giveUpAt = performance.now() + (this.#options.patienceMs ?? 120_000);
    return this.#chats.run(key, async () => {
      if (this.#stopped.signal.aborted) return false;
      const message = await read();
      return message === undefined ? true : this.#insist(message, giveUpAt);
    });
  }

  /** Nothing is offered anymore; every waiting `take` resolves with false. */
  stop(): void {
    this.#stopped.abort();
  }

  async #insist(message: InboundMessage, giveUpAt: number): Promise<boolean> {
    const { accept, log, minDelayMs = 250, maxDelayMs = 10_000 } = this.#options;
    const signal = this.#stopped.signal;
    const facts = { chatId: message.chat.chatId, messageId: message.messageId };
    for (let attempt = 1; !signal.aborted; attempt += 1) {
      try {
        await accept(message);
        return true;
      } catch (error) {
        if (performance.now() >= giveUpAt) {
          log.error(`message not stored, no further retry: ${messageOf(error)}`, { ...facts, attempt });
          return false;
        }
        const delayMs = backoffMs(attempt, minDelayMs, maxDelayMs, Math.random);
        log.warn(`message not stored, retrying: ${messageOf(error)}`, { ...facts, attempt, delayMs });
        await pause(delayMs, signal);
      }
    }
    log.error('message not stored: the adapter was stopped', facts);
    return false;
  }
}

/** Enough for whatever is wrong in one part, with the parts around it that need it. */
const MAX_ROUNDS = 20;

interface Readable<T> {
  readonly value: T;
  /** Where something stood that the schema does not know, as JSON pointers. */
  readonly dropped: readonly string[];
}

/**
 * The value without the parts that the schema cannot read: a new shape next to a text is no reason to lose the text.
 * A part that lacks something goes as a whole. Undefined: nothing is left that could be read. Pure.
 */
export function readable<S extends TSchema>(schema: S, raw: unknown): Readable<Static<S>> | undefined {
  if (Value.Check(schema, raw)) return { value: raw, dropped: [] };
  if (typeof raw !== 'object' || raw === null) return undefined;
  const value: unknown = structuredClone(raw);
  const dropped: string[] = [];
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    // From the end, so that the places of a list stay right.
    for (const { instancePath } of Value.Errors(schema, value).toReversed()) {
      if (instancePath === '') return undefined;
      if (drop(value, instancePath)) dropped.push(instancePath);
    }
    if (Value.Check(schema, value)) return { value, dropped };
  }
  return undefined;
}

/** False: it is gone already, with what it stood in. */
function drop(root: unknown, pointer: string): boolean {
  const path = pointer
    .slice(1)
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
  const last = path.pop() ?? '';
  let holder: unknown = root;
  for (const part of path)
    holder = typeof holder === 'object' && holder !== null && Reflect.get(holder, part);
  if (typeof holder !== 'object' || holder === null || !Object.hasOwn(holder, last)) return false;
  if (Array.isArray(holder)) holder.splice(Number(last), 1);
  else Reflect.deleteProperty(holder, last);
  return true;
}
