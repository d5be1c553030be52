import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { Value } from 'typebox/value';
import { DeliveryError, messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Part, SendReceipt, SendRequest } from '../../gateway/adapter.ts';
import type { ChatRef } from '../../gateway/model.ts';
import { Pacer } from '../kit/pacer.ts';
import { Sent } from './contents.ts';
import type { WaitingInteractions } from './receive.ts';
import { type CallOptions, DiscordFailure, type DiscordRest } from './rest.ts';

/** Discord's codes for chats that take no message (anymore). */
const GONE = new Set([
  10003, // unknown channel
  10004, // unknown guild
  10013, // unknown user
  40001, // unauthorised for this action
  50001, // missing access
  50007, // cannot send messages to this user
  50008, // cannot send messages in a non-text channel
  50013, // missing permissions
  160005, // the thread is locked
  50278, // no mutual servers with this user
]);
const SLOW_MODE = 20016;
const UNKNOWN_MESSAGE = 10008;

/** Slow mode and 429 answers without a wait: a safe guess. */
const DEFAULT_RETRY_MS = 5000;

/** What a failed call means for a message that was to be delivered. */
export function deliveryError(error: unknown): DeliveryError {
  if (error instanceof DeliveryError) return error;
  if (!(error instanceof DiscordFailure)) return new DeliveryError('unknown', messageOf(error));
  const { kind, code, message } = error;
  if (kind === 'unsent') return new DeliveryError('unreachable', message);
  if (kind === 'rate-limited' || code === SLOW_MODE)
    return new DeliveryError('rate-limited', message, {
      retryAfterMs: error.retryAfterMs ?? DEFAULT_RETRY_MS,
    });
  if (kind !== 'refused') return new DeliveryError('unknown', message);
  if (error.unauthorised)
    return new DeliveryError('unreachable', message, { hint: 'Check platforms.discord.botToken.' });
  if (code !== undefined && GONE.has(code)) return new DeliveryError('gone', message);
  return new DeliveryError('rejected', message);
}

/** The message is not there anymore: what a delete wanted. */
function isAlreadyDeleted(error: unknown): boolean {
  return error instanceof DiscordFailure && error.code === UNKNOWN_MESSAGE;
}

const BUTTONS_PER_ROW = 5;
const MAX_ROWS = 5;
const MAX_COMMAND = 100;
const MAX_LABEL = 80;

const ACTION_ROW = 1;
const BUTTON = 2;
const SECONDARY = 2;

const fits = (button: { readonly command: string }): boolean => button.command.length <= MAX_COMMAND;

/** The text of a part; commands too long for a button are listed below it, to be typed. */
function contentOf(part: Part): string {
  const typed = (part.buttons ?? [])
    .filter((button) => !fits(button))
    .map((button) => `\n${button.label}: ${button.command}`);
  return part.text + typed.join('');
}

/** The buttons of a part as rows of components; pressing one sends its command. Empty where there are none. */
function componentsOf(part: Part): readonly unknown[] {
  const buttons = (part.buttons ?? [])
    .filter(fits)
    .slice(0, BUTTONS_PER_ROW * MAX_ROWS)
    .map((button) => ({
      type: BUTTON,
      style: SECONDARY,
      label: button.label.slice(0, MAX_LABEL).toWellFormed(),
      custom_id: button.command,
    }));
  return Array.from({ length: Math.ceil(buttons.length / BUTTONS_PER_ROW) }, (_, row) => ({
    type: ACTION_ROW,
    components: buttons.slice(row * BUTTONS_PER_ROW, (row + 1) * BUTTONS_PER_ROW),
  }));
}

/** Message flag: show no previews, so that a text of a model makes Discord fetch no address. */
const SUPPRESS_EMBEDS = 4;
/** Mentions in the text stay text, and the person replied to is not pinged either. */
const NO_PINGS = { parse: [], replied_user: false };
/** The largest file of the best-boosted server; what less a server takes, Discord itself says. */
const MAX_FILE_BYTES = 100 * 1024 * 1024;
const UPLOAD_TIMEOUT_MS = 180_000;
const TYPING_TIMEOUT_MS = 5000;

interface OutboundOptions {
  readonly rest: DiscordRest;
  readonly interactions: WaitingInteractions;
  /** Known after login; interactions are answered under it. */
  readonly applicationId: () => string | undefined;
  readonly log: Logger;
  readonly onUnauthorised: () => void;
}

/** Everything that goes out. Never retries on its own; every failure is a DeliveryError without the token. */
export class Outbound {
  readonly #options: OutboundOptions;
  readonly #pacer = new Pacer();

  constructor(options: OutboundOptions) {
    this.#options = options;
  }

