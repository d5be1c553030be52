import { messageOf } from '../../gateway/errors.ts';
import type { Logger } from '../../gateway/log.ts';
import type { ChatRef } from '../../gateway/model.ts';
import type { Intake } from '../kit/intake.ts';
import { within } from '../kit/within.ts';
import type { ChannelBook } from './channels.ts';
import { inboundMessage, readMessage } from './inbound.ts';
import {
  DEFERRED_REPLY,
  DEFERRED_UPDATE,
  interactionMessage,
  readInteraction,
  type WaitingInteractions,
} from './interactions.ts';
import type { OwnName } from './mentions.ts';
import type { DiscordRest } from './rest.ts';
import type { SeenMarks } from './seen-marks.ts';
import type { DiscordInteraction } from './wire.ts';

/** Discord calls a command failed when nothing is heard within 3 s. */
const DEFER_BY_MS = 2000;
const BUTTON = 3;

export interface EventTakerOptions {
  readonly intake: Intake;
  readonly channels: ChannelBook;
  readonly interactions: WaitingInteractions;
  readonly rest: DiscordRest;
  readonly marks: SeenMarks;
  readonly log: Logger;
  /** Only this server is served; undefined: every server. */
  readonly guildId: string | undefined;
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
    this.#take(laneOf(channelId), async () => {
      const place = await channels.place(channelId, from, signal);
      return inboundMessage(message, place, this.#ownName(own, from), edited);
    })
      .then((taken) => {
        if (taken && !edited)
          marks.advance({ channelId, messageId, ...(from === undefined ? {} : { guildId: from }) });
      })
      .catch((error: unknown) => log.error(`a message was not taken: ${messageOf(error)}`));
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

  /** The press or command is acknowledged once it is durable, or just before Discord would call it failed. */
  async #interact(interaction: DiscordInteraction): Promise<void> {
    const { channels, interactions, rest, signal } = this.#options;
    if (interaction.channel !== undefined) channels.note(interaction.channel);
    const { channel_id: channelId, guild_id: from } = interaction;
    const command = interaction.type !== BUTTON;
    // Known before the message is taken: its answer may come at once.
    if (command) interactions.add(interaction, channelId);
    const taking = this.#take(laneOf(channelId), async () => {
      const place = await channels.place(channelId, from, signal);
      return interactionMessage(interaction, place);
    });
    await within(taking, DEFER_BY_MS, signal);
    await rest.call('POST', `/interactions/${interaction.id}/${interaction.token}/callback`, {
      body: { type: command ? DEFERRED_REPLY : DEFERRED_UPDATE },
      auth: false,
      signal,
    });
    await taking;
  }

  async #take(lane: ChatRef, read: Parameters<Intake['take']>[1]): Promise<boolean> {
    const taken = await this.#options.intake.take(lane, read);
    if (taken) this.#options.onTaken();
    return taken;
  }

  #ownName(own: { readonly id: string; readonly name: string }, guildId: string | undefined): OwnName {
    return { ...own, roleId: guildId === undefined ? undefined : this.#options.ownRole(guildId) };
  }
}

/** Order is kept within a channel; to which chat it belongs is found out only when its turn comes. */
function laneOf(channelId: string): ChatRef {
  return { platform: 'discord', accountId: 'default', chatId: channelId };
}
