import { randomUUID } from 'node:crypto';
import { defined } from '../../base/defined.ts';
import type { AgentEvent, AgentInput, Conversation, ReserveCall } from '../agent/agent.ts';
import { AnswerText, endText } from '../agent/turn-end.ts';
import type { Core } from '../core.ts';
import { ChatError, type ChatText, SILENCE, say } from '../language/chat-text.ts';
import type { InboundMessage, Platform } from '../model.ts';
import { showTyping } from '../send/draft.ts';
import type { SessionRecord } from '../sessions/sessions.ts';
import type { Usage } from '../usage.ts';

export interface SideQuestionsDeps extends Pick<Core, 'agent' | 'settings' | 'adapter'> {
  readonly usage: Usage;
  /** Counts the calls of a question under the spending limits; undefined: there are none. */
  readonly meter: (message: InboundMessage, sessionId: string) => ReserveCall | undefined;
  readonly conversation: (session: SessionRecord) => Conversation;
  readonly prepare: (message: InboundMessage, id: string) => Promise<Omit<AgentInput, 'id'>>;
}

interface Asking {
  readonly platform: Platform;
  readonly senderId: string;
  readonly abort: AbortController;
}

/** Questions next to the conversations: each is answered on a copy, and leaves no trace in its session. */
export class SideQuestions {
  readonly #deps: SideQuestionsDeps;
  readonly #asking = new Set<Asking>();

  constructor(deps: SideQuestionsDeps) {
    this.#deps = deps;
  }

  /** Resolves with what the chat reads; empty for nothing. One question of a person at a time. */
  async ask(message: InboundMessage, session: SessionRecord | undefined): Promise<ChatText> {
    const { settings, adapter } = this.#deps;
    const { platform } = message.chat;
    const senderId = message.sender.id;
    if ([...this.#asking].some((each) => each.platform === platform && each.senderId === senderId))
      return say('command.btwBusy');
    const asking: Asking = { platform, senderId, abort: new AbortController() };
    this.#asking.add(asking);
    const deadline = setTimeout(() => asking.abort.abort('timed_out'), settings.agent.turnMs);
    const endTyping = showTyping(adapter(platform), message.chat, settings.agent.turnMs);
    try {
      return await this.#answer(message, session, asking.abort.signal);
    } finally {
      clearTimeout(deadline);
      endTyping();
      this.#asking.delete(asking);
    }
  }

  /**
   * Ends the questions of some people, or of everyone. True when there was one. `told`: the caller tells the chat, so
   * the question itself has no answer.
   */
  stop(platform?: Platform, senderIds?: readonly string[], told = false): boolean {
    const mine = [...this.#asking].filter(
      (each) =>
        (platform === undefined || each.platform === platform) &&
        (senderIds?.includes(each.senderId) ?? true),
    );
    for (const { abort } of mine) abort.abort(told ? 'told' : 'stopped');
    return mine.length > 0;
  }

  async #answer(
    message: InboundMessage,
    session: SessionRecord | undefined,
    signal: AbortSignal,
  ): Promise<ChatText> {
    const id = `aside-${randomUUID()}`;
    const conversation = session === undefined ? this.#fresh(message, id) : this.#deps.conversation(session);
    if (conversation.aside === undefined)
      throw new ChatError('unsupported', say('command.btwUnsupported'), {
        status: 409,
        hint: say('command.bgInstead'),
      });
    const answer = new AnswerText();
    const listen = (event: AgentEvent): void => {
      answer.take(event);
      if (event.type === 'usage') this.#count(message, session?.id ?? id, event);
    };
    const input = { id, ...(await this.#deps.prepare(message, session?.id ?? id)) };
    const end = await conversation.aside(input, listen, signal, this.#deps.meter(message, session?.id ?? id));
    // A copy of the conversation can only be made of a file that we see.
    const key = this.#deps.agent?.sharesFiles === false ? 'command.btwAnswerAside' : 'command.btwAnswer';
    if (end.status === 'answered') return say(key, { answer: answer.text });
    if (end.status === 'failed') return endText(end);
    // A program waits for an answer to every prompt id.
    if (signal.reason === 'told' && message.promptId === undefined) return SILENCE;
    return say('command.btwStopped');
  }

  #fresh({ chat }: InboundMessage, id: string): Conversation {
    const { agent, settings } = this.#deps;
    if (agent === undefined)
      throw new ChatError('no_agent', say('command.noAgent'), {
        status: 409,
        hint: say('command.noAgentHint'),
      });
    const { cwd, model, thinking, tools } = settings.agentOf(chat);
    return agent.open({
      id,
      kind: 'chat',
      cwd,
      ...defined({ model, thinking, tools }),
    });
  }

  #count(message: InboundMessage, sessionId: string, event: Extract<AgentEvent, { type: 'usage' }>): void {
    const { sender, chat } = message;
    const owner = { platform: chat.platform, senderId: sender.id, senderName: sender.name, sessionId };
    this.#deps.usage.add(owner, event);
  }
}
