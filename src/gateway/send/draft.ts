import { type Clock, settlesWithin } from '../../base/async.ts';
import { defined } from '../../base/defined.ts';
import { DeliveryError } from '../../base/errors.ts';
import type { Adapter, Part } from '../adapter.ts';
import type { AgentEvent } from '../agent/agent.ts';
import { type ChatText, joined, raw, SILENCE, say } from '../language/chat-text.ts';
import type { ChatRef } from '../model.ts';
import type { Outbox } from './outbox.ts';

const DRAFT = {
  /** An answer that is complete sooner is one message and no edit: no one could have read the draft. */
  holdMs: 80,
  /** After a failed try. */
  pauseMs: 5000,
  /** The final text does not wait longer for a draft that is on its way. */
  graceMs: 5000,
} as const;

interface DraftDeps {
  readonly chat: ChatRef;
  /** The message that it answers, if it answers one. */
  readonly replyTo?: string;
  readonly outbox: Pick<Outbox, 'bestEffort' | 'direct' | 'pace'>;
  readonly adapter: () => Adapter | undefined;
  readonly clock: Clock;
  /** What the draft is to show now; empty while there is nothing to show. */
  readonly text: () => string;
  /** The message that is the draft, when it was sent before. */
  readonly known?: { readonly id: string; readonly at: number };
  readonly sent?: (id: string) => void;
}

/**
 * A message that is edited while the answer grows. Best effort: it gives way to everything else that is sent to the
 * chat, a failure only slows it down, and the final text goes through the outbox whatever happens here.
 */
