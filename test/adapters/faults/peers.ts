import type { MakePeer } from '../contract.ts';
import { DiscordPeer } from '../discord/peer.ts';
import { SlackPeer } from '../slack/peer.ts';
import { TelegramPeer } from '../telegram/peer.ts';
import { TwitchPeer } from '../twitch/peer.ts';
import { WhatsAppPeer } from '../whatsapp/contract-peer.ts';

/** Every platform with its real client library against its local server. */
export const PEERS: readonly (readonly [string, MakePeer])[] = [
  ['Telegram', () => new TelegramPeer()],
  ['Discord', () => new DiscordPeer()],
  ['Slack', () => new SlackPeer()],
  ['Twitch', () => new TwitchPeer()],
  ['WhatsApp', () => new WhatsAppPeer()],
];
