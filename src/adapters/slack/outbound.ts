import type { Part, SendReceipt, SendRequest } from '../../gateway/adapter.ts';
import { DeliveryError, messageOf } from '../../gateway/errors.ts';
import type { Logger } from '../../gateway/log.ts';
import type { ChatRef } from '../../gateway/model.ts';
import { atMost, unlessAborted } from '../kit/at-most.ts';
import { blocksOf } from './blocks.ts';
import { platformCode, toDeliveryError, unauthorisedCode } from './errors.ts';
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

/** Everything the adapter sends through the Web API. Never repeats a call: the outbox decides. */
export class SlackOutbound {
  readonly #client: WebClient;
  readonly #log: Logger;
  readonly #unauthorised: (code: string) => void;
  readonly #stopped: AbortSignal;
  #statusWorks = true;

  /** `unauthorised` hears when Slack refuses the bot token for good. */
  constructor(client: WebClient, log: Logger, unauthorised: (code: string) => void, stopped: AbortSignal) {
    this.#client = client;
    this.#log = log;
    this.#unauthorised = unauthorised;
    this.#stopped = stopped;
  }

  send(request: SendRequest, signal: AbortSignal): Promise<SendReceipt> {
    const { chat, part } = request;
    const threadTs = chat.threadId;
    if (part.attachment !== undefined)
      return this.#call('files.upload', signal, (live) => uploadFile(this.#client, request, threadTs, live));
    return this.#call('chat.postMessage', signal, async () => {
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
    return this.#call('chat.update', signal, async () => {
      // Without `blocks` Slack would keep the buttons of the former text.
      await this.#client.chat.update({
        channel: chat.chatId,
        ts: messageId,
        text: part.text,
        blocks: blocksOf(part) ?? [],
        link_names: false,
      });
    });
  }

  delete(chat: ChatRef, messageId: string, signal: AbortSignal): Promise<void> {
    return this.#call('chat.delete', signal, async () => {
      try {
        // A file whose message stayed unknown was receipted with the id of the file.
        await (messageId.startsWith('F')
          ? this.#client.files.delete({ file: messageId })
          : this.#client.chat.delete({ channel: chat.chatId, ts: messageId }));
      } catch (error) {
        const code = platformCode(error);
        if (code !== 'message_not_found' && code !== 'file_not_found' && code !== 'file_deleted') throw error;
      }
    });
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
    await atMost(showing, TYPING_MS);
  }

  async #call<T>(
    method: string,
    signal: AbortSignal,
    request: (live: AbortSignal) => Promise<T>,
  ): Promise<T> {
    if (this.#stopped.aborted) throw new DeliveryError('unreachable', 'the Slack adapter is stopped');
    if (signal.aborted) throw new DeliveryError('unreachable', `${method}: cancelled before it was sent`);
    const live = AbortSignal.any([signal, this.#stopped]);
    try {
      // web-api has no way to take a request back: it may still arrive.
      return await unlessAborted(
        request(live),
        live,
        () => new DeliveryError('unknown', `${method}: cancelled`),
      );
    } catch (error) {
      const code = unauthorisedCode(error);
      if (code !== undefined) this.#unauthorised(code);
      throw toDeliveryError(method, error);
    }
  }
}
