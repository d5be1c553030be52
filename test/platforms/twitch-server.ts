import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import type { PlatformCall, PlatformFault, PlatformServer } from './control.ts';
import { answerFault, LocalHttp, takeFault } from './local-http.ts';
import { TwitchEventSub } from './twitch-eventsub.ts';

export interface ChatLine {
  readonly id: string;
  readonly channel: string;
  readonly text: string;
  readonly at: number;
  readonly replyTo?: string;
}

interface Peer {
  readonly ws: WebSocket;
  pass: string;
  login: string;
  readonly rooms: Set<string>;
}

export interface SayOptions {
  readonly user?: { readonly id: string; readonly login: string };
  /** Further tags, or other values for the usual ones. */
  readonly tags?: Readonly<Record<string, string>>;
}

export const BOT = { id: '900', login: 'pibot' };
export const ADA = { id: '1', login: 'ada' };
export const BOB = { id: '2', login: 'bob' };

const HOST = 'tmi.twitch.tv';

/** Twitch chat (IRC over WebSocket) with its OAuth endpoints beside it, as far as the gateway uses them. */
export class TwitchServer implements PlatformServer {
  /** Every line of a client (`method` is its command) and every OAuth request. */
  readonly calls: PlatformCall[] = [];
  /** For lines, `reply.body` is the `msg-id` of a NOTICE; 'hang' gives no answer. */
  readonly faults: PlatformFault[] = [];
  readonly sent: ChatLine[] = [];
  readonly tokens = new Set<string>();
  readonly refreshTokens = new Map<string, { token: string; refreshToken: string }>();
  scopes = ['chat:read', 'chat:edit'];
  expiresIn = 14_400;
  /** Channels that cannot be joined. */
  readonly suspended = new Set<string>();
  readonly moderated = new Set<string>();
  /** A text that the bot repeats in a channel within this time is refused. */
  duplicateWindowMs = 30_000;
  /** No answer to anything. */
  silent = false;
  /** Hang up as soon as the client has said its name. */
  hangUpBeforeWelcome = false;
  /** Without Twitch's tags and room states: a plain IRC server. */
  plain = false;
  readonly eventSub = new TwitchEventSub();
  readonly #peers = new Set<Peer>();
  readonly #sockets = new WebSocketServer({
    noServer: true,
    handleProtocols: (protocols) => (protocols.has('irc') ? 'irc' : false),
  });
  readonly #http: LocalHttp;

  constructor() {
    this.#http = new LocalHttp({
      request: (request, body, response) => this.#request(request, body, response),
      upgrade: (request, socket, head) =>
        request.url?.startsWith('/eventsub') === true
          ? this.eventSub.upgrade(request, socket, head)
          : this.#upgrade(request, socket, head),
    });
  }

  get url(): string {
    return `ws://127.0.0.1:${this.#http.port}`;
  }

  get port(): number {
    return this.#http.port;
  }

  get authUrl(): string {
    return `${this.#http.url}/oauth2`;
  }

  get helixUrl(): string {
    return `${this.#http.url}/helix`;
  }

  get eventSubUrl(): string {
    return `${this.url}/eventsub`;
  }

  get connections(): number {
    return this.#peers.size;
  }

  start(): Promise<void> {
    return this.#http.up();
  }

  blackhole(on: boolean): void {
    this.#http.blackhole(on);
  }

  goDown(): Promise<void> {
    return this.#http.down();
  }

  comeBack(): Promise<void> {
    return this.#http.up();
  }

  async stop(): Promise<void> {
    this.drop();
    this.eventSub.stop();
    this.#sockets.close();
    await this.#http.down();
  }

  drop(code?: number): void {
    for (const { ws } of this.#peers) code === undefined ? ws.terminate() : ws.close(code);
  }

  /** A line to everybody, exactly as given. */
  raw(line: string): void {
    for (const { ws } of this.#peers) if (!this.silent) ws.send(`${line}\r\n`);
  }

  replay(update: unknown): void {
    this.#toRoom(update as string);
  }

  reconnect(): void {
    this.raw(`:${HOST} RECONNECT`);
  }

  /** Every token is dead, and the live connections are closed. */
  revoke(): void {
    this.tokens.clear();
    this.drop(1000);
  }

  /**
   * Somebody writes in a channel. Returns the line as it was delivered, and whether it has reached anybody: Twitch keeps
   * nothing for those who are not there.
   */
  say(
    channel: string,
    text: string,
    { user = ADA, tags = {} }: SayOptions = {},
  ): { id: string; line: string; reached: () => boolean } {
    const id = tags['id'] ?? randomUUID();
    const all = {
      'badge-info': '',
      badges: '',
      color: '',
      'display-name': user.login.replace(/^./, (c) => c.toUpperCase()),
      emotes: '',
      id,
      'room-id': '77',
      'tmi-sent-ts': String(Date.now()),
      'user-id': user.id,
      'user-type': '',
      ...tags,
    };
    const line = `${tagText(all)} :${user.login}!${user.login}@${user.login}.${HOST} PRIVMSG #${channel} :${text}`;
    return { id, line, reached: this.#toRoom(line) };
  }

  /** True as soon as the network has the line for anybody who is in the room. */
  #toRoom(line: string): () => boolean {
    const room = /PRIVMSG #(\S+)/.exec(line)?.[1] ?? '';
    let reached = false;
    for (const peer of this.#peers)
      if (peer.rooms.has(room) && !this.silent)
        peer.ws.send(`${line}\r\n`, (error) => {
          reached ||= error === undefined || error === null;
        });
    return () => reached;
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.#sockets.handleUpgrade(request, socket, head, (ws) => {
      const peer: Peer = { ws, pass: '', login: '', rooms: new Set() };
      this.#peers.add(peer);
      ws.on('close', () => this.#peers.delete(peer));
      ws.on('error', () => {
        // A cut connection is what tests ask for.
      });
      ws.on('message', (data) => {
        // As the real server does: whatever is between line ends is a line of its own.
        for (const line of String(data).split(/\r?\n/)) if (line !== '') this.#line(peer, line);
      });
    });
  }

  #line(peer: Peer, line: string): void {
    const [, tags = '', command = '', rest = ''] = /^(?:@(\S+) )?(\S+) ?(.*)$/.exec(line) ?? [];
    this.calls.push({ at: Date.now(), method: command, body: line });
    if (this.silent) return;
    const reply = (text: string): void => peer.ws.send(`${text}\r\n`);
    switch (command) {
      case 'CAP':
        if (!this.plain) reply(`:${HOST} CAP * ACK ${rest.replace('REQ ', '')}`);
        break;
      case 'PASS':
        peer.pass = rest.replace('oauth:', '');
        break;
      case 'NICK':
        this.#login(peer, rest, reply);
        break;
      case 'JOIN':
        this.#join(peer, rest.replace('#', ''), reply);
        break;
      case 'PING':
        // With a text the real server answers under its name, which tmi.js does not expect.
        reply(rest === '' ? 'PONG' : `:${HOST} PONG ${HOST} ${rest}`);
        break;
      case 'PRIVMSG':
        this.#message(peer, rest, tags, reply);
    }
  }

  #login(peer: Peer, nick: string, reply: (text: string) => void): void {
    if (this.hangUpBeforeWelcome) {
      peer.ws.close(1000);
      return;
    }
    if (!this.tokens.has(peer.pass)) {
      reply(`:${HOST} NOTICE * :Login authentication failed`);
      peer.ws.close(1000);
      return;
    }
    peer.login = nick;
    const welcome = [
      `001 ${nick} :Welcome, GLHF!`,
      `002 ${nick} :Your host is ${HOST}`,
      `003 ${nick} :This server is rather new`,
      `004 ${nick} :-`,
      `375 ${nick} :-`,
      `372 ${nick} :You are in a maze of twisty passages.`,
      `376 ${nick} :>`,
    ];
    reply(welcome.map((line) => `:${HOST} ${line}`).join('\r\n'));
    if (!this.plain)
      reply(`@badge-info=;badges=;display-name=${nick};user-id=${BOT.id} :${HOST} GLOBALUSERSTATE`);
  }

  #join(peer: Peer, channel: string, reply: (text: string) => void): void {
    if (this.suspended.has(channel)) {
      reply(
        `@msg-id=msg_channel_suspended :${HOST} NOTICE #${channel} :This channel does not exist or has been suspended.`,
      );
      return;
    }
    peer.rooms.add(channel);
    const me = peer.login;
    reply(`:${me}!${me}@${me}.${HOST} JOIN #${channel}`);
    reply(`:${me}.${HOST} 353 ${me} = #${channel} :${me}`);
    reply(`:${me}.${HOST} 366 ${me} #${channel} :End of /NAMES list`);
    if (this.plain) return;
    reply(this.#userState(channel));
    reply(
      `@emote-only=0;followers-only=-1;r9k=0;room-id=${roomId(channel)};slow=0;subs-only=0 :${HOST} ROOMSTATE #${channel}`,
    );
  }

  #userState(channel: string, tags: Readonly<Record<string, string>> = {}): string {
    const mod = this.moderated.has(channel);
    const all = { badges: mod ? 'moderator/1' : '', 'emote-sets': '0', mod: mod ? '1' : '0', ...tags };
    return `${tagText(all)} :${HOST} USERSTATE #${channel}`;
  }

  #message(peer: Peer, rest: string, tags: string, reply: (text: string) => void): void {
    const [, channel = '', text = ''] = /^#(\S+) :(.*)$/.exec(rest) ?? [];
    const fault = takeFault(this.faults, 'PRIVMSG');
    const at = Date.now();
    const again = this.sent.some(
      (line) => line.channel === channel && line.text === text && at - line.at < this.duplicateWindowMs,
    );
    if (again && !this.moderated.has(channel)) {
      reply(`@msg-id=msg_duplicate :${HOST} NOTICE #${channel} :Your message is identical to the last one.`);
      return;
    }
    const delivered = fault === undefined || fault.when === 'after';
    const id = randomUUID();
    const replyTo = /reply-parent-msg-id=([^;]+)/.exec(tags)?.[1];
    if (delivered) this.sent.push({ id, channel, text, at, ...(replyTo === undefined ? {} : { replyTo }) });
    if (fault?.reply === 'hang') return;
    if (typeof fault?.reply === 'string') {
      peer.ws.terminate();
      return;
    }
    if (fault !== undefined) {
      reply(`@msg-id=${String(fault.reply.body)} :${HOST} NOTICE #${channel} :Your message was not sent.`);
      return;
    }
    const nonce = /client-nonce=([^;]+)/.exec(tags)?.[1];
    if (!this.plain)
      reply(this.#userState(channel, { id, ...(nonce === undefined ? {} : { 'client-nonce': nonce }) }));
  }

  #request(request: IncomingMessage, raw: Buffer, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', 'http://x');
    const method = url.pathname.replace(/^\/(?:oauth2|helix)\//, '');
    const form = Object.fromEntries(new URLSearchParams(raw.toString()));
    this.calls.push({ at: Date.now(), method, body: form });
    const fault = takeFault(this.faults, method);
    if (fault !== undefined) {
      answerFault(fault, response);
      return;
    }
    const [status, body] = this.#answer(method, request, url, raw, form);
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  }

  #answer(
    method: string,
    request: IncomingMessage,
    url: URL,
    raw: Buffer,
    form: Readonly<Record<string, string>>,
  ): [number, object] {
    const { authorization } = request.headers;
    if (method === 'token') return this.#refresh(form);
    if (method === 'validate') return this.#validate(authorization);
    if (
      !this.tokens.has(authorization?.replace('Bearer ', '') ?? '') ||
      request.headers['client-id'] !== 'client'
    )
      return [401, { status: 401, message: 'invalid access token' }];
    if (method === 'eventsub/subscriptions')
      return [this.eventSub.subscribe(JSON.parse(raw.toString())), { data: [] }];
    const live = url.searchParams.getAll('user_id').filter((id) => this.eventSub.live.has(id));
    return [200, { data: live.map((id) => ({ user_id: id, type: 'live' })) }];
  }

  #refresh(form: Readonly<Record<string, string>>): [number, object] {
    const next = this.refreshTokens.get(form['refresh_token'] ?? '');
    if (form['grant_type'] !== 'refresh_token' || next === undefined)
      return [400, { status: 400, message: 'Invalid refresh token' }];
    if (form['client_id'] !== 'client' || form['client_secret'] !== 'secret-of-the-client')
      return [403, { status: 403, message: 'invalid client secret' }];
    this.tokens.add(next.token);
    const { token, refreshToken } = next;
    return [
      200,
      {
        access_token: token,
        refresh_token: refreshToken,
        expires_in: this.expiresIn,
        scope: this.scopes,
        token_type: 'bearer',
      },
    ];
  }

  #validate(authorization: string | undefined): [number, object] {
    const token = authorization?.replace('OAuth ', '') ?? '';
    if (!this.tokens.has(token)) return [401, { status: 401, message: 'invalid access token' }];
    return [
      200,
      {
        client_id: 'client',
        login: BOT.login,
        scopes: this.scopes,
        user_id: BOT.id,
        expires_in: this.expiresIn,
      },
    ];
  }
}

/** A channel's id: the sum of its letters, good enough to tell a few channels apart. */
export function roomId(channel: string): string {
  return String([...channel].reduce((sum, letter) => sum + letter.charCodeAt(0), 0));
}

function tagText(tags: Readonly<Record<string, string>>): string {
  const escaped = (value: string): string =>
    value.replace(
      /[\\; \r\n]/g,
      (c) => ({ '\\': '\\\\', ';': '\\:', ' ': '\\s', '\r': '\\r', '\n': '\\n' })[c] ?? c,
    );
  return `@${Object.entries(tags)
    .map(([key, value]) => `${key}=${escaped(value)}`)
    .join(';')}`;
}
