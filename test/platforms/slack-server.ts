import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { PlatformCall, PlatformFault, PlatformServer } from './control.ts';
import { answerFault, LocalHttp, takeFault } from './local-http.ts';
import { SlackSockets } from './slack-socket.ts';
import {
  BOT,
  buttonsOf,
  type Json,
  type Said,
  type Say,
  SCOPES,
  type SlackFile,
  type SlackMessage,
  type SlackPress,
  TEAM,
} from './slack-state.ts';

export { BOT, type Said, type Say, type SlackMessage, TEAM } from './slack-state.ts';

/** Slack's Web API and socket mode as far as the gateway uses them, with state. Listens on loopback. */
export class SlackServer implements PlatformServer {
  readonly calls: PlatformCall[] = [];
  readonly faults: PlatformFault[] = [];
  readonly messages: SlackMessage[] = [];
  readonly statuses: { channel: string; thread: string; status: string }[] = [];
  readonly webhookPosts: string[] = [];
  readonly users = new Map([
    ['U0ADA', 'Ada Lovelace'],
    ['U0BOB', 'Bob'],
    [BOT.user, BOT.name],
  ]);
  readonly channels = new Map([['C0GEN', 'general']]);
  readonly sockets = new SlackSockets();
  readonly tokens = { bot: `xoxb-${randomUUID()}`, app: `xapp-${randomUUID()}` };
  /** Web API error for every call with this token. */
  readonly refusals: { bot?: string; app?: string } = {};
  scopes = SCOPES;
  /** The organization that the workspace belongs to (Enterprise Grid). */
  enterpriseId: string | undefined;
  /** What `users.info` tells of a user beside the name. */
  readonly profiles = new Map<string, Json>();
  /** Messages that `conversations.replies` tells, exactly as they are here, beside those that were said. */
  readonly history: Json[] = [];
  webhookError: { status: number; text: string } | undefined;
  readonly #files = new Map<string, SlackFile>();
  readonly #http: LocalHttp;
  readonly #events = new Map<string, Json>();
  #clock = Math.floor(Date.now() / 1000);
  #sequence = 0;