export class Draft {
  readonly #deps: DraftDeps;
  #id: string | undefined;
  #sentAt = 0;
  #shown = '';
  /** The platform refused our markup once: this draft continues without. */
  #plain = false;
  #over = false;
  #held = false;
  #working: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(deps: DraftDeps) {
    this.#deps = deps;
    this.#id = deps.known?.id;
    this.#sentAt = deps.known?.at ?? 0;
  }

  /** The text has changed: shows it as soon as the chat's pace allows. */
  changed(): void {
    if (this.#over || this.#working !== undefined || this.#timer !== undefined) return;
    if (this.#deps.text() === this.#shown) return;
    const waitMs = Math.max(this.#deps.outbox.pace.editMs(this.#deps.chat), this.#held ? 0 : DRAFT.holdMs);
    this.#held = true;
    if (waitMs > 0) {
      this.#timer = setTimeout(() => {
        this.#timer = undefined;
        this.changed();
      }, waitMs);
      return;
    }
    this.#working = this.#show()
      // Only a fault of the adapter's own comes here: without an end it would be met again at once, forever.
      .catch(() => {
        this.#over = true;
      })
      .finally(() => {
        this.#working = undefined;
        this.changed();
      });
  }

  /** Ends the draft. Resolves with the id of the message that the final text is to replace, if there is one. */
  async close(): Promise<string | undefined> {
    this.#over = true;
    clearTimeout(this.#timer);
    const working = this.#working;
    if (working === undefined || (await settlesWithin(working, DRAFT.graceMs))) return this.#id;
    // Still on its way: the answer goes out as a message of its own, and the draft is taken away.
    void working.then(() => this.#remove());
    return undefined;
  }

  /** Ends the draft and takes its message away. */
  async discard(): Promise<void> {
    await this.close();
    await this.#remove();
  }

  async #show(): Promise<void> {
    const { chat, outbox } = this.#deps;
    const adapter = this.#deps.adapter();
    const text = this.#deps.text();
    const part = adapter?.format(text)[0];
    if (adapter === undefined || part === undefined) {
      this.#shown = text;
      return;
    }
    const { editWindowMs = Number.POSITIVE_INFINITY } = adapter.capabilities;
    if (this.#id !== undefined && this.#deps.clock() - this.#sentAt > editWindowMs) {
      this.#over = true;
      return;
    }
    const work = outbox.bestEffort(chat, (live, signal) =>
      this.#put(live, this.#plain ? { ...part, text: part.plain } : part, signal),
    );
    // The chat is busy with something that matters more.
    outbox.pace.edited(chat, Math.max(adapter.capabilities.editIntervalMs, work === undefined ? 1000 : 0));
    if (work === undefined) return;
    this.#shown = text;
    try {
      await work;
    } catch (error) {
      this.#failed(error);
    }
  }

  async #put(adapter: Adapter, part: Part, signal: AbortSignal): Promise<void> {
    const { chat, replyTo } = this.#deps;
    if (this.#id !== undefined) {
      await adapter.edit?.(chat, this.#id, part, signal);
      return;
    }
    const receipt = await adapter.send(
      {
        idempotencyKey: `draft:${replyTo ?? ''}:${Math.random().toString(36).slice(2)}`,
        chat,
        part,
        partIndex: 0,
        partCount: 1,
        ...defined({ replyToMessageId: replyTo }),
        meta: { kind: 'reply' },
      },
      signal,
    );
    this.#id = receipt.messageId;
    this.#sentAt = this.#deps.clock();
    this.#deps.sent?.(receipt.messageId);
  }

  #failed(error: unknown): void {
    const { chat, outbox } = this.#deps;
    const failure = error instanceof DeliveryError ? error.failure : 'unknown';
    if (failure === 'rate-limited' && error instanceof DeliveryError)
      outbox.pace.rest(chat, error.retryAfterMs ?? DRAFT.pauseMs);
    else if (failure === 'markup' && !this.#plain) this.#plain = true;
    else if (
      failure === 'gone' ||
      failure === 'rejected' ||
      (failure === 'unknown' && this.#id === undefined)
    )
      // The chat is closed, the draft cannot be edited, or one may stand there whose id is not known.
      this.#over = true;
    else outbox.pace.edited(chat, DRAFT.pauseMs);
    this.#shown = '';
  }

  async #remove(): Promise<void> {
    const id = this.#id;
    if (id === undefined) return;
    const { chat, outbox } = this.#deps;
    // A stray draft that cannot be deleted stays.
    await outbox.direct(chat, async (adapter, signal) => adapter.delete?.(chat, id, signal)).catch(() => {});
  }
}

/** What is over sooner needs no indicator: it would arrive with the answer. */
const TYPING_AFTER_MS = 80;

/** Shows the typing indicator while work runs; refreshed as the platform needs, with a hard end. */
export function showTyping(adapter: Adapter | undefined, chat: ChatRef, hardEndMs: number): () => void {
  const { typing } = adapter ?? {};
  if (adapter === undefined || typing === undefined || !adapter.capabilities.typing) return () => {};
  if (hardEndMs <= TYPING_AFTER_MS) return () => {};
  const call = (on: boolean): void => {
    // Best effort: its failure changes nothing, whichever way it comes.
    (async () => typing.call(adapter, chat, on))().catch(() => {});
  };
  let shown = false;
  let refresh: NodeJS.Timeout | undefined;
  let limit: NodeJS.Timeout | undefined;
  const begin = setTimeout(() => {
    shown = true;
    limit = setTimeout(end, hardEndMs - TYPING_AFTER_MS);
    call(true);
    const { typingRefreshMs } = adapter.capabilities;
    if (typingRefreshMs > 0) refresh = setInterval(() => call(true), typingRefreshMs);
  }, TYPING_AFTER_MS);
  let ended = false;
  const end = (): void => {
    if (ended) return;
    ended = true;
    clearTimeout(begin);
    clearInterval(refresh);
    clearTimeout(limit);
    if (shown) call(false);
  };
  return end;
}

export type ToolActivity = 'off' | 'brief' | 'verbose';

const BRIEF_TOOLS = 3;
const VERBOSE_TOOLS = 8;

interface Tool {
  readonly id: string;
  readonly name: string;
  state: 'running' | 'ok' | 'failed';
}

const MARKS = { running: '…', ok: ' ✓', failed: ' ✗' } as const;

/** One line below a draft that says which tools are working. Names only: no argument and no output of a tool. */
export class ToolLine {
  readonly #level: ToolActivity;
  readonly #tools: Tool[] = [];
  #progress = '';
  #starting = false;

  constructor(level: ToolActivity) {
    this.#level = level;
  }

  take(event: AgentEvent): void {
    if (event.type === 'starting') this.#starting = event.on;
    else if (event.type === 'tool_start')
      this.#tools.push({ id: event.id, name: event.name, state: 'running' });
    else if (event.type === 'tool_end') {
      const tool = this.#tools.findLast((each) => each.id === event.id);
      if (tool !== undefined) tool.state = event.ok ? 'ok' : 'failed';
    } else if (event.type === 'progress')
      this.#progress = `${Math.round(event.percent)} % ${event.message}`.trim();
  }

  /** Empty where there is nothing to show or nothing may be shown. */
  text(): ChatText {
    if (this.#level === 'off') return SILENCE;
    if (this.#starting) return joined([raw('⚙ '), say('turn.starting')], '');
    const tools =
      this.#level === 'verbose'
        ? this.#tools
            .slice(-VERBOSE_TOOLS)
            .map(({ name, state }) => `${name}${MARKS[state]}`)
            .join(' › ')
        : [...new Set(this.#tools.map(({ name }) => name))].slice(-BRIEF_TOOLS).join(', ');
    const line = [tools, this.#progress].filter((each) => each !== '').join(' · ');
    return line === '' ? SILENCE : raw(`⚙ ${line}`);
  }
}
