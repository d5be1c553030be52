import { Value } from 'typebox/value';
import { defined } from '../../base/defined.ts';
import type { ChatRef } from '../../gateway/model.ts';
import { LruMap } from '../kit/lru.ts';
import { pause } from '../kit/supervisor.ts';
import type { Place } from './inbound.ts';
import { DiscordFailure, type DiscordRest } from './rest.ts';
import { Channel, type DiscordChannel, isThread } from './wire.ts';

interface ChannelFacts {
  readonly type: number;
  readonly name: string | undefined;
  readonly parentId: string | undefined;
}

export interface ChannelBookOptions {
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
    for (let waitMs = 250; ; waitMs = Math.min(waitMs * 2, 10_000)) {
      try {
        const channel = await this.#options.rest.call('GET', `/channels/${channelId}`, { signal });
        if (!Value.Check(Channel, channel)) return undefined;
        this.note(channel);
        return factsOf(channel);
      } catch (error) {
        if (signal.aborted || (error instanceof DiscordFailure && error.kind === 'refused')) return undefined;
        await pause(waitMs, signal);
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
