import { defined } from '../../base/defined.ts';
import type { Attachment, ChatRef, InboundMessage, ReferredMessage, Sender } from '../../gateway/model.ts';
import { readable } from '../kit/run-adapter.ts';
import { LruMap } from '../kit/state-file.ts';
import {
  contentText,
  type DiscordContent,
  type DiscordInteraction,
  type DiscordMessage,
  type DiscordQuoted,
  type DiscordUser,
  filesOf,
  Interaction,
  isVoice,
  isWritten,
  Message,
  namedText,
  type OwnName,
  readableText,
  UNREADABLE,
  unreadableOf,
} from './contents.ts';

/** Where a message was written: a thread belongs to its channel. */
export interface Place {
  readonly chat: ChatRef;
  readonly kind: 'dm' | 'group';
  readonly name?: string;
  readonly threadName?: string;
}

/** What a message event means for the gateway. */
type Reading =
  | { readonly type: 'message'; readonly message: DiscordMessage }
  | { readonly type: 'ignored'; readonly reason: string };

interface ReadingRules {
  readonly ownId: string;
  /** Only this server is served; undefined: every server. */
  readonly guildId: string | undefined;
  readonly edited: boolean;
}

const ignored = (reason: string): Reading => ({ type: 'ignored', reason });

/** Decides whether an event brings a message for the gateway at all. Pure; never throws. */
export function readMessage(event: unknown, rules: ReadingRules): Reading {
  const raw = readable(Message, event)?.value;
  if (raw === undefined) return ignored('malformed message');
  if (raw.author.id === rules.ownId) return ignored('own message');
  if (raw.guild_id !== undefined && rules.guildId !== undefined && raw.guild_id !== rules.guildId)
    return ignored('another server');
  // Joins, pins, boosts and the like: no one wrote them.
  if (!isWritten(raw.type)) return ignored('a notice of Discord');
  // Discord also "updates" a message when it has looked at its links.
  if (rules.edited && (raw.edited_timestamp ?? null) === null) return ignored('not edited by its author');
  // Someone who writes to the bot alone is told that it cannot be read.
  if (raw.guild_id !== undefined && isEmpty(raw)) return ignored('nothing to read');
  return { type: 'message', message: raw };
}

/** What the event itself does not say. */
interface Around {
  /** The message that was answered; null: it was deleted. */
  readonly quoted?: DiscordQuoted | null | undefined;
  /** What stands above the message in its thread. */
  readonly above?: readonly ReferredMessage[];
}

/** The message as the gateway takes it. Pure. */
export function inboundMessage(
  message: DiscordMessage,
  place: Place,
  own: OwnName,
  edited: boolean,
  around: Around = {},
): InboundMessage {
  const { above = [], quoted: replied = message.referenced_message } = around;
  const holder = { channelId: message.channel_id, messageId: message.id };
  const mentioned =
    place.kind === 'dm' ||
    (message.mentions ?? []).some((user) => user.id === own.id) ||
    (own.roleId !== undefined && (message.mention_roles ?? []).includes(own.roleId)) ||
    replied?.author.id === own.id;
  const written = contentText(message, (text) => readableText(text, own, message.mentions ?? []));
  const { text: forwardedText, attachments: forwardedFiles } = forwardOf(message, holder, own);
  const files = filesOf(message, holder);
  const forwards = (message.message_snapshots ?? []).length > 0;
  // Discord takes no comment with a forward; what has one anyway is a comment on it.
  const comments = forwards && (written !== '' || files.length > 0);
  const text = comments || !forwards ? written : forwardedText;
  const attachments = comments || !forwards ? files : forwardedFiles;
  const voice = isVoice(message) || (message.message_snapshots ?? []).some((each) => isVoice(each.message));
  const empty = text === '' && attachments.length === 0 && !(mentioned && message.content !== '');
  const unreadable = unreadableOf(message) ?? (empty ? UNREADABLE['anything else'] : undefined);
  return {
    dedupeKey: edited ? `dc:${message.id}:${message.edited_timestamp}` : `dc:${message.id}`,
    chat: place.chat,
    chatKind: place.kind,
    ...defined({ chatName: place.name, threadName: place.threadName }),
    sender: senderOf(message),
    text,
    messageId: message.id,
    ...replyOf(message, replied, own),
    ...(forwards
      ? {
          forwardedFrom: {
            ...(comments && forwardedText !== '' ? { text: forwardedText } : {}),
            ...(comments && forwardedFiles.length > 0 ? { attachments: forwardedFiles } : {}),
          },
        }
      : {}),
    ...(above.length === 0 ? {} : { above }),
    ...(voice ? { voice } : {}),
    ...defined({ unreadable }),
    mentioned,
    ...(attachments.length === 0 ? {} : { attachments }),
    ...(edited ? { edited: true } : {}),
    ...sentAt((edited ? message.edited_timestamp : undefined) ?? message.timestamp),
  };
}

