import type { IncomingMessage, ServerResponse } from 'node:http';
import type { PlatformCall, PlatformFault, PlatformServer } from './control.ts';
import { DiscordGateway } from './discord-gateway.ts';
import { DISCORD_ROUTES, type RestRequest } from './discord-rest.ts';
import {
  ADA,
  CHANNEL,
  DiscordState,
  type DiscordUser,
  DM_OF,
  type Json,
  type StoredMessage,
} from './discord-state.ts';
import { answerFault, LocalHttp, takeFault } from './local-http.ts';

const API = '/api/v10';

/** A server that speaks Discord's REST API and gateway. */
export class DiscordServer implements PlatformServer {
  readonly token: string;
  readonly calls: PlatformCall[] = [];
  readonly faults: PlatformFault[] = [];
  readonly state = new DiscordState();
  readonly gateway: DiscordGateway;
  /** How clients logged in, oldest first. */
  readonly logins: { readonly kind: 'identify' | 'resume'; readonly body: Json }[] = [];
  /** What becomes of WebSocket handshakes: they are answered, refused with 503, or never answered. */
  handshakes: 'accept' | 'refuse' | 'hold' = 'accept';
  /** How many handshakes were begun. */
  handshakeCount = 0;
  readonly #http: LocalHttp;
  #revoked = false;

