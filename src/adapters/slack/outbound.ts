import type { Part, SendReceipt, SendRequest } from '../../gateway/adapter.ts';
import { DeliveryError, messageOf } from '../../gateway/errors.ts';
import type { Logger } from '../../gateway/log.ts';
import type { ChatRef } from '../../gateway/model.ts';
import { Pacer, type PaceStep } from '../kit/pacer.ts';
import { unlessAborted } from '../kit/unless-aborted.ts';
import type { Way } from '../kit/way.ts';
import { within } from '../kit/within.ts';
import { blocksOf } from './blocks.ts';
import { platformCode, toDeliveryError, unauthorisedCode } from './errors.ts';
import type { SlackTiming } from './settings.ts';
import { uploadFile } from './upload.ts';
import type { WebClient } from './web-client.ts';

/** Errors after which the status under a thread is not tried again. */
const NO_STATUS = new Set([
  'missing_scope',
  'unknown_method',
  'not_allowed_token_type',
  'access_denied',
  'method_deprecated',
]);
const TYPING_MS = 3000;

export interface SlackOutboundOptions {
  readonly client: WebClient;
  readonly way: Way;
  readonly timing: SlackTiming;
  readonly log: Logger;
  /** Hears when Slack refuses the bot token for good. */
  readonly unauthorised: (code: string) => void;
  readonly stopped: AbortSignal;
}

/** Everything the adapter sends through the Web API. Never repeats a call: the outbox decides. */
export class SlackOutbound {
  readonly #client: WebClient;
  readonly #way: Way;
  readonly #timing: SlackTiming;
  readonly #log: Logger;
  readonly #unauthorised: (code: string) => void;
  readonly #stopped: AbortSignal;
  readonly #pacer = new Pacer();
  #statusWorks = true;

  constructor(options: SlackOutboundOptions) {
    this.#client = options.client;
    this.#way = options.way;
    this.#timing = options.timing;
    this.#log = options.log;
    this.#unauthorised = options.unauthorised;
    this.#stopped = options.stopped;
  }

  send(request: SendRequest, signal: AbortSignal): Promise<SendReceipt> {
    const { chat, part } = request;
    const threadTs = chat.threadId;
    if (part.attachment !== undefined)
      return this.#call('files.upload', this.#inChannel(chat), signal, (live) =>
        uploadFile({ client: this.#client, way: this.#way }, request, threadTs, live),
      );
    return this.#call('chat.postMessage', this.#inChannel(chat), signal, async () => {
      const blocks = blocksOf(part);
      const { ts } = await this.#client.chat.postMessage({
        channel: chat.chatId,
        text: part.text,
        ...(blocks === undefined ? {} : { blocks }),
        ...(threadTs === undefined ? {} : { thread_ts: threadTs }),
        // What the model writes must neither ping a channel nor load a page from it.
        link_names: false,
        unfurl_links: false,
        unfurl_media: false,
      });
      if (ts === undefined) throw new DeliveryError('unknown', 'chat.postMessage: Slack named no message');
      return { messageId: ts };
    });
  }

  edit(chat: ChatRef, messageId: string, part: Part, signal: AbortSignal): Promise<void> {
    return this.#call(
      'chat.update',
      { key: 'chat.update', limit: this.#timing.editPace },
      signal,
      async () => {
        // Without `blocks` Slack would keep the buttons of the former text.
        await this.#client.chat.update({
          channel: chat.chatId,
          ts: messageId,
          text: part.text,
          blocks: blocksOf(part) ?? [],
          link_names: false,
        });
      },
    );
  }

  delete(chat: ChatRef, messageId: string, signal: AbortSignal): Promise<void> {
    return this.#call(
      'chat.delete',
      { key: 'chat.delete', limit: this.#timing.editPace },
      signal,
      async () => {
        try {
          // A file whose message stayed unknown was receipted with the id of the file.
          await (messageId.startsWith('F')
            ? this.#client.files.delete({ file: messageId })
            : this.#client.chat.delete({ channel: chat.chatId, ts: messageId }));
        } catch (error) {
          const code = platformCode(error);
          if (code !== 'message_not_found' && code !== 'file_not_found' && code !== 'file_deleted')
            throw error;
        }
      },
    );
  }

  /** Slack shows a status only below a thread; elsewhere there is nothing to show. */
  async typing(chat: ChatRef, on: boolean): Promise<void> {
    if (chat.threadId === undefined || !this.#statusWorks || this.#stopped.aborted) return;
    const showing = this.#client.assistant.threads
      .setStatus({ channel_id: chat.chatId, thread_ts: chat.threadId, status: on ? 'is working on it…' : '' })
      .catch((error: unknown) => {
        if (!NO_STATUS.has(platformCode(error) ?? '')) return;
        this.#statusWorks = false;
        this.#log.info(`no typing indicator: ${messageOf(error)}`);
      });
    await within(showing, TYPING_MS);
  }

  #inChannel(chat: ChatRef): PaceStep {
    return { key: `channel:${chat.chatId}`, limit: this.#timing.channelPace };
  }

  async #call<T>(
    method: string,
    pace: PaceStep,
    signal: AbortSignal,
    request: (live: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const live = AbortSignal.any([signal, this.#stopped]);
    if (!live.aborted) await this.#pacer.slot([pace], live);
    if (this.#stopped.aborted) throw new DeliveryError('unreachable', 'the Slack adapter is stopped');
    if (signal.aborted) throw new DeliveryError('unreachable', `${method}: cancelled before it was sent`);
    try {
      // web-api has no way to take a request back: it may still arrive.
      return await unlessAborted(
        request(live),
        live,
        () => new DeliveryError('unknown', `${method}: cancelled while it was being sent`),
      );
    } catch (error) {
      const code = unauthorisedCode(error);
      if (code !== undefined) this.#unauthorised(code);
      const failure = toDeliveryError(method, error);
      if (failure.retryAfterMs !== undefined) this.#pacer.block(pace.key, failure.retryAfterMs);
      throw failure;
    }
  }
}
