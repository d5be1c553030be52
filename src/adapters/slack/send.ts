import { readFile } from 'node:fs/promises';
import type { types } from '@slack/bolt';
import { unlessAborted, within } from '../../base/async.ts';
import { defined } from '../../base/defined.ts';
import { DeliveryError, messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Part, SendReceipt, SendRequest } from '../../gateway/adapter.ts';
import type { ChatRef } from '../../gateway/model.ts';
import { checkGate } from '../../gateway/send/send-queue.ts';
import { Pacer, type PaceStep } from '../kit/pacer.ts';
import { pause } from '../kit/supervisor.ts';
import type { Way } from '../kit/way.ts';
import { ACTION_PREFIX } from './directory.ts';
import { type Fields, fieldsOf, listOf, textOf } from './mrkdwn.ts';
import {
  platformCode,
  type SlackTiming,
  toDeliveryError,
  unauthorisedCode,
  type WebClient,
} from './web-client.ts';

/**
 * Sends a file in Slack's three steps: ask for an address, put the bytes there, share the file. Only the third shows
 * anything in the chat, so a failure before it is certainly no delivery.
 */
async function uploadFile(
  { client, way }: { readonly client: WebClient; readonly way: Way },
  request: SendRequest,
  threadTs: string | undefined,
  signal: AbortSignal,
): Promise<SendReceipt> {
  const { attachment, text } = request.part;
  if (attachment === undefined) throw new DeliveryError('rejected', 'there is no file to send');
  const bytes = await readFile(attachment.path, { signal }).catch((error: unknown) => {
    throw new DeliveryError('rejected', `the file ${attachment.name} cannot be read: ${messageOf(error)}`);
  });
  const fileId = await offer(client, attachment.name, bytes, way, signal);
  const share = {
    files: [{ id: fileId, title: attachment.name }] as [{ id: string; title: string }],
    channel_id: request.chat.chatId,
  };
  const caption = text === '' ? {} : { initial_comment: text };
  try {
    checkGate(); // the upload may have taken long
    await (threadTs === undefined
      ? client.files.completeUploadExternal({ ...share, ...caption })
      : client.files.completeUploadExternal({ ...share, ...caption, thread_ts: threadTs }));
  } catch (error) {
    throw toDeliveryError('files.completeUploadExternal', error);
  }
  return { messageId: (await messageOfFile(client, fileId, request.chat.chatId, signal)) ?? fileId };
}

/** Steps one and two. Nothing is in the chat yet, so every doubt is a plain failure. */
async function offer(
  client: WebClient,
  filename: string,
  bytes: Buffer,
  way: Way,
  signal: AbortSignal,
): Promise<string> {
  try {
    const { upload_url: url, file_id: id } = await client.files.getUploadURLExternal({
      filename,
      length: bytes.length,
    });
    if (url === undefined || id === undefined) throw new Error('Slack named no address for the upload');
    const response = await way.fetch(url, { method: 'POST', body: new Uint8Array(bytes), signal });
    if (!response.ok) throw new Error(`the upload ended with HTTP ${response.status}`);
    return id;
  } catch (error) {
    const failure = toDeliveryError('files.getUploadURLExternal', error);
    throw failure.failure === 'unknown' ? new DeliveryError('unreachable', failure.message) : failure;
  }
}

/** The file's message. Slack shares it a moment later; without the scope files:read it stays unknown. */
async function messageOfFile(
  client: WebClient,
  file: string,
  channel: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  for (let attempt = 1; attempt <= 3 && !signal.aborted; attempt += 1) {
    try {
      const shares = fieldsOf(fieldsOf((await client.files.info({ file })).file)['shares']);
      const ts = sharedAs(shares, channel);
      if (ts !== undefined) return ts;
    } catch {
      // The file is delivered; only its message stays unknown.
      return undefined;
    }
    await pause(300, signal);
  }
  return undefined;
}

function sharedAs(shares: Fields, channel: string): string | undefined {
  for (const kind of ['public', 'private']) {
    const [share] = listOf(fieldsOf(shares[kind]), channel);
    const ts = share === undefined ? undefined : textOf(share, 'ts');
    if (ts !== undefined) return ts;
  }
  return undefined;
}

/** https://docs.slack.dev/reference/block-kit/blocks/section-block */
const SECTION_LIMIT = 3000;
const LABEL_LIMIT = 75;

/** Text with buttons below it, as blocks; undefined for a part without buttons (plain text needs no blocks). */
function blocksOf(part: Part): types.KnownBlock[] | undefined {
  if (part.buttons === undefined || part.buttons.length === 0) return undefined;
  const sections: types.KnownBlock[] = sectionsOf(part.text).map((text) => ({
    type: 'section',
    text: { type: 'mrkdwn', text },
  }));
  const actions: types.KnownBlock = {
    type: 'actions',
    elements: part.buttons.slice(0, 25).map((button, index) => ({
      type: 'button',
      action_id: `${ACTION_PREFIX}${index}`,
      text: { type: 'plain_text', text: labelOf(button.label) },
      value: button.command,
    })),
  };
  return [...sections, actions];
}

function labelOf(label: string): string {
  const symbols = [...label];
  return symbols.length <= LABEL_LIMIT ? label : `${symbols.slice(0, LABEL_LIMIT - 1).join('')}…`;
}

/** The text in pieces that a section takes, cut at line ends where there are any. */
function sectionsOf(text: string): string[] {
  const pieces: string[] = [];
  let rest = text;
  while (rest.length > SECTION_LIMIT) {
    const head = rest.slice(0, SECTION_LIMIT);
    const line = head.lastIndexOf('\n');
    let end = line > 0 ? line : SECTION_LIMIT;
    if (/[\ud800-\udbff]/.test(rest.charAt(end - 1))) end -= 1;
    pieces.push(rest.slice(0, end));
    rest = rest.slice(end).replace(/^\n/, '');
  }
  if (rest !== '') pieces.push(rest);
  return pieces;
}

/** Errors after which the status under a thread is not tried again. */
const NO_STATUS = new Set([
  'missing_scope',
  'unknown_method',
  'not_allowed_token_type',
  'access_denied',
  'method_deprecated',
]);
const TYPING_MS = 3000;

interface SlackOutboundOptions {
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
        ...defined({ blocks, thread_ts: threadTs }),
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
    checkGate();
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
