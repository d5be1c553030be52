import type { Clock } from '../../base/async.ts';
import { defined } from '../../base/defined.ts';
import type { Adapter, OutboundMeta, Part } from '../adapter.ts';
import type { AgentEvent } from '../agent/agent.ts';
import type { TurnEvent } from '../events.ts';
import { raw } from '../language/chat-text.ts';
import type { ChatRef, InboundMessage } from '../model.ts';
import { Draft, type ToolActivity, ToolLine } from './draft.ts';
import type { NewOutbound } from './outbound.ts';
import type { Outbox } from './outbox.ts';

/** What an agent says that has nothing to say. */
const SILENCE = '[SILENT]';

/** May an answer to this message be nothing at all? Only where no one called the bot. */
export function mayStaySilent({ chatKind, mentioned, promptId }: InboundMessage): boolean {
  return chatKind === 'group' && !mentioned && promptId === undefined;
}

/** The answer, or nothing where it only says that there is none. */
export function withoutSilence(answer: string): string {
  const said = answer.trim();
  return said === '' || said.toUpperCase() === SILENCE ? '' : answer;
}

/** Could what has come so far still become silence? Then no one may see it yet. */
function mayBecomeSilence(answer: string): boolean {
  return SILENCE.startsWith(answer.trim().toUpperCase());
}

/** Shows a turn's event to a client that streams them. Best effort: an adapter that throws over it harms no turn. */
export function tellTurn(
  adapter: Adapter | undefined,
  chat: ChatRef,
  promptId: string | undefined,
  event: TurnEvent,
): void {
  try {
    adapter?.turnEvent?.(chat, promptId, event);
  } catch {
    // What became of the turn goes through the outbox, whose failures are told.
  }
}

/** What may belong to a secret that begins in the part that is shown. */
const LONGEST_TOKEN = 12_000;

/** The first `limit` units of a text, but no half of a character. */
function beginningOf(text: string, limit: number): string {
  return text.slice(0, limit).replace(/[\ud800-\udbff]$/, '');
}

/** A draft appears once there is something to read. */
const FIRST_DRAFT_CHARS = 4;

interface ReplyDeps {
  readonly adapter: () => Adapter | undefined;
  readonly outbox: Outbox;
  readonly clock: Clock;
  readonly toolActivity: ToolActivity;
  /** Well-formed, redacted text: the last step before anything leaves. */
  readonly egress: (text: string) => string;
  /** The beginning of the answer stands above a question of the agent already. */
  readonly continues?: boolean;
  /** A draft that an earlier run of the gateway has sent. */
  readonly draft?: { readonly id: string; readonly at: number };
  /** A draft is in the chat. */
  readonly drafted?: (id: string) => void;
}

/**
 * The answer to one message while it grows: events to a client that streams, an edited draft where the platform can
 * edit, nothing elsewhere. The final text is the outbox's alone; no second path sends it.
 */
export class Reply {
  readonly message: InboundMessage;
  readonly #deps: ReplyDeps;
  readonly #tools: ToolLine;
  readonly #draft: Draft;
  #text = '';
  /** A new assistant message begins a new paragraph. */
  #break = false;
  /** When the first event came. */
  #beganAt: number | undefined;

  constructor(message: InboundMessage, deps: ReplyDeps) {
    this.message = message;
    this.#deps = deps;
    this.#tools = new ToolLine(deps.toolActivity);
    this.#draft = new Draft({
      chat: message.chat,
      replyTo: message.messageId,
      outbox: deps.outbox,
      adapter: deps.adapter,
      clock: deps.clock,
      text: () => this.#draftText(),
      ...defined({ known: deps.draft, sent: deps.drafted }),
    });
    // What answers a message after a restart replaces what stands there.
    if (deps.draft !== undefined) this.#beganAt = deps.draft.at;
  }

  get text(): string {
    return this.#text;
  }

  /** Nothing is missing when nothing more was said. */
  get continues(): boolean {
    return this.#deps.continues ?? false;
  }

  /** Nothing of it is to be sent: a draft that stands there is taken away. */
  discard(): Promise<void> {
    return this.#draft.discard();
  }

  /** The gateway stops: what is in the chat stays there, to be replaced later. */
  async leave(): Promise<void> {
    await this.#draft.close();
  }

  /** No answer follows. */
  async unanswered(): Promise<void> {
    await this.#deps.adapter()?.unanswered?.(this.message.chat, this.message.messageId);
  }

  /** Takes an event of the turn; returns what clients are shown of it. */
  take(event: AgentEvent): TurnEvent | undefined {
    this.#beganAt ??= this.#deps.clock();
    this.#tools.take(event);
    const shown = this.#fold(event);
    const adapter = this.#deps.adapter();
    if (adapter === undefined) return shown;
    if (!adapter.capabilities.streamsEvents) {
      if (adapter.capabilities.edit) this.#draft.changed();
    } else if (shown !== undefined && (this.#deps.toolActivity !== 'off' || !shown.type.startsWith('tool_')))
      tellTurn(adapter, this.message.chat, this.message.promptId, shown);
    return shown;
  }

  /** Ends the draft and returns the final message for the outbox; `files` follow the text. */
  async finish(
    text: string,
    meta: OutboundMeta,
    files: readonly Part[] = [],
  ): Promise<NewOutbound | undefined> {
    const draftId = await this.#draft.close();
    const parts = [...this.#deps.outbox.format(this.message.chat, raw(text)), ...files];
    // A program waits for its prompt id even when there is nothing to say.
    if (parts.length === 0 && this.message.promptId === undefined) return undefined;
    const { promptId } = this.message;
    return {
      chat: this.message.chat,
      meta: {
        ...meta,
        ...defined({ promptId }),
        ...(draftId === undefined || this.#beganAt === undefined ? {} : { draftAt: this.#beganAt }),
      },
      parts: parts.length === 0 ? [{ text: '', plain: '' }] : parts,
      replyTo: this.message.messageId,
      ...defined({ draftId }),
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
        return { type: 'tool_start', id: event.id, name: event.name };
      case 'tool_end':
        return { type: 'tool_end', id: event.id, name: event.name, ok: event.ok };
      case 'progress':
        return { type: 'progress', percent: event.percent, message: event.message };
      default:
        return undefined;
    }
  }

  /** Only what fits into one message: the rest is seen when the answer is complete. */
  #draftText(): string {
    const limit = this.#deps.adapter()?.capabilities.textLimit ?? 0;
    const early = this.#text.length < FIRST_DRAFT_CHARS || mayBecomeSilence(this.#text);
    // A secret or a character that is cut in two would be neither recognized nor shown.
    const said = early
      ? ''
      : beginningOf(this.#deps.egress(this.#text.slice(0, limit + LONGEST_TOKEN)), limit);
    const tools = this.#deps.outbox.words(this.message.chat, this.#tools.text(), this.message.sender);
    const shown = [said, tools].filter((each) => each !== '').join('\n\n');
    return this.#deps.egress(shown);
  }
}