  async send(request: SendRequest, signal: AbortSignal): Promise<SendReceipt> {
    if (signal.aborted) throw new DeliveryError('unreachable', 'the delivery was canceled before it began');
    const target = targetOf(request.chat);
    // The library forgets some waits, and knocking too early counts against the bot.
    this.#pacer.check(target);
    const files = await filesOf(request.part);
    const send = async (): Promise<SendReceipt> => {
      const answered = await this.#answerInteraction(request, files, signal);
      if (answered !== undefined) return receipt(answered);
      const reply = request.partIndex === 0 ? request.replyToMessageId : undefined;
      return receipt(
        await this.#options.rest.call('POST', `/channels/${target}/messages`, {
          ...files,
          body: {
            ...bodyOf(request.part),
            // Discord returns the first message instead of a second one for a few minutes.
            nonce: nonceOf(request.idempotencyKey),
            enforce_nonce: true,
            ...(reply !== undefined && /^\d+$/.test(reply)
              ? { message_reference: { message_id: reply, fail_if_not_exists: false } }
              : {}),
          },
          signal,
        }),
      );
    };
    try {
      return await this.#guarded(send);
    } catch (error) {
      if (error instanceof DeliveryError && error.retryAfterMs !== undefined)
        this.#pacer.block(target, error.retryAfterMs);
      throw error;
    }
  }

  async edit(chat: ChatRef, messageId: string, part: Part, signal: AbortSignal): Promise<void> {
    await this.#guarded(() =>
      this.#options.rest.call('PATCH', `/channels/${targetOf(chat)}/messages/${messageId}`, {
        body: bodyOf(part),
        signal,
      }),
    );
  }

  async delete(chat: ChatRef, messageId: string, signal: AbortSignal): Promise<void> {
    await this.#guarded(async () => {
      try {
        await this.#options.rest.call('DELETE', `/channels/${targetOf(chat)}/messages/${messageId}`, {
          signal,
        });
      } catch (error) {
        if (!isAlreadyDeleted(error)) throw error;
      }
    });
  }

  /** A command without an answer shows "thinking…" for 15 minutes: it is taken away. */
  async unanswered(chat: ChatRef, messageId: string, signal: AbortSignal): Promise<void> {
    const { rest, interactions, applicationId, log } = this.#options;
    const application = applicationId();
    const waiting = interactions.find(messageId, targetOf(chat));
    if (waiting === undefined || application === undefined) return;
    interactions.settle(waiting);
    try {
      await rest.call('DELETE', `/webhooks/${application}/${waiting.token}/messages/@original`, {
        auth: false,
        signal,
      });
    } catch (error) {
      log.debug('"thinking…" was not removed', { error: messageOf(error) });
    }
  }

  /** Discord hides it on its own after 10 s or with the next message: there is nothing to take back. */
  async typing(chat: ChatRef, on: boolean, signal: AbortSignal): Promise<void> {
    if (!on) return;
    try {
      await this.#options.rest.call('POST', `/channels/${targetOf(chat)}/typing`, {
        signal,
        timeoutMs: TYPING_TIMEOUT_MS,
      });
    } catch (error) {
      // Best effort: the answer itself will report what is wrong.
      this.#options.log.debug('typing was not shown', { error: messageOf(error) });
    }
  }

  /**
   * The first part of an answer to a slash command takes the place of its "thinking…"; doing that twice changes
   * nothing. Undefined where no command waits, or Discord has forgotten it.
   */
  async #answerInteraction(
    request: SendRequest,
    files: Pick<CallOptions, 'files' | 'timeoutMs'>,
    signal: AbortSignal,
  ): Promise<unknown> {
    const { rest, interactions, applicationId } = this.#options;
    const application = applicationId();
    if (request.partIndex !== 0 || application === undefined) return undefined;
    const waiting = interactions.find(request.replyToMessageId, targetOf(request.chat));
    if (waiting === undefined) return undefined;
    try {
      const answer = await rest.call(
        'PATCH',
        `/webhooks/${application}/${waiting.token}/messages/@original`,
        { ...files, body: bodyOf(request.part), auth: false, signal },
      );
      interactions.settle(waiting);
      return answer;
    } catch (error) {
      if (!(error instanceof DiscordFailure) || error.status !== 404) throw error;
      interactions.settle(waiting);
      return undefined;
    }
  }

  async #guarded<T>(body: () => Promise<T>): Promise<T> {
    try {
      return await body();
    } catch (error) {
      if (error instanceof DiscordFailure && error.unauthorised) this.#options.onUnauthorised();
      throw deliveryError(error);
    }
  }
}

/** A thread is a channel of its own. */
function targetOf(chat: ChatRef): string {
  return chat.threadId ?? chat.chatId;
}

function bodyOf(part: Part): Record<string, unknown> {
  return {
    content: contentOf(part),
    components: componentsOf(part),
    allowed_mentions: NO_PINGS,
    flags: SUPPRESS_EMBEDS,
  };
}

/** At most 25 characters, the same for the same key. */
function nonceOf(idempotencyKey: string): string {
  return createHash('sha256').update(idempotencyKey).digest('base64url').slice(0, 25);
}

async function filesOf({ attachment }: Part): Promise<Pick<CallOptions, 'files' | 'timeoutMs'>> {
  if (attachment === undefined) return {};
  const { path, name, mimeType } = attachment;
  try {
    const { size } = await stat(path);
    if (size > MAX_FILE_BYTES)
      throw new DeliveryError('rejected', `${name} is larger than Discord takes anywhere (100 MB)`);
    const data = await readFile(path);
    return { files: [{ name, data, contentType: mimeType }], timeoutMs: UPLOAD_TIMEOUT_MS };
  } catch (error) {
    if (error instanceof DeliveryError) throw error;
    throw new DeliveryError('rejected', `${name} cannot be read: ${messageOf(error)}`);
  }
}

function receipt(result: unknown): SendReceipt {
  if (!Value.Check(Sent, result))
    throw new DeliveryError('unknown', 'Discord took the message but did not say under which id');
  return { messageId: result.id };
}
