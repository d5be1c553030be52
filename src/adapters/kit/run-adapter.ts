import { DeliveryError } from '../../base/errors.ts';
import type {
  Adapter,
  AdapterCheck,
  AdapterHost,
  AdapterRoute,
  Capabilities,
  Part,
  SendReceipt,
  SendRequest,
} from '../../gateway/adapter.ts';
import type { Attachment, ChatRef, Platform } from '../../gateway/model.ts';
import { attachmentUnavailable } from './download.ts';

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
    ...(forget === undefined ? {} : { forget }),
  };
}