/** Another message, as this one refers to it: in a reply, or above it in a thread. */
export function referredOf(message: DiscordQuoted, channelId: string, own: OwnName): ReferredMessage {
  const holder = { channelId: message.channel_id ?? channelId, messageId: message.id };
  const forward = forwardOf(message, holder, own);
  const named = (text: string): string => namedText(text, own, message.mentions ?? []);
  const text = [contentText(message, named), forward.text].filter((part) => part !== '').join('\n');
  const attachments = [...filesOf(message, holder), ...forward.attachments];
  return {
    messageId: message.id,
    author: personOf(message.author, undefined).name,
    ...(message.author.id === own.id ? { fromBot: true } : {}),
    ...(text === '' ? {} : { text }),
    ...(attachments.length === 0 ? {} : { attachments }),
    ...(message.timestamp === undefined ? {} : sentAt(message.timestamp)),
  };
}

function replyOf(
  message: DiscordMessage,
  replied: DiscordQuoted | null | undefined,
  own: OwnName,
): Pick<InboundMessage, 'replyTo'> {
  if (replied !== undefined && replied !== null)
    return { replyTo: { ...referredOf(replied, message.channel_id, own), messageId: replied.id } };
  const id = message.type === 19 ? message.message_reference?.message_id : undefined;
  if (id === undefined) return {};
  return {
    replyTo: { messageId: id, ...(replied === null ? { text: '[a message that was deleted]' } : {}) },
  };
}

/** What was forwarded. Discord does not say who wrote it. */
function forwardOf(
  message: Pick<DiscordMessage, 'message_snapshots'>,
  holder: { readonly channelId: string; readonly messageId: string },
  own: OwnName,
): { readonly text: string; readonly attachments: readonly Attachment[] } {
  const contents = (message.message_snapshots ?? []).map((snapshot): DiscordContent => snapshot.message);
  return {
    text: contents
      .map((each) => contentText(each, (text) => namedText(text, own, each.mentions ?? [])))
      .filter((text) => text !== '')
      .join('\n'),
    attachments: contents.flatMap((each) => filesOf(each, holder)),
  };
}

/** Nothing that anybody could read, not even a hint of something that cannot be read. */
function isEmpty(message: DiscordMessage): boolean {
  const { content, attachments = [], message_snapshots: snapshots = [] } = message;
  return (
    content === '' &&
    attachments.length === 0 &&
    snapshots.length === 0 &&
    contentText(message, (text) => text) === '' &&
    unreadableOf(message) === undefined
  );
}

function personOf(user: DiscordUser, nick: string | null | undefined): Sender {
  return {
    id: user.id,
    name: nick ?? user.global_name ?? user.username,
    ...(user.bot === true ? { isBot: true } : {}),
  };
}

function senderOf(message: DiscordMessage): Sender {
  const person = personOf(message.author, message.member?.nick);
  // A webhook writes under any name it likes.
  return message.webhook_id === undefined ? person : { ...person, isBot: true };
}

