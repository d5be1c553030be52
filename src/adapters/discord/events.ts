import { Value } from 'typebox/value';
import { within } from '../../base/async.ts';
import { defined } from '../../base/defined.ts';
import { messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { ChatRef, InboundMessage } from '../../gateway/model.ts';
import type { Intake } from '../kit/run-adapter.ts';
import { LruMap } from '../kit/state-file.ts';
import { backoffMs, pause } from '../kit/supervisor.ts';
import type { SeenMarks } from './catch-up.ts';
import { aboveIn, quotedBy } from './catch-up.ts';
import type { OwnName } from './contents.ts';
import {
  Channel,
  Deletion,
  type DiscordChannel,
  type DiscordInteraction,
  type DiscordMessage,
  isThread,
} from './contents.ts';
import {
  DEFERRED_REPLY,
  DEFERRED_UPDATE,
  EPHEMERAL,
  inboundMessage,
  interactionMessage,
  type Place,
  REPLY,
  readInteraction,
  readMessage,
  type WaitingInteractions,
} from './receive.ts';
import { DiscordFailure, type DiscordRest } from './rest.ts';

/** Discord calls a command failed when nothing is received within 3 s. */
const DEFER_BY_MS = 2000;
const BUTTON = 3;

interface EventTakerOptions {
  readonly intake: Intake;
  readonly channels: ChannelBook;
  readonly interactions: WaitingInteractions;
  readonly rest: DiscordRest;
  readonly marks: SeenMarks;
  readonly log: Logger;
  /** Only this server is served; undefined: every server. */
  readonly guildId: string | undefined;
  /** The sentence for anyone who may not use the bot here. */
  readonly refusal: (message: InboundMessage) => string | undefined;
  readonly deleted: (chat: ChatRef, messageId: string) => Promise<void>;
  readonly ownRole: (guildId: string) => string | undefined;
  readonly onTaken: () => void;
  /** Aborts when the adapter stops. */
  readonly signal: AbortSignal;
}

/** Makes messages and interactions durable. Never throws and never rejects. */
export class EventTaker {
  readonly #options: EventTakerOptions;
  /** Known after login; nothing can be taken before. */
  own: { readonly id: string; readonly name: string } | undefined;

  constructor(options: EventTakerOptions) {
    this.#options = options;
  }

  message(raw: unknown, edited: boolean): void {
    const { own } = this;
    const { guildId, log, channels, marks, signal } = this.#options;
    if (own === undefined) return;
    const reading = readMessage(raw, { ownId: own.id, guildId, edited });
    if (reading.type === 'ignored') {
      if (reading.reason === 'malformed message') log.warn('skipped a malformed message');
      return;
    }
    const { message } = reading;
    const { id: messageId, channel_id: channelId, guild_id: from } = message;
    this.#take(queueOf(channelId), async () => {
      const place = await channels.place(channelId, from, signal);
      return this.#withAround(message, place, this.#ownName(own, from), edited);
    })
      .then((taken) => {
        if (taken && !edited) marks.advance({ channelId, messageId, ...defined({ guildId: from }) });
      })
      .catch((error: unknown) => log.error(`a message was not stored: ${messageOf(error)}`));
  }

  /** Nothing is looked up for anyone who is refused anyway. */
  async #withAround(
    message: DiscordMessage,
    place: Place,
    own: OwnName,
    edited: boolean,
  ): Promise<InboundMessage> {
    const { rest, refusal, signal } = this.#options;
    const bare = inboundMessage(message, place, own, edited);
    if (refusal(bare) !== undefined) return bare;
    const quoted = await quotedBy(message, rest, signal);
    const around = { ...defined({ quoted }) };
    const read = inboundMessage(message, place, own, edited, around);
    if (!read.mentioned) return read;
    const above = await aboveIn(place, message.id, own, rest, signal);
    return above.length === 0 ? read : inboundMessage(message, place, own, edited, { ...around, above });
  }

  /** In the queue of its channel: the message itself may still be on its way. */
  deletion(raw: unknown): void {
    if (!Value.Check(Deletion, raw)) return;
    const { channels, deleted, guildId, log, signal } = this.#options;
    const { channel_id: channelId, guild_id: from } = raw;
    if (from !== undefined && guildId !== undefined && from !== guildId) return;
    this.#options.intake
      .take(queueOf(channelId), async () => {
        const { chat } = await channels.place(channelId, from, signal);
        for (const id of raw.ids ?? (raw.id === undefined ? [] : [raw.id])) await deleted(chat, id);
        return undefined;
      })
      .catch((error: unknown) => log.error(`a deletion was not applied: ${messageOf(error)}`));
  }

  interaction(raw: unknown): void {
    const interaction = readInteraction(raw);
    const { guildId, log } = this.#options;
    if (interaction === undefined) return;
    if (interaction.guild_id !== undefined && guildId !== undefined && interaction.guild_id !== guildId)
      return;
    this.#interact(interaction).catch((error: unknown) =>
      log.warn(`an interaction was not answered: ${messageOf(error)}`),
    );
  }

  /**
   * The press or command is acknowledged once it is durable, or just before Discord would call it failed. Anyone who may not
   * use the bot here reads a sentence that no one else sees: no "thinking…" stands there for everyone.
   */
  async #interact(interaction: DiscordInteraction): Promise<void> {
    const { channels, interactions, refusal, signal } = this.#options;
    if (interaction.channel !== undefined) channels.note(interaction.channel);
    const { channel_id: channelId, guild_id: from } = interaction;
    const command = interaction.type !== BUTTON;
    const startedAt = performance.now();
    const reading = channels
      .place(channelId, from, signal)
      .then((place) => interactionMessage(interaction, place));
    reading.catch(() => {}); // anyone who takes the message reports it
    const message = await within(reading, DEFER_BY_MS / 2, signal).catch(() => undefined);
    const refused = message === undefined ? undefined : refusal(message);
    if (refused !== undefined) {
      // Taken anyway: the operator sees who was refused.
      const taking = this.#take(queueOf(channelId), () => reading);
      await this.#reply(interaction, {
        type: REPLY,
        data: { content: refused, flags: EPHEMERAL, allowed_mentions: { parse: [] } },
      });
      await taking;
      return;
    }
    // Known before the message is taken: its answer may come at once.
    if (command) interactions.add(interaction, channelId);
    const taking = this.#take(queueOf(channelId), () => reading);
    await within(taking, DEFER_BY_MS - (performance.now() - startedAt), signal);
    // Where it is not known yet who may speak, only the person themselves sees that the bot is working.
    const hidden = message === undefined ? { data: { flags: EPHEMERAL } } : {};
    await this.#reply(interaction, command ? { type: DEFERRED_REPLY, ...hidden } : { type: DEFERRED_UPDATE });
    await taking;
  }

  async #reply({ id, token }: DiscordInteraction, body: Record<string, unknown>): Promise<void> {
    const { rest, signal } = this.#options;
    await rest.call('POST', `/interactions/${id}/${token}/callback`, { body, auth: false, signal });
  }

  async #take(lane: ChatRef, read: Parameters<Intake['take']>[1]): Promise<boolean> {
    const taken = await this.#options.intake.take(lane, read);
    if (taken) this.#options.onTaken();
    return taken;
  }

  #ownName(own: { readonly id: string; readonly name: string }, guildId: string | undefined): OwnName {
    const { channels, ownRole } = this.#options;
    return {
      ...own,
      roleId: guildId === undefined ? undefined : ownRole(guildId),
      channelName: (id) => channels.name(id),
    };
  }
}

