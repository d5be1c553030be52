/** What a chat command is, and what it works with. */

import type { BusyMode } from '../../config/schema.ts';
import type { Core } from '../../core.ts';
import { ChatError, type ChatText } from '../../language/chat-text.ts';
import type { MessageKey } from '../../language/languages.ts';
import type { ChatRef, InboundMessage } from '../../model.ts';
import type { ChatAnswers } from '../../questions/chat-answers.ts';
import type { Schedules } from '../../schedules/schedules.ts';
import type { SaidHit } from '../../sessions/archive.ts';
import type { Sessions } from '../../sessions/sessions.ts';
import type { Spending } from '../../spending/spending.ts';
import type { Tasks } from '../../tasks/tasks.ts';
import type { Conversations } from '../../turns/conversations.ts';
import type { SideQuestions } from '../../turns/side-questions.ts';
import type { Usage } from '../../usage.ts';
import type { Inbox } from '../inbox.ts';

/** What commands work with. */
export interface CommandCore extends Core {
  readonly sessions: Sessions;
  readonly conversations: Conversations;
  readonly inbox: Inbox;
  readonly tasks: Tasks;
  readonly schedules: Schedules;
  readonly usage: Usage;
  readonly spending: Spending;
  /** Lines of those sessions with all of the words, the newest first. */
  readonly search: (words: string, limit: number, sessions: readonly string[]) => Promise<readonly SaidHit[]>;
  readonly sideQuestions: SideQuestions;
  /** Is the sender on the allowlist, and not merely let in by an open chat? */
  readonly listed: (message: InboundMessage) => boolean;
  readonly answers: ChatAnswers;
  /** What an owner decides. */
  readonly owner: (args: string, message: InboundMessage) => Promise<ChatText>;
  /** `/word`, or `!word` where that is what people type. */
  readonly prefix: (chat: ChatRef) => string;
}

/** A command has its line in `/help` under `help.<name>` of the catalogue. */
type HelpName = MessageKey extends infer Key ? (Key extends `help.${infer Name}` ? Name : never) : never;

/**
 * One row declares a chat command: its reading, `/help`, the menus of the platforms and the documentation come from it.
 */
export interface ChatCommand<Name extends string = string> {
  readonly name: Name;
  readonly aliases?: readonly string[];
  readonly args?: string;
  /** Has to wait until the agent is done. All others run at once: they may never wait for a turn. */
  readonly idleOnly?: true;
  /**
   * `everyone`: anyone who may write here. `listed`: only people on the allowlist, not those whom an open chat lets in;
   * where `allowAll` lets everyone in, everyone counts as listed.
   */
  readonly who: 'everyone' | 'listed';
  /**
   * Gives the agent nothing to do, and does not count towards the rate limit: `always` passes however often it comes, so
   * that anyone who started something can stop it; `own` has a limit of the same size to itself.
   */
  readonly control?: 'always' | 'own';
  /** With text it is no command but a message for the agent, to be taken that way while a turn runs. */
  readonly mode?: BusyMode;
  /** For few: not in `/help` and not in the menus of platforms. */
  readonly hidden?: true;
  /** Takes as long as the agent needs for an answer; the others are answered soon. */
  readonly patient?: true;
  /** Returns the sentence or list that the chat reads. */
  run(core: CommandCore, args: string, message: InboundMessage): Promise<ChatText> | ChatText;
}

/** A row of the table, with the name that the catalogue knows. */
export function command<const Name extends HelpName>(row: ChatCommand<Name>): ChatCommand<Name> {
  return row;
}

/** What a command names is not there. */
export function notHere(code: string, message: ChatText, hint: ChatText): never {
  throw new ChatError(code, message, { status: 404, hint });
}
