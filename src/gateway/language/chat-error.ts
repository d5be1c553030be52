import { GatewayError, type GatewayErrorOptions } from '../../base/errors.ts';
import { type ChatText, joined, sentence } from './chat-text.ts';

export interface ChatErrorOptions extends Omit<GatewayErrorOptions, 'hint'> {
  /** What the person can do. */
  readonly hint?: ChatText;
}

/** A failure that people in chats read in their language; everyone else reads it in English. */
export class ChatError extends GatewayError {
  /** For the chat: what happened, and what to do. */
  readonly text: ChatText;

  constructor(code: string, message: ChatText, { hint, ...options }: ChatErrorOptions = {}) {
    super(code, message.in('en'), {
      ...options,
      ...(hint === undefined ? {} : { hint: hint.in('en') }),
    });
    this.text = joined([sentence(message), ...(hint === undefined ? [] : [hint])], ' ');
  }
}