  constructor() {
    this.#http = new LocalHttp({
      request: (request, body, response) => this.#request(request, body, response),
      upgrade: (request, socket, head) => this.sockets.upgrade(request, socket, head),
    });
  }

  get url(): string {
    return `${this.#http.url}/api/`;
  }

  get webhookUrl(): string {
    return `${this.#http.url}/services/T0/B0/${this.tokens.bot.slice(5)}`;
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
    this.sockets.stop();
    await this.#http.down();
  }

  drop(code?: number): void {
    this.sockets.drop(code);
  }

  replay(update: unknown): void {
    this.sockets.deliver('events_api', update as Json);
  }

  /** The tokens are dead: calls are refused and Slack tells the app. */
  revoke(): void {
    this.#event({ type: 'tokens_revoked', tokens: { oauth: [], bot: [BOT.user] } });
    this.refusals.bot = 'token_revoked';
    this.refusals.app = 'invalid_auth';
  }

  say(say: Say): Said {
    const files = (say.files ?? []).map((file) =>
      this.#store(file.name, file.mimeType, Buffer.from(file.bytes)),
    );
    const message: SlackMessage = {
      channel: say.channel,
      ts: this.#ts(),
      user: say.user,
      text: say.text,
      deleted: false,
      ...(say.thread === undefined ? {} : { thread_ts: say.thread }),
      ...(say.botId === undefined ? {} : { bot_id: say.botId }),
      ...(files.length === 0 ? {} : { files: files.map((file) => file.id) }),
    };
    this.messages.push(message);
    return { ts: message.ts, events: this.#announce(message, say.hold === true) };
  }

  /** A message in Slack's own JSON: kept for `conversations.replies` and told as an event. */
  post(fields: Json, outer: Json = {}): Json {
    const ts = this.#ts();
    const event: Json = { type: 'message', user: 'U0ADA', team: TEAM, ts, event_ts: ts, ...fields };
    this.history.push(event);
    return this.#event(event, false, outer);
  }

  /** A time that no message has yet. */
  time(): string {
    return this.#ts();
  }

  /** A file of Slack's own, as events describe it; `more` beside what the server knows. */
  upload(name: string, mimeType: string, bytes: Uint8Array, more: Json = {}): Json {
    return { ...this.#describe(this.#store(name, mimeType, Buffer.from(bytes))), ...more };
  }

  /** A person deletes their message. */
  remove(ts: string, previous: Json): Json {
    const { channel } = previous;
    const at = this.#ts();
    return this.#event({
      type: 'message',
      subtype: 'message_deleted',
      hidden: true,
      channel,
      channel_type: String(channel).startsWith('D') ? 'im' : 'channel',
      ts: at,
      event_ts: at,
      deleted_ts: ts,
      previous_message: previous,
    });
  }

  /** A person edits their message. */
  reword(ts: string, text: string): Json {
    const message = this.#find(ts);
    const before = this.#shape(message);
    message.text = text;
    return this.#changed(message, before);
  }

  slash(user: string, channel: string, command: string, text: string): void {
    this.sockets.deliver('slash_commands', {
      command,
      text,
      user_id: user,
      user_name: this.users.get(user) ?? user,
      channel_id: channel,
      channel_name: channel.startsWith('D') ? 'directmessage' : (this.channels.get(channel) ?? channel),
      team_id: TEAM,
      trigger_id: randomUUID(),
    });
  }

  /** A person presses a button under a message of the bot. */
  press(user: string, ts: string, label: string): SlackPress {
    const message = this.#find(ts);
    const button = buttonsOf(message).find((b) => (b['text'] as Json)['text'] === label);
    const thread = message.thread_ts === undefined ? {} : { thread_ts: message.thread_ts };
    const payload = {
      type: 'block_actions',
      user: { id: user, username: this.users.get(user), team_id: TEAM },
      channel: { id: message.channel },
      container: { type: 'message', channel_id: message.channel, message_ts: ts, ...thread },
      message: this.#shape(message),
      actions: [{ ...button, action_ts: this.#ts() }],
      trigger_id: randomUUID(),
    };
    const acknowledged = this.sockets.deliver('interactive', payload);
    return { acknowledged, again: () => void this.sockets.deliver('interactive', payload) };
  }

  buttons(ts: string): string[] {
    return buttonsOf(this.#find(ts)).map((element) => String((element['text'] as Json)['text']));
  }

  file(id: string): SlackFile | undefined {
    return this.#files.get(id);
  }

  #find(ts: string): SlackMessage {
    const message = this.messages.find((m) => m.ts === ts);
    if (message === undefined) throw new Error(`no message ${ts}`);
    return message;
  }

  #ts(): string {
    this.#sequence += 1;
    return `${this.#clock}.${String(this.#sequence).padStart(6, '0')}`;
  }

  #store(name: string, mimetype: string, bytes: Buffer): SlackFile {
    const file: SlackFile = { id: `F${this.#files.size + 1}`, name, mimetype, bytes, deleted: false };
    this.#files.set(file.id, file);
    return file;
  }

  #describe(file: SlackFile): Json {
    const url = `${this.#http.url}/files-pri/${file.id}/${encodeURIComponent(file.name)}`;
    const share = file.share;
    return {
      id: file.id,
      name: file.name,
      mimetype: file.mimetype,
      size: file.bytes.length,
      url_private: url,
      url_private_download: url,
      ...(share === undefined ? {} : { shares: { private: { [share.channel]: [{ ts: share.ts }] } } }),
    };
  }

  #shape(message: SlackMessage): Json {
    const root = this.messages.find((m) => m.ts === message.thread_ts);
    return {
      type: 'message',
      user: message.user,
      team: TEAM,
      text: message.text,
      ts: message.ts,
      ...(message.bot_id === undefined ? {} : { bot_id: message.bot_id }),
      ...(message.thread_ts === undefined
        ? {}
        : { thread_ts: message.thread_ts, parent_user_id: root?.user }),
      ...(message.files === undefined
        ? {}
        : {
            subtype: 'file_share',
            files: message.files.map((id) => this.#describe(this.#files.get(id) as SlackFile)),
          }),
    };
  }

  #announce(message: SlackMessage, hold = false): Json[] {
    const shape = { ...this.#shape(message), channel: message.channel, event_ts: message.ts };
    const kind = message.channel.startsWith('D')
      ? 'im'
      : message.channel.startsWith('G')
        ? 'mpim'
        : 'channel';
    const events = [this.#event({ ...shape, channel_type: kind }, hold)];
    if (kind !== 'im' && message.text.includes(`<@${BOT.user}>`))
      events.push(this.#event({ ...shape, type: 'app_mention' }, hold));
    return events;
  }

  #changed(message: SlackMessage, before: Json): Json {
    const editedAt = this.#ts();
    return this.#event({
      type: 'message',
      subtype: 'message_changed',
      channel: message.channel,
      channel_type: message.channel.startsWith('D') ? 'im' : 'channel',
      ts: editedAt,
      event_ts: editedAt,
      hidden: true,
      message: { ...this.#shape(message), edited: { user: message.user, ts: editedAt } },
      previous_message: before,
    });
  }

  #event(event: Json, hold = false, outer: Json = {}): Json {
    const payload: Json = {
      type: 'event_callback',
      team_id: TEAM,
      api_app_id: 'A1',
      event_id: `Ev${randomUUID()}`,
      event,
      ...outer,
    };
    this.#events.set(String(payload['event_id']), payload);
    if (!hold) this.sockets.deliver('events_api', payload);
    return payload;
  }

  #request(request: IncomingMessage, raw: Buffer, response: ServerResponse): void {
    const path = new URL(request.url ?? '/', 'http://x').pathname;
    const method = path.startsWith('/api/') ? path.slice(5) : (path.split('/')[1] ?? '');
    const type = request.headers['content-type'] ?? '';
    const body: Json = type.includes('urlencoded')
      ? Object.fromEntries(new URLSearchParams(raw.toString()))
      : {};
    this.calls.push({ at: Date.now(), method, body });
    const token = request.headers.authorization?.replace('Bearer ', '') ?? '';
    const fault = takeFault(this.faults, method);
    const acts = fault === undefined || fault.when === 'after';
    const answer = acts ? this.#answer(method, path, body, raw, token) : undefined;
    if (fault !== undefined) {
      answerFault(fault, response);
      return;
    }
    response.writeHead(answer?.status ?? 200, {
      'content-type': answer?.type ?? 'application/json',
      'x-oauth-scopes': this.scopes,
    });
    response.end(answer?.body);
  }

  #answer(
    method: string,
    path: string,
    body: Json,
    raw: Buffer,
    token: string,
  ): { status?: number; type?: string; body: string | Buffer } {
    if (method === 'services') return this.#webhook(raw);
    if (method === 'upload') {
      const file = this.#files.get(path.split('/')[2] ?? '');
      if (file !== undefined) file.bytes = raw;
      return { type: 'text/plain', body: `OK - ${raw.length}` };
    }
    if (method === 'files-pri') {
      const file = this.#files.get(path.split('/')[2] ?? '');
      if (token !== this.tokens.bot || file === undefined)
        return { type: 'text/html; charset=utf-8', body: '<html>Sign in to Slack</html>' };
      return { type: file.mimetype, body: file.bytes };
    }
    return { body: JSON.stringify(this.#method(method, body, token)) };
  }

  #webhook(raw: Buffer): { status: number; type: string; body: string } {
    if (this.webhookError !== undefined)
      return { status: this.webhookError.status, type: 'text/html', body: this.webhookError.text };
    const { text } = JSON.parse(raw.toString()) as { text?: string };
    if (!text) return { status: 400, type: 'text/html', body: 'no_text' };
    this.webhookPosts.push(text);
    return { status: 200, type: 'text/html', body: 'ok' };
  }

  #method(method: string, body: Json, token: string): Json {
    const fail = (error: string): Json => ({ ok: false, error });
    const app = method === 'apps.connections.open';
    if (token !== (app ? this.tokens.app : this.tokens.bot))
      return fail(token === '' ? 'not_authed' : 'invalid_auth');
    const refusal = app ? this.refusals.app : this.refusals.bot;
    if (refusal !== undefined) return fail(refusal);
    const text = (key: string): string => String(body[key] ?? '');
    switch (method) {
      case 'auth.test':
        return {
          ok: true,
          team: 'Test',
          team_id: TEAM,
          user: BOT.name,
          user_id: BOT.user,
          bot_id: BOT.id,
          ...(this.enterpriseId === undefined ? {} : { enterprise_id: this.enterpriseId }),
        };
      case 'apps.connections.open':
        return { ok: true, url: `ws://127.0.0.1:${this.#http.port}/link?ticket=${randomUUID()}` };
      case 'users.info':
        return {
          ok: true,
          user: {
            id: text('user'),
            profile: { display_name: this.users.get(text('user')) },
            ...this.profiles.get(text('user')),
          },
        };
      case 'conversations.info':
        return { ok: true, channel: { id: text('channel'), name: this.channels.get(text('channel')) } };
      case 'conversations.replies':
        return this.#replies(text('channel'), text('ts'), body);
      case 'chat.postMessage':
        return this.#post(body);
      case 'chat.update': {
        const message = this.messages.find((m) => m.ts === text('ts') && !m.deleted);
        if (message === undefined || message.user !== BOT.user) return fail('message_not_found');
        const before = this.#shape(message);
        message.text = text('text');
        message.blocks = JSON.parse(text('blocks') || '[]') as Json[];
        this.#changed(message, before);
        return { ok: true, ts: message.ts };
      }
      case 'chat.delete': {
        const message = this.messages.find((m) => m.ts === text('ts') && !m.deleted);
        if (message === undefined) return fail('message_not_found');
        message.deleted = true;
        return { ok: true };
      }
      case 'files.getUploadURLExternal': {
        const file = this.#store(text('filename'), 'application/octet-stream', Buffer.alloc(0));
        return {
          ok: true,
          file_id: file.id,
          upload_url: `${this.#http.url}/upload/${file.id}`,
        };
      }
      case 'files.completeUploadExternal':
        return this.#complete(body);
      case 'files.info': {
        const file = this.#files.get(text('file'));
        return file === undefined ? fail('file_not_found') : { ok: true, file: this.#describe(file) };
      }
      case 'files.delete': {
        const file = this.#files.get(text('file'));
        if (file === undefined || file.deleted) return fail('file_not_found');
        file.deleted = true;
        return { ok: true };
      }
      case 'assistant.threads.setStatus':
        this.statuses.push({
          channel: text('channel_id'),
          thread: text('thread_ts'),
          status: text('status'),
        });
        return { ok: true };
      default:
        return fail('unknown_method');
    }
  }

  /** From the beginning of the thread, in pages; its first message stands on the first page only. */
  #replies(channel: string, thread: string, body: Json): Json {
    const latest = String(body['latest'] ?? '');
    const said = this.messages.filter((m) => m.channel === channel && !m.deleted).map((m) => this.#shape(m));
    const all = [...said, ...this.history.filter((m) => m['channel'] === channel)]
      .filter((m) => m['ts'] === thread || m['thread_ts'] === thread)
      .toSorted((a, b) => (String(a['ts']) < String(b['ts']) ? -1 : 1));
    if (all.length === 0) return { ok: false, error: 'thread_not_found' };
    const until = all.filter((m) => m['ts'] === thread || latest === '' || String(m['ts']) < latest);
    const from = Number(body['cursor'] ?? 0);
    const to = from + Number(body['limit'] ?? 1000);
    const more = to < until.length;
    return {
      ok: true,
      messages: until.slice(from, to),
      has_more: more,
      ...(more ? { response_metadata: { next_cursor: String(to) } } : {}),
    };
  }

  #post(body: Json, files?: readonly string[]): Json {
    const message: SlackMessage = {
      channel: String(body['channel']),
      ts: this.#ts(),
      user: BOT.user,
      bot_id: BOT.id,
      text: String(body['text'] ?? ''),
      deleted: false,
      ...(body['thread_ts'] === undefined ? {} : { thread_ts: String(body['thread_ts']) }),
      ...(body['blocks'] === undefined ? {} : { blocks: JSON.parse(String(body['blocks'])) as Json[] }),
      ...(files === undefined ? {} : { files }),
    };
    this.messages.push(message);
    this.#announce(message);
    return { ok: true, channel: message.channel, ts: message.ts };
  }

  #complete(body: Json): Json {
    const ids = (JSON.parse(String(body['files'])) as { id: string }[]).map((file) => file.id);
    const posted = this.#post(
      { channel: body['channel_id'], text: body['initial_comment'], thread_ts: body['thread_ts'] },
      ids,
    );
    for (const id of ids) {
      const file = this.#files.get(id);
      if (file !== undefined) file.share = { channel: String(body['channel_id']), ts: String(posted['ts']) };
    }
    return { ok: true, files: ids.map((id) => ({ id })) };
  }
}
