import { createHash } from 'node:crypto';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { messageOf } from '../../base/errors.ts';
import type { PlatformsConfig } from '../../gateway/config/schema.ts';
import { readState, writeState } from '../kit/state-file.ts';
import { ParkedError, PULSE, REACH_MS } from '../kit/supervisor.ts';
import { DIRECT, type Way } from '../kit/way.ts';

/** `platforms.twitch` of the configuration, and how the platform is reached. */
export type TwitchSettings = NonNullable<PlatformsConfig['twitch']> & {
  readonly username: string;
  readonly token: string;
  readonly channels: readonly string[];
  /** How the platform is reached; default: directly. */
  readonly way?: Way;
};

/** Waits and limits of the adapter; tests shorten them. */
export interface TwitchTiming {
  /** Between two tries to connect: first and longest. */
  readonly minDelayMs: number;
  readonly maxDelayMs: number;
  /** A connection that has held for so long is replaced at once when it ends: Twitch keeps nothing for later. */
  readonly heldMs: number;
  /** From opening the socket to the end of Twitch's welcome. */
  readonly loginTimeoutMs: number;
  /** Without any line for how long Twitch is pinged, and how long it has to answer before it counts as gone. */
  readonly quietMs: number;
  readonly answerMs: number;
  /** How long the joins may hold up the state "connected". */
  readonly joinTimeoutMs: number;
  /** Between two tries to join what could not be joined. */
  readonly rejoinMs: number;
  /** For Twitch to confirm a message. */
  readonly confirmTimeoutMs: number;
  /** Messages in `rateWindowMs`: elsewhere, and where the bot is moderator or broadcaster. */
  readonly messages: number;
  readonly moderatorMessages: number;
  readonly rateWindowMs: number;
}

/** https://dev.twitch.tv/docs/chat/#rate-limits; beyond them messages are ignored for half an hour. */
export const TWITCH_TIMING: TwitchTiming = {
  minDelayMs: 1000,
  maxDelayMs: 60_000,
  heldMs: 30_000,
  loginTimeoutMs: REACH_MS,
  // tmi.js itself pings once a minute: too rare for the console to tell the truth.
  ...PULSE,
  joinTimeoutMs: 5000,
  rejoinMs: 60_000,
  confirmTimeoutMs: 10_000,
  messages: 20,
  moderatorMessages: 100,
  // A little more than Twitch's 30 s: its clock starts when the message gets there.
  rateWindowMs: 30_500,
};

/** Login names of people and channels. */
export const NAME = /^\w{1,25}$/;

