import { randomUUID } from 'node:crypto';
import type { Adapter } from '../../adapter.ts';
import type { Clock } from '../../clock.ts';
import type { BusyMode } from '../../config/schema.ts';
import { closest } from '../../config/suggest.ts';
import { GatewayError, messageOf } from '../../errors.ts';
import type { Logger } from '../../log.ts';
import type { ChatRef, InboundMessage } from '../../model.ts';
import type { Outbox } from '../../outbound/outbox.ts';
import type { Database } from '../../store/database.ts';
import type { Inbox } from '../inbox.ts';
import { CHAT_COMMANDS, type ChatCommandName, parseCommand } from './command-table.ts';

export interface ChatCommandsDeps {
  readonly db: Database;
  readonly inbox: Inbox;
  readonly outbox: Outbox;
  readonly adapter: (chat: ChatRef) => Adapter | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  /** Carries a command out and returns what the chat reads. A GatewayError becomes its sentence. */
  readonly execute: (name: ChatCommandName, args: string, message: InboundMessage) => Promise<string>;
}

/** What reception does with a message that may be a command. */
export type Handled =
  | { readonly handled: true }
  | { readonly handled: false; readonly message: InboundMessage; readonly mode?: BusyMode };

/** The control lane: commands never wait for a turn. */
export class ChatCommands {
  readonly #deps: ChatCommandsDeps;

  constructor(deps: ChatCommandsDeps) {
    this.#deps = deps;
  }

  /** Resolves when the command is durable; its answer follows through the outbox. */
  async handle(message: InboundMessage): Promise<Handled> {
    const adapter = this.#deps.adapter(message.chat);
    const command = parseCommand(message.text, adapter?.capabilities.bangCommands ?? false);
    if (command === undefined || message.edited) return { handled: false, message };
    if (command.known === undefined) {
      // pi's own prompt templates and skills ("/skill:name") belong to the agent.
      if (command.name.includes(':')) return { handled: false, message };
      await this.#run(message, async () => unknownCommand(command.name));
      return { handled: true };
    }
    const { known, args } = command;
    if ((known === 'queue' || known === 'steer') && args !== '')
      return { handled: false, message: { ...message, text: args }, mode: known };
    await this.#run(message, () => this.#deps.execute(known, args, message));
    return { handled: true };
  }

  async #run(message: InboundMessage, work: () => Promise<string>): Promise<void> {
    const { db, inbox, clock, log } = this.#deps;
    const now = clock();
    const item = await db.write((tx) =>
      inbox.markSeen(tx, message, now)
        ? inbox.add(tx, randomUUID(), message, 'running', undefined, now)
        : undefined,
    );
    if (item === undefined) return;
    void this.#answer(item.id, message, work).catch((error: unknown) =>
      log.error('a command was not answered', { error: messageOf(error) }),
    );
  }

  async #answer(id: string, message: InboundMessage, work: () => Promise<string>): Promise<void> {
    const { db, inbox, outbox, log } = this.#deps;
    const text = await work().catch((error: unknown) => {
      if (error instanceof GatewayError)
        return error.hint === undefined ? `${error.message}.` : `${error.message}. ${error.hint}`;
      log.error('a command failed', { error: messageOf(error) });
      return 'That did not work; the operator can see why in the log.';
    });
    const row = await db.write((tx) => {
      inbox.setState(tx, id, 'done');
      return outbox.add(tx, {
        chat: message.chat,
        meta: { kind: 'command', ...(message.promptId === undefined ? {} : { promptId: message.promptId }) },
        parts: outbox.format(message.chat, text),
        replyTo: message.messageId,
      });
    });
    outbox.release(row);
  }
}

function unknownCommand(name: string): string {
  const near = closest(
    name,
    CHAT_COMMANDS.map((row) => row.name),
  );
  return `I do not know /${name}.${near === undefined ? '' : ` Did you mean /${near}?`} /help lists what I understand.`;
}