  constructor(token: string) {
    this.token = token;
    this.gateway = new DiscordGateway({
      state: this.state,
      token: () => (this.#revoked ? undefined : token),
      url: () => this.gatewayUrl,
      onIdentify: (kind, body) => this.logins.push({ kind, body }),
    });
    this.#http = new LocalHttp({
      request: (request, body, response) => this.#answer(request, body, response),
      upgrade: (request, socket, head) => {
        this.handshakeCount += 1;
        if (this.handshakes === 'hold') return;
        if (this.handshakes === 'refuse')
          socket.end('HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n');
        else this.gateway.upgrade(request, socket, head);
      },
    });
  }

  get url(): string {
    return this.#http.url;
  }

  get apiUrl(): string {
    return `${this.url}/api`;
  }

  get gatewayUrl(): string {
    return `${this.url.replace('http', 'ws')}/gateway`;
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

  stop(): Promise<void> {
    return this.#http.down();
  }

  drop(code?: number): void {
    this.gateway.drop(code);
  }

  revoke(): void {
    this.#revoked = true;
    this.gateway.drop(4004);
  }

  // ---- what users do ------------------------------------------------------------------------------------------

  /** A direct message. Returns the payload of MESSAGE_CREATE. */
  say(text: string, from: DiscordUser = ADA, fields: Json = {}): Json {
    return this.message(DM_OF[from.id] ?? '', text, from, { channel_type: 1, ...fields });
  }

  /** A message in the guild's channel, or in another channel of it. */
  group(text: string, fields: Json = {}, channelId = CHANNEL, from: DiscordUser = ADA): Json {
    const guild = this.state.guildOf(channelId);
    const member = { roles: [], joined_at: '2024-01-01T00:00:00Z', deaf: false, mute: false, flags: 0 };
    return this.message(channelId, text, from, { guild_id: guild, member, channel_type: 0, ...fields });
  }

  /** Stores a message of a user and dispatches it. */
  message(channelId: string, content: string, author: DiscordUser, fields: Json = {}): Json {
    const payload = this.stored(channelId, content, author, fields);
    this.gateway.dispatch('MESSAGE_CREATE', payload);
    return payload;
  }

  /** Stores a message of a user without delivering it. */
  stored(channelId: string, content: string, author: DiscordUser, fields: Json = {}): Json {
    const message: StoredMessage = {
      id: this.state.id(),
      channelId,
      author,
      content,
      deleted: false,
      edits: 0,
      components: undefined,
      nonce: undefined,
      attachments: Array.isArray(fields['attachments']) ? (fields['attachments'] as Json[]) : [],
      files: [],
      body: {},
      timestamp: new Date().toISOString(),
      editedAt: null,
    };
    this.state.messages.push(message);
    return { ...this.state.shown(message), ...fields };
  }

  /** A user edits a message of theirs. */
  edit(payload: Json, content: string): Json {
    const edited = { ...payload, content, edited_timestamp: new Date().toISOString() };
    this.gateway.dispatch('MESSAGE_UPDATE', edited);
    return edited;
  }

  /** Puts a file on the CDN and returns the attachment object. */
  attachment(name: string, mimeType: string, bytes: Uint8Array): Json {
    const id = this.state.id();
    const path = `/attachments/${CHANNEL}/${id}/${name}`;
    this.state.files.set(path, bytes);
    const url = `${this.url}${path}?ex=1&sig=2`;
    return { id, filename: name, content_type: mimeType, size: bytes.byteLength, url, proxy_url: url };
  }

  /** A user uses a slash command, or presses a button when `type` is 3. */
  interact(
    data: Json,
    channelId = CHANNEL,
    type = 2,
    message?: Json,
    user: DiscordUser = ADA,
  ): { readonly id: string; readonly token: string; readonly payload: Json } {
    const id = this.state.id();
    const token = `interaction-token-${id}`;
    this.state.interactions.set(token, { id, token, channelId, callbacks: [], replies: [] });
    const guild = this.state.guildOf(channelId);
    const member = { user, roles: [], joined_at: '2024-01-01T00:00:00Z', permissions: '0', flags: 0 };
    const payload = {
      id,
      token,
      type,
      version: 1,
      application_id: this.state.applicationId,
      channel_id: channelId,
      channel: this.state.channel(channelId),
      data,
      locale: 'en-US',
      entitlements: [],
      authorizing_integration_owners: {},
      attachment_size_limit: 10_485_760,
      ...(guild === undefined ? { user } : { guild_id: guild, member }),
      ...(message === undefined ? {} : { message }),
    };
    this.gateway.dispatch('INTERACTION_CREATE', payload);
    return { id, token, payload };
  }

  replay(update: unknown): void {
    this.gateway.dispatch('MESSAGE_CREATE', update);
  }

  // ---- the wire -----------------------------------------------------------------------------------------------

  async #answer(request: IncomingMessage, raw: Buffer, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.url);
    if (url.pathname.startsWith('/attachments/')) {
      const bytes = this.state.files.get(decodeURIComponent(url.pathname));
      response.writeHead(bytes === undefined ? 404 : 200).end(bytes);
      return;
    }
    const path = url.pathname.startsWith(API) ? url.pathname.slice(API.length) : '';
    if (path === '/gateway/bot') {
      this.calls.push({ at: Date.now(), method: 'gateway', body: {} });
      const fault = takeFault(this.faults, 'gateway');
      if (fault !== undefined) answerFault(fault, response);
      else if (this.#refuses(request, path))
        this.#json(response, 401, { code: 0, message: '401: Unauthorized' });
      else this.#json(response, 200, this.#gatewayInformation());
      return;
    }
    const route = DISCORD_ROUTES.find((entry) => entry.method === request.method && entry.path.test(path));
    const { body, files } = await parsedBody(request, raw);
    this.calls.push({ at: Date.now(), method: route?.name ?? `${request.method} ${path}`, body });
    if (this.#refuses(request, path)) {
      this.#json(response, 401, { code: 0, message: '401: Unauthorized' });
      return;
    }
    if (route === undefined) {
      this.#json(response, 404, { code: 0, message: '404: Not Found' });
      return;
    }
    const fault = takeFault(this.faults, route.name);
    if (fault !== undefined && fault.when !== 'after') {
      answerFault(fault, response);
      return;
    }
    const rest: RestRequest = {
      params: (route.path.exec(path) ?? []).slice(1),
      query: url.searchParams,
      body,
      files,
    };
    const answer = route.handle(this.state, rest, this.url);
    if (fault !== undefined) answerFault(fault, response);
    else this.#json(response, answer.status, answer.body);
    if (route.name === 'createMessage' && answer.status === 200)
      this.gateway.dispatch('MESSAGE_CREATE', this.#echo(answer.body as Json));
  }

  #echo(message: Json): Json {
    const channelId = String(message['channel_id']);
    const guild = this.state.guildOf(channelId);
    return { ...message, ...(guild === undefined ? { channel_type: 1 } : { guild_id: guild }) };
  }

  #gatewayInformation(): Json {
    return {
      url: this.gatewayUrl,
      shards: 1,
      session_start_limit: { total: 1000, remaining: 999, reset_after: 86_400_000, max_concurrency: 1 },
    };
  }

  /** Interactions carry their token in the path and need no other. */
  #refuses(request: IncomingMessage, path: string): boolean {
    if (/^\/(interactions|webhooks)\//.test(path)) return false;
    return this.#revoked || request.headers.authorization !== `Bot ${this.token}`;
  }

  #json(response: ServerResponse, status: number, body: unknown): void {
    // "No content" comes without a JSON content type.
    if (body === undefined) response.writeHead(status).end();
    else response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  }
}

async function parsedBody(
  request: IncomingMessage,
  raw: Buffer,
): Promise<{ body: Json; files: { name: string; bytes: Uint8Array }[] }> {
  if (raw.length === 0) return { body: {}, files: [] };
  const type = request.headers['content-type'] ?? '';
  if (type.includes('application/json')) return { body: JSON.parse(raw.toString()) as Json, files: [] };
  const form = await new Response(new Uint8Array(raw), { headers: { 'content-type': type } }).formData();
  const files: { name: string; bytes: Uint8Array }[] = [];
  for (const [, value] of form.entries())
    if (value instanceof File)
      files.push({ name: value.name, bytes: new Uint8Array(await value.arrayBuffer()) });
  const payload = form.get('payload_json');
  return { body: typeof payload === 'string' ? (JSON.parse(payload) as Json) : {}, files };
}
