import { Agent } from 'node:https';
import { join } from 'node:path';
import type { Way } from '../../../src/adapters/kit/way.ts';
import { createWhatsAppAdapter } from '../../../src/adapters/whatsapp/definition.ts';
import type { Adapter } from '../../../src/gateway/adapter.ts';
import type { ChatRef } from '../../../src/gateway/model.ts';
import { DEVICE_REMOVED, linkSession } from '../../platforms/whatsapp/linked-session.ts';
import { attr, must, user } from '../../platforms/whatsapp/nodes.ts';
import type { RemoteUser } from '../../platforms/whatsapp/remote-user.ts';
import { WhatsAppServer } from '../../platforms/whatsapp-server.ts';
import { wayOf } from '../contract/peer.ts';
import type {
  BotMessage,
  ContractFeature,
  ContractPeer,
  GroupOptions,
  SendFault,
  TestFile,
  UserMessage,
  UserOptions,
} from '../contract.ts';

/** How the server answers the next message of the bot. */
const FAULTS: Partial<Record<SendFault, { when: 'before' | 'after'; status?: number }>> = {
  'rate-limited': { when: 'before', status: 429 },
  'error-before': { when: 'before', status: 503 },
  'cut-before': { when: 'before' },
  'cut-after': { when: 'after' },
  gone: { when: 'before', status: 463 },
  'too-long': { when: 'before', status: 400 },
};

export class WhatsAppPeer implements ContractPeer {
  readonly platform = 'whatsapp';
  readonly lacks: Partial<Record<ContractFeature, string>> = {
    thread: 'WhatsApp has quotes, no threads',
    buttons: 'linked devices cannot send buttons',
    bots: 'WhatsApp does not mark other automated accounts',
    'error-after': 'a refusal of WhatsApp means that the message was not delivered',
    markup: 'WhatsApp takes every text',
  };
  readonly server = new WhatsAppServer();
  /** How the adapter reaches the server; default: directly. */
  way?: Way;
  secrets: readonly string[] = [];
  /** The pauses between two tries; absent: short ones for tests. */
  pauses: { readonly minReconnectMs?: number; readonly maxReconnectMs?: number } | undefined;
  readonly #group = this.server.addGroup('Friends');
  readonly #files = new Map<string, Uint8Array>();

  async start(): Promise<void> {
    await this.server.start();
  }
  async stop(): Promise<void> {
    await this.server.stop();
  }
  goDown(): Promise<void> {
    return this.server.goDown();
  }
  blackhole(on: boolean): void {
    this.server.blackhole(on);
  }

  comeBack(): Promise<void> {
    return this.server.comeBack();
  }

  async createAdapter(stateDir: string): Promise<Adapter> {
    if (!this.server.bot.linked) this.secrets = await linkSession(join(stateDir, 'session'), this.server.bot);
    return createWhatsAppAdapter(
      { url: this.server.url, ...wayOf(this) },
      {
        uploadAgent: new Agent({ rejectUnauthorized: false }),
        ...(this.pauses ?? { minReconnectMs: 20, maxReconnectMs: 200 }),
        ackTimeoutMs: 10_000,
      },
    );
  }

  async dm(text: string, options: UserOptions = {}): Promise<UserMessage> {
    const from = this.#user(options);
    return said(from, await this.server.dm(from, { conversation: text }));
  }

  async group(text: string, options: GroupOptions = {}): Promise<UserMessage> {
    const from = this.#user(options);
    const { bot } = this.server;
    const quoted =
      options.replyToBot === undefined
        ? {}
        : {
            stanzaId: options.replyToBot,
            participant: bot.lid,
            quotedMessage: { conversation: 'something the bot said' },
          };
    const update = await this.server.group(this.#group, from, {
      extendedTextMessage: {
        text: options.mention === true ? `@${user(bot.lid)} ${text}` : text,
        contextInfo: { ...(options.mention === true ? { mentionedJid: [bot.lid] } : {}), ...quoted },
      },
    });
    return { ...said(from, update), chat: chatOf(this.#group.jid) };
  }

  async attach(file: TestFile, caption: string): Promise<UserMessage> {
    const reference = await this.server.media.put(file.bytes, 'image');
    const update = await this.server.dm(this.server.ada, {
      imageMessage: { ...reference, caption, mimetype: file.mimeType },
    });
    return said(this.server.ada, update);
  }

  fromBot(): Promise<void> {
    throw new Error('not called');
  }

  async replay(message: UserMessage): Promise<void> {
    this.server.replay(message.update);
  }

  async reordered(first: string, second: string): Promise<readonly [UserMessage, UserMessage]> {
    const { ada } = this.server;
    const one = await this.server.sealed(ada, { conversation: first });
    const two = await this.server.sealed(ada, { conversation: second });
    return [said(ada, this.server.deliver(two)), said(ada, this.server.deliver(one))];
  }

  sent(chat: ChatRef): readonly BotMessage[] {
    return this.server.chat(chat.chatId).map(({ id, text, deleted, message }) => {
      const image = message.imageMessage;
      const bytes = image === null || image === undefined ? undefined : this.#files.get(image.url ?? '');
      if (image && bytes === undefined)
        void this.server.media
          .get(image.url ?? '', must(image.mediaKey, 'key'), 'image')
          .then((found) => this.#files.set(image.url ?? '', found));
      return {
        id,
        text: readable(text),
        raw: text,
        deleted,
        ...(bytes === undefined ? {} : { attachment: { name: 'image', bytes } }),
      };
    });
  }

  typingShown(chat: ChatRef): number {
    return this.server
      .called('chatstate')
      .filter(
        (node) =>
          attr(node, 'to') === chat.chatId &&
          Array.isArray(node.content) &&
          node.content[0]?.tag === 'composing',
      ).length;
  }

  acknowledged(message: UserMessage): boolean {
    return this.server.acknowledged.has(message.messageId);
  }

  failNextSend(fault: SendFault): void {
    const how = must(FAULTS[fault], `way to act out "${fault}"`);
    this.server.faults.push({
      method: 'message',
      when: how.when,
      reply: how.status === undefined ? 'cut' : { status: how.status },
    });
  }

  drop(): void {
    this.server.drop();
  }

  revoke(): void {
    this.server.bot.linked = false;
    this.server.streamError(401, DEVICE_REMOVED);
  }

  #user(options: UserOptions): RemoteUser {
    return options.user === 1 ? this.server.bob : this.server.ada;
  }
}

function chatOf(chatId: string): ChatRef {
  return { platform: 'whatsapp', accountId: 'default', chatId };
}

function said(from: RemoteUser, update: Awaited<ReturnType<WhatsAppServer['dm']>>): UserMessage {
  return { messageId: attr(update, 'id'), chat: chatOf(from.lid), senderId: from.lid, update };
}

/** What a reader sees: WhatsApp draws markup around text instead of its characters. */
function readable(text: string): string {
  return text
    .replace(/```([\s\S]*?)```/g, '$1')
    .replace(/`([^`\n]+)`/g, '$1')
    .replace(/(?<![\w*])\*(\S(?:[^*\n]*\S)?)\*(?![\w*])/g, '$1');
}
