/** What Discord's servers remember: people, one guild, channels, threads, messages and files. */
export type Json = Record<string, unknown>;

export interface DiscordUser {
  readonly id: string;
  readonly username: string;
  readonly global_name: string | null;
  readonly discriminator: string;
  readonly avatar: null;
  readonly bot?: boolean;
}

const user = (id: string, username: string, name: string | null, bot = false): DiscordUser => ({
  id,
  username,
  global_name: name,
  discriminator: '0',
  avatar: null,
  ...(bot ? { bot } : {}),
});

export const ADA = user('200000000000000001', 'ada', 'Ada Lovelace');
export const BOB = user('200000000000000002', 'bob', null);
export const OTHER_BOT = user('200000000000000009', 'beeper', null, true);
export const GUILD = '300000000000000001';
export const OTHER_GUILD = '300000000000000002';
export const CHANNEL = '400000000000000001';
export const OTHER_CHANNEL = '400000000000000002';
export const THREAD = '400000000000000077';
export const BOT_ROLE = '500000000000000001';
export const DM_OF: Readonly<Record<string, string>> = {
  [ADA.id]: '600000000000000001',
  [BOB.id]: '600000000000000002',
};

export interface StoredMessage {
  readonly id: string;
  readonly channelId: string;
  readonly author: DiscordUser;
  content: string;
  deleted: boolean;
  edits: number;
  components: unknown;
  readonly nonce: string | undefined;
  readonly attachments: readonly Json[];
  readonly files: readonly { readonly name: string; readonly bytes: Uint8Array }[];
  readonly body: Json;
  readonly timestamp: string;
  editedAt: string | null;
}

export interface Interaction {
  readonly id: string;
  readonly token: string;
  readonly channelId: string;
  /** Types of the callbacks that were sent for it. */
  readonly callbacks: number[];
  /** The `data` of each. */
  readonly replies: unknown[];
}

/** First millisecond of 2015: where snowflakes count from. */
const DISCORD_EPOCH = 1_420_070_400_000n;

export class DiscordState {
  readonly bot = user('100000000000000042', 'gate', null, true);
  readonly applicationId = '100000000000000042';
  readonly messages: StoredMessage[] = [];
  readonly files = new Map<string, Uint8Array>();
  readonly typing: string[] = [];
  /** What the bot may do in every server, as a decimal bit set; this is what the invitation asks for. */
  permissions = '274878008320';
  readonly interactions = new Map<string, Interaction>();
  readonly archivedThreads = new Set<string>();
  /** Registered commands by scope: "global" or the guild's id. */
  readonly commands = new Map<string, unknown[]>();
  #sequence = 0n;

  /** A new snowflake; its time part is now. */
  id(): string {
    this.#sequence += 1n;
    return String(((BigInt(Date.now()) - DISCORD_EPOCH) << 22n) + this.#sequence);
  }

  channel(id: string): Json | undefined {
    const dm = Object.entries(DM_OF).find(([, channel]) => channel === id);
    if (dm !== undefined)
      return { id, type: 1, last_message_id: null, recipients: [dm[0] === ADA.id ? ADA : BOB] };
    if (id === CHANNEL) return { id, type: 0, guild_id: GUILD, name: 'engine-room', parent_id: null };
    if (id === OTHER_CHANNEL)
      return { id, type: 0, guild_id: OTHER_GUILD, name: 'elsewhere', parent_id: null };
    if (id === THREAD) return this.thread(id, 'a thread');
    return undefined;
  }

  thread(id: string, name: string): Json {
    return {
      id,
      type: 11,
      guild_id: GUILD,
      parent_id: CHANNEL,
      owner_id: ADA.id,
      name,
      member_count: 1,
      message_count: 0,
      thread_metadata: {
        archived: false,
        auto_archive_duration: 60,
        archive_timestamp: new Date().toISOString(),
        locked: false,
      },
    };
  }

  guildOf(channelId: string): string | undefined {
    const guild = this.channel(channelId)?.['guild_id'];
    return typeof guild === 'string' ? guild : undefined;
  }

  /** A guild as GUILD_CREATE brings it. */
  guild(id: string): Json {
    const channels = [CHANNEL, OTHER_CHANNEL].filter((channel) => this.guildOf(channel) === id);
    return {
      id,
      name: id === GUILD ? 'Analytical Engine' : 'Elsewhere',
      owner_id: ADA.id,
      icon: null,
      splash: null,
      discovery_splash: null,
      afk_channel_id: null,
      afk_timeout: 300,
      verification_level: 0,
      default_message_notifications: 0,
      explicit_content_filter: 0,
      mfa_level: 0,
      nsfw_level: 0,
      premium_tier: 0,
      preferred_locale: 'en-US',
      system_channel_id: null,
      system_channel_flags: 0,
      rules_channel_id: null,
      public_updates_channel_id: null,
      premium_progress_bar_enabled: false,
      features: [],
      emojis: [],
      stickers: [],
      roles: [
        role(id, '@everyone', {}),
        role(BOT_ROLE, 'gate', { tags: { bot_id: this.bot.id }, managed: true }),
      ],
      joined_at: '2024-01-01T00:00:00.000000+00:00',
      large: false,
      unavailable: false,
      member_count: 2,
      members: [
        {
          user: this.bot,
          roles: [BOT_ROLE],
          joined_at: '2024-01-01T00:00:00Z',
          deaf: false,
          mute: false,
          flags: 0,
        },
      ],
      channels: channels.map((channel) => ({
        permission_overwrites: [],
        position: 0,
        ...this.channel(channel),
      })),
      threads: id === GUILD ? [this.thread(THREAD, 'a thread')] : [],
      presences: [],
      voice_states: [],
      stage_instances: [],
      guild_scheduled_events: [],
      soundboard_sounds: [],
    };
  }

  stored(channelId: string, id: string): StoredMessage | undefined {
    return this.messages.find((m) => m.channelId === channelId && m.id === id && !m.deleted);
  }

  /** The message object of REST; MESSAGE_CREATE adds guild, member and channel type. */
  shown(message: StoredMessage): Json {
    return {
      id: message.id,
      type: 0,
      channel_id: message.channelId,
      author: message.author,
      content: message.content,
      timestamp: message.timestamp,
      edited_timestamp: message.editedAt,
      tts: false,
      mention_everyone: false,
      mentions: [],
      mention_roles: [],
      attachments: message.attachments,
      embeds: [],
      pinned: false,
      components: message.components ?? [],
      flags: 0,
    };
  }
}

function role(id: string, name: string, more: Json): Json {
  return {
    id,
    name,
    color: 0,
    colors: { primary_color: 0, secondary_color: null, tertiary_color: null },
    hoist: false,
    position: 0,
    permissions: '0',
    managed: false,
    mentionable: false,
    flags: 0,
    ...more,
  };
}
