import type { proto, WAMessage } from 'baileys';
import { defined } from '../../base/defined.ts';
import { messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { chatKey, type InboundMessage, type ReferredMessage } from '../../gateway/model.ts';
import {
  bareJid,
  isBroadcast,
  isGroup,
  isSamePerson,
  type Person,
  personAliases,
  personId,
  personOf,
  userOf,
} from './addresses.ts';
import { type Content, contentOf, unwrap } from './content.ts';
import { numberOf } from './media.ts';

/** What the mapping has to know next to the message. */
export interface InboundContext {
  readonly me: Person;
  /** The other address (LID or phone) of a person, if known. */
  readonly counterpart: (jid: string) => string | undefined;
  readonly groupName: (jid: string) => string | undefined;
  /** How the person calls themselves, if they have been heard before. */
  readonly nameOf?: (jid: string) => string | undefined;
  readonly now: number;
  /** When the phone was linked: what was written before is history, which is not answered. */
  readonly linkedAt?: number;
  readonly maxAgeMs: number;
}

type Mapped =
  | { readonly message: InboundMessage; readonly ignored?: undefined }
  | {
      readonly message?: undefined;
      readonly ignored: 'self' | 'broadcast' | 'no content' | 'revoked' | 'history' | 'too old' | 'malformed';
    };

/** `ProtocolMessage.Type` values; the library that names them is loaded on demand only. */
const REVOKE = 0;
const MESSAGE_EDIT = 14;
/** Clocks of phones and servers differ; a message of the minute of linking is not history. */
const LINK_TOLERANCE_MS = 120_000;

/** Maps a decrypted message of baileys to a message for the gateway, or says why it is none. Pure. */
export function mapInbound(raw: WAMessage, context: InboundContext): Mapped {
  const { key } = raw;
  const remote = bareJid(key.remoteJid);
  if (remote === undefined || !key.id) return { ignored: 'malformed' };
  if (key.fromMe) return { ignored: 'self' };
  if (isBroadcast(remote)) return { ignored: 'broadcast' };

  const edit = editOf(raw.message);
  if (edit === 'revoked') return { ignored: 'revoked' };
  const content = contentOf(edit?.content ?? raw.message) ?? withheld(raw);
  if (content === undefined || isEmpty(content, edit !== undefined)) return { ignored: 'no content' };

  const sentAt = sentAtOf(raw);
  if (sentAt !== undefined) {
    if (context.linkedAt !== undefined && sentAt < context.linkedAt - LINK_TOLERANCE_MS)
      return { ignored: 'history' };
    if (sentAt < context.now - context.maxAgeMs) return { ignored: 'too old' };
  }

  const group = isGroup(remote);
  const person = group
    ? personOf([key.participant, key.participantAlt], context.counterpart)
    : personOf([remote, key.remoteJidAlt], context.counterpart);
  const senderId = personId(person);
  if (senderId === undefined) return { ignored: 'malformed' };
  if (isSamePerson(context.me, senderId)) return { ignored: 'self' };

  const name = raw.pushName || raw.verifiedBizName || nameOf(person, senderId);
  const replyTo = replyOf(content.context, (jid) => {
    if (isSamePerson(context.me, jid)) return { fromBot: true };
    return { author: isSamePerson(person, jid) ? name : authorOf(jid, context) };
  });
  const forwardedFrom = forwardOf(content.context);
  const mentioned =
    !group ||
    (content.context?.mentionedJid ?? []).some((jid) => isSamePerson(context.me, jid)) ||
    (replyTo !== undefined && isSamePerson(context.me, content.context?.participant));
  const albumId = content.album === true ? key.id : content.albumId;
  const chatId = group ? remote : senderId;
  const groupName = group ? context.groupName(remote) : undefined;
  return {
    message: {
      ...identity(raw, group ? remote : undefined, person, senderId),
      chat: { platform: 'whatsapp', accountId: 'default', chatId },
      chatKind: group ? 'group' : 'dm',
      ...defined({ chatName: groupName }),
      sender: {
        id: senderId,
        aliases: personAliases(person),
        name,
      },
      text: group ? withoutMention(content.text, context.me) : content.text,
      messageId: edit?.messageId ?? key.id,
      ...defined({ replyTo, forwardedFrom }),
      ...(content.voice === true ? { voice: true } : {}),
      ...defined({ unreadable: content.unreadable }),
      ...(albumId === undefined || edit !== undefined ? {} : { albumId }),
      mentioned,
      ...(content.attachments.length === 0 ? {} : { attachments: content.attachments }),
      ...(edit === undefined ? {} : { edited: true }),
      ...defined({ sentAt }),
    },
  };
}

function sentAtOf(raw: WAMessage): number | undefined {
  const seconds = numberOf(raw.messageTimestamp);
  return seconds === undefined || seconds === 0 ? undefined : seconds * 1000;
}

interface Edit {
  readonly messageId: string;
  readonly content: proto.IMessage;
}

function editOf(message: proto.IMessage | null | undefined): Edit | 'revoked' | undefined {
  const protocol = unwrap(message)?.protocolMessage;
  if (!protocol) return undefined;
  if (protocol.type === REVOKE) return 'revoked';
  const messageId = protocol.key?.id;
  return protocol.type === MESSAGE_EDIT && protocol.editedMessage && messageId
    ? { messageId, content: protocol.editedMessage }
    : undefined;
}

/**
 * Nothing to read and nothing to say about it. An edit without a text changes nothing. What announces an album counts
 * for what it answers or whom it mentions: its pictures do not say it again.
 */
function isEmpty({ text, attachments, unreadable, album, context }: Content, edit: boolean): boolean {
  if (text !== '' || attachments.length > 0) return false;
  if (album === true) return !context?.quotedMessage && (context?.mentionedJid ?? []).length === 0;
  return edit || unreadable === undefined;
}

/** WhatsApp gives view-once messages to the phone only; a linked device is told that there is one. */
function withheld(raw: WAMessage): Content | undefined {
  const viewOnce = raw.key.isViewOnce === true && !raw.message;
  return viewOnce ? { text: '', attachments: [], unreadable: 'a view-once message' } : undefined;
}

function replyOf(
  context: proto.IContextInfo | undefined,
  authorOf: (jid: string) => Pick<ReferredMessage, 'author' | 'fromBot'>,
): InboundMessage['replyTo'] {
  if (!context?.stanzaId || !context.quotedMessage) return undefined;
  const quoted = contentOf(context.quotedMessage);
  const text = quoted?.text || (quoted?.unreadable === undefined ? '' : `[${quoted.unreadable}]`);
  const attachments = quoted?.attachments ?? [];
  const { author, fromBot } = context.participant ? authorOf(context.participant) : {};
  return {
    messageId: context.stanzaId,
    ...defined({ author, fromBot }),
    ...(text === '' ? {} : { text }),
    ...(attachments.length === 0 ? {} : { attachments }),
  };
}

/** WhatsApp shows that something was forwarded, and who wrote it only where that was a channel. */
function forwardOf(context: proto.IContextInfo | undefined): ReferredMessage | undefined {
  const channel = context?.forwardedNewsletterMessageInfo;
  if (channel) return { author: channel.newsletterName || 'a channel' };
  return context?.isForwarded === true || (context?.forwardingScore ?? 0) > 0 ? {} : undefined;
}

/** The name of someone else: as they call themselves, or their number. */
function authorOf(jid: string, { nameOf: known, counterpart }: InboundContext): string {
  const person = personOf([jid], counterpart);
  const addresses = [person.lid, person.phone].filter((each) => each !== undefined);
  const name = addresses.map((each) => known?.(each)).find((each) => each !== undefined);
  return name ?? nameOf(person, personId(person) ?? jid);
}

/** The same message may come once under the LID and once under the phone number: both are its identities. */
function identity(
  raw: WAMessage,
  group: string | undefined,
  person: Person,
  senderId: string,
): Pick<InboundMessage, 'dedupeKey' | 'alsoKnownAs'> {
  const keyOf = (sender: string): string => [group ?? sender, raw.key.id, sender].join(' ');
  const also = person.phone === undefined || person.phone === senderId ? [] : [keyOf(person.phone)];
  return { dedupeKey: keyOf(senderId), ...(also.length === 0 ? {} : { alsoKnownAs: also }) };
}

function nameOf(person: Person, senderId: string): string {
  return person.phone === undefined ? userOf(senderId) : `+${userOf(person.phone)}`;
}

/** WhatsApp writes a mention as `@` and the digits of the address. */
function withoutMention(text: string, me: Person): string {
  const digits = [me.lid, me.phone].filter((jid) => jid !== undefined).map(userOf);
  if (digits.length === 0) return text;
  const without = text.replace(new RegExp(`@(?:${digits.join('|')})(?!\\d)[ \\t]?`, 'g'), '');
  return without === text ? text : without.trim();
}

interface IntakeOptions {
  readonly accept: (message: InboundMessage) => Promise<void>;
  /** Takes a message off the disk once the gateway has it. */
  readonly remove: (id: string) => Promise<void>;
  readonly log: Logger;
  /** First delay before a refused message is offered again; default 250 ms, doubling up to 30 s. */
  readonly retryMs?: number;
}

interface Waiting {
  readonly id: string;
  readonly message: InboundMessage;
}

const MAX_RETRY_MS = 30_000;

/**
 * Hands messages that are already on disk to the gateway. One that the gateway cannot take now (disk full) is offered
 * again; it delays later ones of its chat, never those of other chats.
 */
export class Intake {
  readonly #options: IntakeOptions;
  readonly #waiting = new Map<string, Waiting[]>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #count = 0;
  #stopped = false;

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  /** How many messages wait. */
  get waiting(): number {
    return this.#count;
  }

  /** Offers what an earlier run left on disk, oldest first. */
  resume(left: Iterable<readonly [id: string, message: InboundMessage]>): void {
    for (const [id, message] of left) this.#wait(chatKey(message.chat), { id, message });
    for (const key of this.#waiting.keys()) void this.#drain(key, 1);
  }

  /** Never rejects. Resolves when the gateway has the message, or when it has refused and the message waits. */
  async offer(id: string, message: InboundMessage): Promise<void> {
    const key = chatKey(message.chat);
    if (this.#stopped || this.#waiting.has(key)) return this.#wait(key, { id, message });
    try {
      await this.#options.accept(message);
    } catch (error) {
      this.#options.log.warn(`a message could not be stored and waits: ${messageOf(error)}`);
      this.#wait(key, { id, message });
      this.#retryLater(key, 1);
      return;
    }
    void this.#remove(id);
  }

  /** Ends the retries. What waits stays on disk for the next start. */
  stop(): void {
    this.#stopped = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  #wait(key: string, entry: Waiting): void {
    this.#waiting.set(key, [...(this.#waiting.get(key) ?? []), entry]);
    this.#count += 1;
  }

  #retryLater(key: string, attempt: number): void {
    if (this.#stopped) return;
    const delay = Math.min(MAX_RETRY_MS, (this.#options.retryMs ?? 250) * 2 ** Math.min(attempt - 1, 20));
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      void this.#drain(key, attempt);
    }, delay);
    this.#timers.add(timer);
  }

  async #drain(key: string, attempt: number): Promise<void> {
    for (let head = this.#waiting.get(key)?.[0]; head !== undefined; head = this.#waiting.get(key)?.[0]) {
      if (this.#stopped) return;
      try {
        await this.#options.accept(head.message);
      } catch {
        this.#retryLater(key, attempt + 1);
        return;
      }
      void this.#remove(head.id);
      this.#count -= 1;
      const rest = (this.#waiting.get(key) ?? []).slice(1);
      if (rest.length === 0) this.#waiting.delete(key);
      else this.#waiting.set(key, rest);
    }
  }

  async #remove(id: string): Promise<void> {
    try {
      await this.#options.remove(id);
    } catch (error) {
      // Offered again after a restart; the gateway knows it by its identity.
      this.#options.log.warn(`a message could not be taken off the session file: ${messageOf(error)}`);
    }
  }
}
