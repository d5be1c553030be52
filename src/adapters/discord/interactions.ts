import { defined } from '../../base/defined.ts';
import type { InboundMessage } from '../../gateway/model.ts';
import { LruMap } from '../kit/lru.ts';
import { readable } from '../kit/readable.ts';
import { type Place, personOf } from './inbound.ts';
import { type DiscordInteraction, Interaction } from './wire.ts';

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