function sentAt(timestamp: string): { readonly sentAt?: number } {
  const at = Date.parse(timestamp);
  return Number.isNaN(at) ? {} : { sentAt: at };
}

const COMMAND = 2;
const BUTTON = 3;
const AMONG_OTHERS = 2;

/** How Discord wants to be answered: a command gets "thinking…" first, a button only loses its clock. */
export const DEFERRED_REPLY = 5;
export const DEFERRED_UPDATE = 6;
export const REPLY = 4;
/** Message flag: only the person who used the command sees it. */
export const EPHEMERAL = 64;

/** A slash command or a pressed button; undefined for anything else (auto-complete, forms). */
export function readInteraction(event: unknown): DiscordInteraction | undefined {
  const raw = readable(Interaction, event)?.value;
  return raw === undefined || commandText(raw) === undefined ? undefined : raw;
}

/** What the person could have typed instead. */
export function commandText({ type, data }: DiscordInteraction): string | undefined {
  if (type === BUTTON) return data?.custom_id === '' ? undefined : data?.custom_id;
  if (type !== COMMAND || data?.name === undefined) return undefined;
  const args = (data.options ?? []).map((option) => option.value).filter((value) => value !== undefined);
  return [`/${data.name}`, ...args.map(String)].join(' ');
}

/** The interaction as a message. Pure. */
export function interactionMessage(
  interaction: DiscordInteraction,
  place: Place,
): InboundMessage | undefined {
  const { member } = interaction;
  const user = member?.user ?? interaction.user;
  const text = commandText(interaction);
  if (user === undefined || text === undefined) return undefined;
  const button = interaction.type === BUTTON ? interaction.message : undefined;
  return {
    dedupeKey: `dc:${interaction.id}`,
    chat: place.chat,
    // Whoever has installed the app for themselves can use its commands anywhere: others read the answer there.
    chatKind: interaction.context === AMONG_OTHERS ? 'group' : place.kind,
    ...defined({ chatName: place.name }),
    sender: personOf(user, member?.nick),
    text,
    // A command is no message: its answer is found by the interaction's own id.
    messageId: button?.id ?? interaction.id,
    ...(button === undefined
      ? {}
      : {
          replyTo: {
            messageId: button.id,
            ...(button.content === undefined || button.content === '' ? {} : { text: button.content }),
          },
        }),
    mentioned: true,
    ...defined({ language: interaction.locale }),
  };
}

/** Discord forgets an interaction after 15 minutes; a margin for the way there. */
const LIFETIME_MS = 14.5 * 60_000;

interface Waiting {
  readonly id: string;
  readonly token: string;
  readonly channelId: string;
  readonly until: number;
}

/** Slash commands that show "thinking…" and wait for their answer. */
export class WaitingInteractions {
  readonly #byId = new LruMap<string, Waiting>(200);
  readonly #byChannel = new LruMap<string, string>(200);
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  add(interaction: { readonly id: string; readonly token: string }, channelId: string): void {
    const { id, token } = interaction;
    this.#byId.set(id, { id, token, channelId, until: this.#now() + LIFETIME_MS });
    this.#byChannel.set(channelId, id);
  }

  /** The interaction that a reply to `messageId` answers; without one, the latest that waits in the channel. */
  find(messageId: string | undefined, channelId: string): Waiting | undefined {
    const id = messageId ?? this.#byChannel.get(channelId);
    const waiting = id === undefined ? undefined : this.#byId.get(id);
    if (waiting === undefined || waiting.channelId !== channelId || waiting.until < this.#now())
      return undefined;
    return waiting;
  }

  /** It has its answer. */
  settle(waiting: Waiting): void {
    this.#byId.delete(waiting.id);
    if (this.#byChannel.get(waiting.channelId) === waiting.id) this.#byChannel.delete(waiting.channelId);
  }
}
