import type { DiscordUser } from './wire.ts';

/** Who we are, as far as a text can name us. */
export interface OwnName {
  readonly id: string;
  readonly name: string;
  /** The role Discord made for us in the server of the message. */
  readonly roleId: string | undefined;
  /** Names of channels, as far as they are known. */
  readonly channelName?: (id: string) => string | undefined;
}

/**
 * The text as people read it: our own mention at its start or end is only an address and goes, elsewhere mentions
 * and custom emoji become names.
 */
export function readableText(content: string, own: OwnName, mentions: readonly DiscordUser[]): string {
  const ours = own.roleId === undefined ? `<@!?${own.id}>` : `<@!?${own.id}>|<@&${own.roleId}>`;
  const addressed = content
    .replace(new RegExp(`^\\s*(?:(?:${ours})[\\s,:]*)+`), '')
    .replace(new RegExp(`(?:\\s*(?:${ours}))+\\s*$`), '');
  return namedText(addressed, own, mentions);
}

/** Mentions, channels, custom emoji and commands as names; nothing is left out. */
export function namedText(text: string, own: OwnName, mentions: readonly DiscordUser[]): string {
  const names = new Map(mentions.map((user) => [user.id, user.global_name ?? user.username]));
  names.set(own.id, own.name);
  const named = (token: string, id: string): string => {
    const name = names.get(id);
    return name === undefined ? token : `@${name}`;
  };
  return text
    .replace(/<@!?(\d+)>/g, named)
    .replace(/<@&(\d+)>/g, (token, id: string) => (id === own.roleId ? `@${own.name}` : token))
    .replace(/<#(\d+)>/g, (token, id: string) => {
      const name = own.channelName?.(id);
      return name === undefined ? token : `#${name}`;
    })
    .replace(/<(\/[^:<>]{1,100}):\d+>/g, '$1')
    .replace(/<a?(:\w+:)\d+>/g, '$1');
}
