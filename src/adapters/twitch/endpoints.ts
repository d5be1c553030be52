/** Twitch's own addresses: what an empty setting means. */
export const TWITCH = {
  chat: 'irc-ws.chat.twitch.tv',
  auth: 'https://id.twitch.tv/oauth2',
  api: 'https://api.twitch.tv/helix',
  eventSub: 'wss://eventsub.wss.twitch.tv/ws',
} as const;

interface Addresses {
  readonly server?: string;
  readonly port?: number;
  readonly secure?: boolean;
  readonly authUrl?: string;
  readonly apiUrl?: string;
  readonly eventSubUrl?: string;
  readonly clientId?: string;
}

/** Address of the chat. Off Twitch TLS is used only when asked for. */
export function chatUrlOf(settings: Addresses): string {
  const secure = settings.secure ?? atTwitch(settings);
  return `${secure ? 'wss' : 'ws'}://${settings.server || TWITCH.chat}:${settings.port ?? (secure ? 443 : 80)}/`;
}

export function authUrlOf(settings: Addresses): string {
  return (settings.authUrl || TWITCH.auth).replace(/\/$/, '');
}

export function apiUrlOf(settings: Addresses): string {
  return (settings.apiUrl || TWITCH.api).replace(/\/$/, '');
}

/** Address of the stream notices; undefined without an application, and where the chat is not Twitch's own. */
export function eventSubUrlOf(settings: Addresses): string | undefined {
  const url = settings.eventSubUrl || TWITCH.eventSub;
  return settings.clientId && (atTwitch(settings) || url !== TWITCH.eventSub) ? url : undefined;
}

function atTwitch(settings: Addresses): boolean {
  return !settings.server || settings.server === TWITCH.chat;
}
