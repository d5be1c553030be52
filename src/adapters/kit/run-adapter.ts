import type { Static, TSchema } from 'typebox';
import { Value } from 'typebox/value';
import { KeyedQueue } from '../../base/async.ts';
import { defined } from '../../base/defined.ts';
import { DeliveryError, messageOf } from '../../base/errors.ts';
import type { LogFields, Logger } from '../../base/log.ts';
import type {
  Adapter,
  AdapterCheck,
  AdapterHost,
  AdapterRoute,
  Capabilities,
  CommandMenu,
  Part,
  SendReceipt,
  SendRequest,
} from '../../gateway/adapter.ts';
import {
  type Attachment,
  type ChatRef,
  chatKey,
  type InboundMessage,
  type Platform,
} from '../../gateway/model.ts';
import { backoffMs, pause } from './supervisor.ts';
import { attachmentUnavailable } from './way.ts';

/** What exists between the start of an adapter and its stop. Every signal ends with the stop, too. */
export interface Link {
  /** Begins supervision and returns soon. */
  start(): Promise<void>;
  /** It has given up: the next start makes a new link. */
  parked?(): boolean;
  /** Called after the signal `stopped` of `connect` was aborted. */
  stop(): Promise<void>;
  send(request: SendRequest, signal: AbortSignal): Promise<SendReceipt>;
  /** The following are called where the capabilities say that the platform can do it. */
  edit?(chat: ChatRef, messageId: string, part: Part, signal: AbortSignal): Promise<void>;
  delete?(chat: ChatRef, messageId: string, signal: AbortSignal): Promise<void>;
  typing?(chat: ChatRef, on: boolean): Promise<void>;
  unanswered?(chat: ChatRef, messageId: string): Promise<void>;
  fetchAttachment?(attachment: Attachment, maxBytes: number, signal: AbortSignal): Promise<Uint8Array>;
}

/** A platform: what is its own. The rest of an adapter is `runAdapter`, once for all. */
export interface AdapterDefinition<L extends Link> {
  readonly platform: Platform;
  /** As people write it. */
  readonly label: string;
  readonly capabilities: Capabilities;
  readonly routes?: (link: () => L | undefined) => readonly AdapterRoute[];
  readonly format: (markdown: string) => readonly Part[];
  /** Puts the parts together; nothing connects before `start` of what it returns. */
  readonly connect: (host: AdapterHost, stopped: AbortSignal) => L;
  readonly check: (
    signal: AbortSignal,
    stateDir: string | undefined,
    link: L | undefined,
  ) => Promise<AdapterCheck>;
  readonly forget?: Adapter['forget'];
}

/** Makes an adapter of a definition: starts it once, stops it once, and refuses to work in between. */
export function runAdapter<L extends Link>(definition: AdapterDefinition<L>): Adapter {
  const { platform, label, capabilities, format, connect, check, forget } = definition;
  let running: { readonly link: L; readonly stopped: AbortController } | undefined;

  const use = async <T>(
    signal: AbortSignal,
    body: (link: L, both: AbortSignal) => Promise<T>,
  ): Promise<T> => {
    if (running === undefined) throw new DeliveryError('unreachable', `${label} is stopped`);
    return body(running.link, AbortSignal.any([signal, running.stopped.signal]));
  };

  let stopping: Promise<void> = Promise.resolve();
  /** Anyone who stops a second time waits for the same end. */
  const stop = (): Promise<void> => {
    const was = running;
    running = undefined;
    was?.stopped.abort();
    if (was !== undefined) stopping = was.link.stop();
    return stopping;
  };

  return {
    platform,
    capabilities,
    routes: definition.routes?.(() => running?.link) ?? [],
    format,

    async start(host) {
      if (running !== undefined) {
        if (running.link.parked?.() !== true) return;
        await stop();
      }
      const stopped = new AbortController();
      const link = connect(host, stopped.signal);
      running = { link, stopped };
      await link.start();
    },

    stop,

    send: (request, signal) => use(signal, (link, both) => link.send(request, both)),
    ...(capabilities.edit && {
      edit: (chat: ChatRef, messageId: string, part: Part, signal: AbortSignal) =>
        use(signal, async (link, both) => link.edit?.(chat, messageId, part, both)),
    }),
    ...(capabilities.delete && {
      delete: (chat: ChatRef, messageId: string, signal: AbortSignal) =>
        use(signal, async (link, both) => link.delete?.(chat, messageId, both)),
    }),
    ...(capabilities.typing && {
      typing: async (chat: ChatRef, on: boolean) => running?.link.typing?.(chat, on),
    }),
    unanswered: async (chat, messageId) => running?.link.unanswered?.(chat, messageId),
    ...(capabilities.attachmentsIn && {
      async fetchAttachment(attachment: Attachment, maxBytes: number, signal: AbortSignal) {
        const { link, stopped } = running ?? {};
        if (link?.fetchAttachment === undefined || stopped === undefined)
          throw attachmentUnavailable(attachment.name, `${label} is stopped`);
        return link.fetchAttachment(attachment, maxBytes, AbortSignal.any([signal, stopped.signal]));
      },
    }),
    check: (signal, stateDir) => check(signal, stateDir, running?.link),
    ...defined({ forget }),
  };
}

/** Takes secrets out of a text. */
export type Scrub = (text: string) => string;

/** Replaces every secret, also where it was URL-encoded, by `[secret]`. Empty secrets are ignored. */
export function scrubber(...secrets: readonly (string | undefined)[]): Scrub {
  const forms = new Set<string>();
  for (const secret of secrets) {
    if (secret === undefined || secret === '') continue;
    forms.add(secret);
    forms.add(encodeURIComponent(secret));
  }
  // The longest first, so that a secret that contains another one leaves no rest.
  const ordered = [...forms].sort((a, b) => b.length - a.length);
  return (text) => ordered.reduce((clean, form) => clean.replaceAll(form, '[secret]'), text);
}

/** A logger whose lines and fields cannot carry the secrets, whatever a library put into its errors. */
export function scrubbedLogger(log: Logger, scrub: Scrub): Logger {
  const clean = (fields: LogFields | undefined): LogFields | undefined =>
    fields === undefined
      ? undefined
      : Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, scrubValue(value, scrub)]));
  return {
    debug: (message, fields) => log.debug(scrub(message), clean(fields)),
    info: (message, fields) => log.info(scrub(message), clean(fields)),
    warn: (message, fields) => log.warn(scrub(message), clean(fields)),
    error: (message, fields) => log.error(scrub(message), clean(fields)),
    child: (source) => scrubbedLogger(log.child(source), scrub),
  };
}

function scrubValue(value: unknown, scrub: Scrub): unknown {
  if (typeof value === 'string') return scrub(value);
  if (value instanceof Error) return scrub(value.message);
  return value;
}

/** What a connection needs of its host to show the menu of commands. */
export type MenuHost = Pick<AdapterHost, 'commands' | 'menus'>;

/** The menu for everyone, and those of other languages. A host that has no other languages offers English. */
export async function menusOf(
  host: MenuHost,
): Promise<{ readonly general: CommandMenu; readonly others: readonly CommandMenu[] }> {
  const english: CommandMenu = { language: 'en', commands: host.commands };
  const [general = english, ...others] = (await host.menus?.()) ?? [];
  return { general, others };
}

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