/** The name of a channel as Twitch writes it: lower case, no `#`. */
export function channelName(channel: string): string {
  return channel.trim().replace(/^#/, '').toLowerCase();
}

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

function apiUrlOf(settings: Addresses): string {
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

const FILE = 'tokens.json';

const StoredTokens = Type.Object({
  /** Which configured tokens these came from. */
  origin: Type.String(),
  token: Type.String({ minLength: 1 }),
  refreshToken: Type.String({ minLength: 1 }),
  expiresAt: Type.Number(),
});

const RefreshAnswer = Type.Object({
  access_token: Type.String({ minLength: 1 }),
  refresh_token: Type.Optional(Type.String({ minLength: 1 })),
  expires_in: Type.Optional(Type.Number()),
});

const AUTHORISE =
  'Authorize the bot account again and put the new token and refreshToken into platforms.twitch (scopes chat:read and chat:edit).';
/** A token is renewed when it has less than this left. */
const MARGIN_MS = 120_000;
const TIMEOUT_MS = 15_000;

/** The bot's access token: the configured one, or what it was refreshed to. */
export class Tokens {
  readonly #settings: TwitchSettings;
  readonly #folder: string;
  readonly #secret: (value: string) => void;
  readonly #now: () => number;
  readonly #known = new Set<string>();
  #token: string;
  #refreshToken: string;
  #expiresAt = Number.POSITIVE_INFINITY;

  constructor(settings: TwitchSettings, folder: string, secret: (value: string) => void, now: () => number) {
    this.#settings = settings;
    this.#folder = folder;
    this.#secret = secret;
    this.#now = now;
    this.#token = bare(settings.token);
    this.#refreshToken = settings.refreshToken?.trim() ?? '';
    for (const value of [settings.token.trim(), this.#token, this.#refreshToken, settings.clientSecret ?? ''])
      this.#register(value);
  }

  get token(): string {
    return this.#token;
  }

  /** Everything that must not be shown. */
  get secrets(): readonly string[] {
    return [...this.#known];
  }

  get refreshable(): boolean {
    return Boolean(this.#settings.clientId) && this.#refreshToken !== '';
  }

  /** True when the token is about to expire or has. */
  get stale(): boolean {
    return this.refreshable && this.#expiresAt - this.#now() < MARGIN_MS;
  }

  /** Takes up what an earlier run refreshed, unless the operator has configured other tokens since. */
  async load(): Promise<void> {
    const stored = await readState(this.#folder, FILE);
    if (!Value.Check(StoredTokens, stored) || stored.origin !== this.#origin()) return;
    this.#token = stored.token;
    this.#refreshToken = stored.refreshToken;
    this.#expiresAt = stored.expiresAt;
    this.#register(stored.token);
    this.#register(stored.refreshToken);
  }

  /**
   * Gets a new token and stores it before it is used: the old refresh token may be dead from here on. Parks when that
   * cannot be done; other errors are worth another try.
   */
  async refresh(signal: AbortSignal): Promise<void> {
    if (!this.refreshable)
      throw new ParkedError('Twitch refuses the token, and it cannot be refreshed', AUTHORISE, 'revoked');
    const answer = await this.#ask(signal);
    this.#token = answer.access_token;
    this.#refreshToken = answer.refresh_token ?? this.#refreshToken;
    this.#expiresAt =
      answer.expires_in === undefined ? Number.POSITIVE_INFINITY : this.#now() + answer.expires_in * 1000;
    this.#register(this.#token);
    this.#register(this.#refreshToken);
    await writeState(this.#folder, FILE, {
      origin: this.#origin(),
      token: this.#token,
      refreshToken: this.#refreshToken,
      // JSON has no infinity.
      expiresAt: Math.min(this.#expiresAt, Number.MAX_SAFE_INTEGER),
    });
  }

  /** https://dev.twitch.tv/docs/authentication/refresh-tokens/ */
  async #ask(
    signal: AbortSignal,
  ): Promise<{ access_token: string; refresh_token?: string; expires_in?: number }> {
    const { clientId = '', clientSecret = '' } = this.#settings;
    const form = { grant_type: 'refresh_token', refresh_token: this.#refreshToken, client_id: clientId };
    const response = await (this.#settings.way ?? DIRECT)
      .fetch(`${authUrlOf(this.#settings)}/token`, {
        method: 'POST',
        body: new URLSearchParams(clientSecret === '' ? form : { ...form, client_secret: clientSecret }),
        redirect: 'error',
        signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
      })
      .catch((error: unknown) => {
        throw new Error(`the token could not be refreshed: ${messageOf(error)}`);
      });
    const text = await response.text();
    // 400 and 401: the refresh token or the client is refused for good. Anything else may pass.
    if ([400, 401, 403].includes(response.status))
      throw new ParkedError(
        `Twitch refuses to refresh the token (HTTP ${response.status})`,
        AUTHORISE,
        'revoked',
      );
    const answer: unknown = response.ok ? parsed(text) : undefined;
    if (!Value.Check(RefreshAnswer, answer))
      throw new Error(`the token could not be refreshed: HTTP ${response.status}`);
    return answer;
  }

  #origin(): string {
    const { token, refreshToken = '', clientId = '' } = this.#settings;
    return createHash('sha256')
      .update(JSON.stringify([token, refreshToken, clientId]))
      .digest('hex');
  }

  #register(value: string): void {
    if (value === '') return;
    // tmi.js sends the token in lower case.
    for (const form of [value, value.toLowerCase()]) {
      if (this.#known.has(form)) continue;
      this.#known.add(form);
      this.#secret(form);
    }
  }
}

/** The token without the `oauth:` that IRC wants in front of it. */
export function bare(token: string): string {
  return token.trim().replace(/^oauth:/i, '');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not JSON: the caller reports the HTTP status.
    return undefined;
  }
}

const Streams = Type.Object({ data: Type.Array(Type.Object({ user_id: Type.String() })) });

/** The two questions of the Helix API that stream notices need. */
export class Helix {
  readonly #settings: TwitchSettings;
  readonly #tokens: Tokens;

  constructor(settings: TwitchSettings, tokens: Tokens) {
    this.#settings = settings;
    this.#tokens = tokens;
  }

  /** Asks for notices about a channel over the EventSub session. */
  async subscribe(
    type: 'stream.online' | 'stream.offline',
    broadcaster: string,
    session: string,
    signal: AbortSignal,
  ): Promise<void> {
    const response = await this.#ask('/eventsub/subscriptions', signal, {
      type,
      version: '1',
      condition: { broadcaster_user_id: broadcaster },
      transport: { method: 'websocket', session_id: session },
    });
    await response.body?.cancel();
    // 409: there is such a subscription already.
    if (!response.ok && response.status !== 409)
      throw new Error(`subscription to ${type}: HTTP ${response.status}`);
  }

  /** Which of these broadcasters are live now. */
  async live(broadcasters: readonly string[], signal: AbortSignal): Promise<readonly string[]> {
    const live: string[] = [];
    // 100 ids are the most Helix takes at once.
    for (let at = 0; at < broadcasters.length; at += 100) {
      const query = broadcasters.slice(at, at + 100).map((id) => `user_id=${encodeURIComponent(id)}`);
      const response = await this.#ask(`/streams?first=100&${query.join('&')}`, signal);
      const answer: unknown = response.ok ? await response.json() : undefined;
      if (!Value.Check(Streams, answer)) throw new Error(`streams: HTTP ${response.status}`);
      live.push(...answer.data.map((stream) => stream.user_id));
    }
    return live;
  }

  /** With a token that has run out in the meantime, again with a new one. */
  async #ask(path: string, signal: AbortSignal, body?: object): Promise<Response> {
    const response = await this.#fetch(path, signal, body);
    if (response.status !== 401 || !this.#tokens.refreshable) return response;
    await response.body?.cancel();
    await this.#tokens.refresh(signal);
    return this.#fetch(path, signal, body);
  }

  #fetch(path: string, signal: AbortSignal, body?: object): Promise<Response> {
    return (this.#settings.way ?? DIRECT).fetch(`${apiUrlOf(this.#settings)}${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        authorization: `Bearer ${this.#tokens.token}`,
        'client-id': this.#settings.clientId ?? '',
        'content-type': 'application/json',
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      redirect: 'error',
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
    });
  }
}