/** Order is kept within a channel; to which chat it belongs is found out only when its turn comes. */
function queueOf(channelId: string): ChatRef {
  return { platform: 'discord', accountId: 'default', chatId: channelId };
}

interface ChannelFacts {
  readonly type: number;
  readonly name: string | undefined;
  readonly parentId: string | undefined;
}

interface ChannelBookOptions {
  readonly rest: DiscordRest;
  /** What the gateway's client knows, without asking. */
  readonly known: (id: string) => ChannelFacts | undefined;
}

/** Tells threads from channels: a message itself does not say in which channel its thread is. */
export class ChannelBook {
  readonly #options: ChannelBookOptions;
  readonly #asked = new LruMap<string, ChannelFacts>(1000);

  constructor(options: ChannelBookOptions) {
    this.#options = options;
  }

  /** Takes note of a channel that came along with an event. */
  note(channel: DiscordChannel): void {
    this.#asked.set(channel.id, factsOf(channel));
  }

  /**
   * Where a message was written. Asks Discord about a channel that nothing is known of, again and again while it
   * cannot be reached; a channel that may not be seen counts as a plain one.
   */
  async place(channelId: string, guildId: string | undefined, signal: AbortSignal): Promise<Place> {
    if (guildId === undefined) return { chat: chatRef(channelId), kind: 'dm' };
    const facts =
      sufficient(this.#options.known(channelId)) ??
      sufficient(this.#asked.get(channelId)) ??
      (await this.#ask(channelId, signal));
    const name = facts?.name === undefined ? {} : { name: `#${facts.name}` };
    if (facts !== undefined && isThread(facts.type) && facts.parentId !== undefined) {
      const parent = this.name(facts.parentId);
      return {
        chat: chatRef(facts.parentId, channelId),
        kind: 'group',
        ...(parent === undefined ? {} : { name: `#${parent}` }),
        ...defined({ threadName: facts.name }),
      };
    }
    return { chat: chatRef(channelId), kind: 'group', ...name };
  }

  /** Without asking. */
  name(channelId: string): string | undefined {
    return (this.#options.known(channelId) ?? this.#asked.get(channelId))?.name;
  }

  async #ask(channelId: string, signal: AbortSignal): Promise<ChannelFacts | undefined> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const channel = await this.#options.rest.call('GET', `/channels/${channelId}`, { signal });
        if (!Value.Check(Channel, channel)) return undefined;
        this.note(channel);
        return factsOf(channel);
      } catch (error) {
        if (signal.aborted || (error instanceof DiscordFailure && error.kind === 'refused')) return undefined;
        await pause(backoffMs(attempt, 250, 10_000, Math.random), signal);
      }
    }
  }
}

/** The library invents channels it has not seen from messages; a thread among them has no parent. */
function sufficient(facts: ChannelFacts | undefined): ChannelFacts | undefined {
  return facts !== undefined && isThread(facts.type) && facts.parentId === undefined ? undefined : facts;
}

function factsOf(channel: DiscordChannel): ChannelFacts {
  return { type: channel.type, name: channel.name ?? undefined, parentId: channel.parent_id ?? undefined };
}

function chatRef(chatId: string, threadId?: string): ChatRef {
  return {
    platform: 'discord',
    accountId: 'default',
    chatId,
    ...defined({ threadId }),
  };
}
