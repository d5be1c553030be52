import type { IncomingMessage, ServerResponse } from 'node:http';
import type { PlatformCall, PlatformFault, PlatformServer } from './control.ts';
import { answerFault, LocalHttp, takeFault } from './local-http.ts';
import { TELEGRAM_METHODS, TelegramRefusal } from './telegram-methods.ts';
import { ADA, GROUP, type Json, TelegramState, type TelegramUser, TOPIC } from './telegram-state.ts';

interface Poll {
  readonly response: ServerResponse;
  readonly limit: number;
  readonly timer: NodeJS.Timeout;
}

interface WebhookAnswer {
  readonly status: number;
  readonly updateId: number;
}

/** A server that speaks the Bot API: long poll, webhook, messages, files, topics, faults. */
export class TelegramServer implements PlatformServer {
  readonly token: string;
  readonly calls: PlatformCall[] = [];
  readonly faults: PlatformFault[] = [];
  readonly state = new TelegramState();
  readonly webhookAnswers: WebhookAnswer[] = [];
  /** Another program that polls with the same token: every poll of ours ends in a conflict. */
  rival = false;
  readonly #http: LocalHttp;
  #poll: Poll | undefined;
  #revoked = false;
  #calling: Promise<void> = Promise.resolve();

  constructor(token: string) {
    this.token = token;
    this.#http = new LocalHttp({
      request: (request, body, response) => this.#answer(request, body, response),
    });
  }

  get url(): string {
    return this.#http.url;
  }

  start(): Promise<void> {
    return this.#http.up();
  }

  blackhole(on: boolean): void {
    this.#http.blackhole(on);
  }

  goDown(): Promise<void> {
    this.#endPoll();
    return this.#http.down();
  }

  comeBack(): Promise<void> {
    return this.#http.up();
  }

  async stop(): Promise<void> {
    await this.goDown();
    await this.#calling;
  }

  drop(): void {
    const poll = this.#poll;
    this.#endPoll();
    poll?.response.socket?.destroy();
  }

  revoke(): void {
    this.#revoked = true;
    if (this.#poll !== undefined) this.#refuse(this.#poll.response, 401, 'Unauthorized');
    this.#endPoll();
  }

  get polling(): boolean {
    return this.#poll !== undefined;
  }

  // ---- what users do ------------------------------------------------------------------------------------------

  /** A private message. Returns the update. */
  say(text: string, from: TelegramUser = ADA, fields: Json = {}): Json {
    return this.message({ from, chat: this.state.dm(from), text, ...fields });
  }

  /** A message in the group; `topic` puts it into the forum topic. */
  group(text: string, fields: Json = {}, topic = false): Json {
    return this.message({
      from: ADA,
      chat: GROUP,
      text,
      ...(topic ? { message_thread_id: TOPIC, is_topic_message: true } : {}),
      ...fields,
    });
  }

  /** Any message: id and date are added. */
  message(fields: Json, kind = 'message'): Json {
    return this.update({
      [kind]: { message_id: this.state.nextMessageId(), date: Math.floor(Date.now() / 1000), ...fields },
    });
  }

  /** A user presses a button under the bot's message. */
  press(chatId: number, messageId: number, data: string, from: TelegramUser = ADA): Json {
    const message = this.state.stored(chatId, messageId);
    return this.update({
      callback_query: {
        id: `cb-${messageId}-${this.state.nextUpdateId()}`,
        from,
        chat_instance: '1',
        data,
        message: {
          message_id: messageId,
          date: 1,
          from: this.state.bot,
          chat: chatId > 0 ? this.state.dm(from) : GROUP,
          text: message?.text ?? '',
          ...(message?.threadId === undefined
            ? {}
            : { message_thread_id: message.threadId, is_topic_message: true }),
        },
      },
    });
  }

  /** Puts a file on the server and returns its id. */
  file(name: string, bytes: Uint8Array): string {
    const id = `file-${this.state.files.size + 1}`;
    this.state.files.set(id, { path: `documents/${name}`, bytes });
    return id;
  }

  /** Any update: its id is added. */
  update(fields: Json): Json {
    const update = { update_id: this.state.nextUpdateId(), ...fields };
    this.enqueue(update);
    return update;
  }

  enqueue(...updates: readonly { readonly update_id: number }[]): void {
    this.state.queue.push(...updates);
    this.#flush();
  }

  replay(update: unknown): void {
    this.enqueue(update as { update_id: number });
  }

  // ---- the wire -----------------------------------------------------------------------------------------------

  async #answer(request: IncomingMessage, body: Buffer, response: ServerResponse): Promise<void> {
    const [, scope, rest = ''] = /^\/(bot|file\/bot)(.*)$/.exec(request.url ?? '') ?? [];
    const slash = rest.indexOf('/');
    const token = decodeURIComponent(rest.slice(0, slash));
    const name = rest.slice(slash + 1);
    if (scope === undefined) return this.#refuse(response, 404, 'Not Found');
    if (token !== this.token || this.#revoked) return this.#refuse(response, 401, 'Unauthorized');
    if (scope === 'file/bot') return this.#sendFile(decodeURIComponent(name), response);
    const payload = await parsedBody(request, body);
    this.calls.push({ at: Date.now(), method: name, body: payload });
    const fault = takeFault(this.faults, name);
    if (fault !== undefined && fault.when !== 'after') return answerFault(fault, response);
    if (name === 'getUpdates') return this.#getUpdates(payload, response);
    const method = TELEGRAM_METHODS[name];
    if (method === undefined) return this.#refuse(response, 404, 'Not Found: method not found');
    try {
      const result = await method(this.state, payload);
      if (name === 'setWebhook' || name === 'deleteWebhook') this.#flush();
      if (fault !== undefined) return answerFault(fault, response);
      answerJson(response, 200, { ok: true, result });
    } catch (error) {
      if (!(error instanceof TelegramRefusal)) throw error;
      this.#refuse(response, error.status, error.message, error.parameters);
    }
  }

  #getUpdates(payload: Json, response: ServerResponse): void {
    if (this.state.webhook !== undefined) {
      const hint = 'use deleteWebhook to delete the webhook first';
      this.#refuse(response, 409, `Conflict: can't use getUpdates method while webhook is active; ${hint}`);
      return;
    }
    const conflict =
      'Conflict: terminated by other getUpdates request; make sure that only one bot instance is running';
    if (this.#poll !== undefined) this.#refuse(this.#poll.response, 409, conflict);
    this.#endPoll();
    if (this.rival) {
      this.#refuse(response, 409, conflict);
      return;
    }
    this.state.confirm(Number(payload['offset'] ?? 0));
    const timeoutMs = Number(payload['timeout'] ?? 0) * 1000;
    const limit = Math.min(Number(payload['limit'] ?? 100), 100);
    const timer = setTimeout(() => {
      this.#poll = undefined;
      answerJson(response, 200, { ok: true, result: [] });
    }, timeoutMs);
    const poll: Poll = { response, limit, timer };
    this.#poll = poll;
    response.on('close', () => {
      if (this.#poll === poll) this.#endPoll();
    });
    this.#flush();
  }

  /** Hands the queue to whoever waits: the long poll or the webhook. */
  #flush(): void {
    if (this.state.webhook !== undefined) {
      this.#calling = this.#calling.then(() => this.#callWebhook());
      return;
    }
    const poll = this.#poll;
    if (poll === undefined || this.state.queue.length === 0) return;
    this.#endPoll();
    answerJson(poll.response, 200, { ok: true, result: this.state.queue.slice(0, poll.limit) });
  }

  /** In order within a chat; a chat whose update was refused is tried again after the others. */
  async #callWebhook(): Promise<void> {
    const refused = new Set<number>();
    for (let tries = 0; tries < 100; tries += 1) {
      const { webhook, queue } = this.state;
      if (webhook === undefined || queue.length === 0) return;
      const update = queue.find((entry) => !refused.has(chatOf(entry)));
      if (update === undefined) {
        refused.clear();
        await new Promise((resolve) => setTimeout(resolve, 50));
        continue;
      }
      const status = await this.#post(webhook, update);
      this.webhookAnswers.push({ status, updateId: update.update_id });
      if (status === 200) this.state.queue = this.state.queue.filter((entry) => entry !== update);
      else refused.add(chatOf(update));
    }
  }

  async #post(webhook: { url: string; secret: string | undefined }, update: unknown): Promise<number> {
    const secret = webhook.secret === undefined ? {} : { 'x-telegram-bot-api-secret-token': webhook.secret };
    try {
      const response = await fetch(webhook.url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...secret },
        body: JSON.stringify(update),
      });
      await response.arrayBuffer();
      return response.status;
    } catch {
      // The receiver is away: as good as a refusal.
      return 0;
    }
  }

  #endPoll(): void {
    if (this.#poll !== undefined) clearTimeout(this.#poll.timer);
    this.#poll = undefined;
  }

  #sendFile(path: string, response: ServerResponse): void {
    const file = [...this.state.files.values()].find((entry) => entry.path === path);
    if (file === undefined) this.#refuse(response, 404, 'Not Found');
    else response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(file.bytes);
  }

  #refuse(response: ServerResponse, status: number, description: string, parameters?: Json): void {
    answerJson(response, status, {
      ok: false,
      error_code: status,
      description,
      ...(parameters === undefined ? {} : { parameters }),
    });
  }
}

/** The chat of an update, as far as it has one. */
function chatOf(update: Json): number {
  const message = update['message'] ?? update['edited_message'];
  const chat =
    typeof message === 'object' && message !== null && 'chat' in message ? message.chat : undefined;
  return typeof chat === 'object' && chat !== null && 'id' in chat ? Number(chat.id) : 0;
}

function answerJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

async function parsedBody(request: IncomingMessage, body: Buffer): Promise<Json> {
  if (body.length === 0) return {};
  const type = request.headers['content-type'] ?? '';
  if (type.includes('application/json')) return JSON.parse(body.toString()) as Json;
  const form = await new Response(new Uint8Array(body), { headers: { 'content-type': type } }).formData();
  return Object.fromEntries(form.entries());
}
