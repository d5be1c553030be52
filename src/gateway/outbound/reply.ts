import type { Adapter, OutboundMeta } from '../adapter.ts';
import type { AgentEvent } from '../agent/agent.ts';
import type { Clock } from '../clock.ts';
import { DeliveryError } from '../errors.ts';
import type { TurnEvent } from '../events.ts';
import type { InboundMessage } from '../model.ts';
import type { NewOutbound } from './outbound-row.ts';
import type { Outbox } from './outbox.ts';

/** A draft appears once there is something to read. */
const FIRST_DRAFT_CHARS = 4;

export interface ReplyDeps {
  readonly adapter: () => Adapter | undefined;
  readonly outbox: Outbox;
  readonly clock: Clock;
  readonly toolActivity: 'off' | 'brief' | 'verbose';
  /** Well-formed, redacted text: the last step before anything leaves. */
  readonly egress: (text: string) => string;
}

/**
 * The answer to one message while it grows: events to a client that streams, an edited draft where the platform can
 * edit, nothing elsewhere. The final text is the outbox's alone; no second path sends it.
 */
export class Reply {
  readonly message: InboundMessage;
  readonly #deps: ReplyDeps;
  #text = '';
  /** A new assistant message begins a new paragraph. */
  #break = false;
  readonly #tools: string[] = [];
  #draftId: string | undefined;
  #drafting: Promise<void> | undefined;
  #drafted = '';
  #nextEditAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(message: InboundMessage, deps: ReplyDeps) {
    this.message = message;
    this.#deps = deps;
  }

  get text(): string {
    return this.#text;
  }

  /** Takes an event of the turn; returns what clients are shown of it. */
  take(event: AgentEvent): TurnEvent | undefined {
    const shown = this.#fold(event);
    if (shown !== undefined) {
      const adapter = this.#deps.adapter();
      if (adapter?.capabilities.streamsEvents) {
        if (this.#deps.toolActivity !== 'off' || !shown.type.startsWith('tool_'))
          adapter.turnEvent?.(this.message.chat, this.message.promptId, shown);
      } else if (adapter?.capabilities.edit) this.#scheduleDraft(adapter);
    }
    return shown;
  }

  /** Ends the draft and returns the final message for the outbox. */
  async finish(text: string, meta: OutboundMeta): Promise<NewOutbound | undefined> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#drafting;
    const parts = this.#deps.outbox.format(this.message.chat, text);
    // A program waits for its prompt id even when there is nothing to say.
    if (parts.length === 0 && this.message.promptId === undefined) return undefined;
    return {
      chat: this.message.chat,
      meta: this.message.promptId === undefined ? meta : { ...meta, promptId: this.message.promptId },
      parts: parts.length === 0 ? [{ text: '', plain: '' }] : parts,
      replyTo: this.message.messageId,
      ...(this.#draftId === undefined ? {} : { draftId: this.#draftId }),
    };
  }

  #fold(event: AgentEvent): TurnEvent | undefined {
    switch (event.type) {
      case 'started':
        return { type: 'started' };
      case 'text_delta': {
        const delta = this.#break && this.#text !== '' ? `\n\n${event.delta}` : event.delta;
        this.#break = false;
        this.#text += delta;
        return { type: 'text_delta', delta };
      }
      case 'text_end':
        this.#break = true;
        return undefined;
      case 'tool_start':
        this.#tools.push(event.name);
        return { type: 'tool_start', id: event.id, name: event.name };
      case 'tool_end':
        return { type: 'tool_end', id: event.id, name: event.name, ok: event.ok };
      case 'progress':
        return { type: 'progress', percent: event.percent, message: event.message };
      default:
        return undefined;
    }
  }

  #scheduleDraft(adapter: Adapter): void {
    if (this.#closed || this.#drafting !== undefined || this.#timer !== undefined) return;
    if (
      this.#text.length < FIRST_DRAFT_CHARS &&
      (this.#tools.length === 0 || this.#deps.toolActivity === 'off')
    )
      return;
    const wait = this.#nextEditAt - this.#deps.clock();
    if (wait > 0) {
      this.#timer = setTimeout(() => {
        this.#timer = undefined;
        this.#scheduleDraft(adapter);
      }, wait);
      return;
    }
    this.#drafting = this.#draft(adapter).finally(() => {
      this.#drafting = undefined;
      if (!this.#closed && this.#draftText() !== this.#drafted) this.#scheduleDraft(adapter);
    });
  }

  #draftText(): string {
    const tools =
      this.#deps.toolActivity === 'off' || this.#tools.length === 0
        ? ''
        : `⚙ ${toolLine(this.#tools, this.#deps.toolActivity)}`;
    return this.#deps.egress([this.#text, tools].filter((each) => each !== '').join('\n\n'));
  }

  async #draft(adapter: Adapter): Promise<void> {
    const text = this.#draftText();
    const part = adapter.format(text)[0];
    this.#drafted = text;
    if (part === undefined) return;
    const { chat, messageId } = this.message;
    const draftId = this.#draftId;
    this.#nextEditAt = this.#deps.clock() + adapter.capabilities.editIntervalMs;
    try {
      if (draftId === undefined) {
        const key = `draft:${messageId}:${this.#deps.clock()}`;
        const receipt = await this.#deps.outbox.direct(chat, (live, signal) =>
          live.send(
            {
              idempotencyKey: key,
              chat,
              part,
              partIndex: 0,
              partCount: 1,
              replyToMessageId: messageId,
              meta: { kind: 'reply' },
            },
            signal,
          ),
        );
        this.#draftId = receipt.messageId;
      } else {
        await this.#deps.outbox.direct(chat, async (live, signal) =>
          live.edit?.(chat, draftId, part, signal),
        );
      }
    } catch (error) {
      // A draft is a courtesy: the final text goes through the outbox whatever happens here.
      const pauseMs = error instanceof DeliveryError ? (error.retryAfterMs ?? 5000) : 5000;
      this.#nextEditAt = this.#deps.clock() + pauseMs;
    }
  }
}

function toolLine(tools: readonly string[], level: 'brief' | 'verbose'): string {
  if (level === 'verbose') return tools.slice(-8).join(' › ');
  return [...new Set(tools)].slice(-3).join(', ');
}
