/** As much of Telegram's Bot API as a proof needs, with the answers that a gateway must cope with. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { defined } from '../base/defined.ts';
import type { Deadline, Sent } from './talker.ts';

type Json = Readonly<Record<string, unknown>>;

interface Said extends BotMessage {
  readonly id: number;
  text: string;
}

const BOT_TOKEN = '4242:of-the-simulated-platform';
/** No poll is held longer. */
const LONGEST_POLL_SECONDS = 50;
/** Of a hundred deliveries: refused for a second; failed, perhaps after it was shown; never answered. */
const FAULTS = { busy: 3, error: 3, hang: 0.3 };
/** Longer than any client waits for an answer. */
const HANG_MS = 60_000;

export class BotServer implements Platform {
  readonly name = 'telegram';
  readonly #servers: Server[] = [];
  readonly #ports: number[] = [];
  readonly #sent: Sent[][] = [];
  readonly #said: Said[] = [];
  readonly #faults: typeof FAULTS;
  #updates: { readonly update_id: number; readonly message: Json }[] = [];
  #poll:
    | { readonly answer: (status: number, body: Json) => void; readonly timer: NodeJS.Timeout }
    | undefined;
  #ids = 0;

  constructor(faults: typeof FAULTS = FAULTS) {
    this.#faults = faults;
  }

  async start(gateways: number): Promise<void> {
    for (let i = 0; i < gateways; i += 1) {
      const server = createServer((request, response) => {
        this.#serve(i, request, response).catch(() => response.destroy()); // no JSON: not of a gateway
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const address = server.address();
      this.#ports.push(typeof address === 'object' && address !== null ? address.port : 0);
      this.#servers.push(server);
      this.#sent.push([]);
    }
  }

  async stop(): Promise<void> {
    this.#endPoll();
    for (const server of this.#servers) {
      server.close();
      server.closeAllConnections();
    }
  }

  settings(gateway: number): Json {
    const apiRoot = `http://127.0.0.1:${this.#ports[gateway]}`;
    return { telegram: { enabled: true, token: BOT_TOKEN, apiRoot } };
  }

  sentThrough(gateway: number): readonly Sent[] {
    return this.#sent[gateway] ?? [];
  }

  say(person: number, text: string): string {
    const [id, from] = [this.#next(), { id: 5000 + person, is_bot: false, first_name: `Person ${person}` }];
    const message = { message_id: id, date: Math.floor(Date.now() / 1000), from, text };
    this.#updates.push({
      update_id: this.#next(),
      message: { ...message, chat: { id: from.id, type: 'private' } },
    });
    this.#flush();
    return String(id);
  }

  said(): readonly BotMessage[] {
    return this.#said;
  }

  #next(): number {
    this.#ids += 1;
    return this.#ids;
  }

  async #serve(gateway: number, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const method = request.url?.split('/').at(-1) ?? '';
    const body = JSON.parse(Buffer.concat(chunks).toString() || '{}') as Json;
    const answer = (status: number, value: Json): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    };
    if (method === 'getUpdates') return this.#getUpdates(body, answer, response);
    if (method === 'getMe')
      return answer(200, {
        ok: true,
        result: { id: 4242, is_bot: true, first_name: 'Gate', username: 'gate_bot' },
      });
    if (method !== 'sendMessage' && method !== 'editMessageText')
      return answer(200, { ok: true, result: true });
    this.#sent[gateway]?.push({ at: Date.now(), what: `${method} ${String(body['text']).slice(0, 80)}` });
    const { busy, error, hang } = this.#faults;
    const dice = Math.random() * 100;
    if (dice < busy) return answer(429, refusal(429, 'Too Many Requests: retry after 1', { retry_after: 1 }));
    const faulty = dice < busy + error + hang;
    // What failed may have been shown all the same.
    const result = faulty && Math.random() < 0.5 ? undefined : this.#deliver(method, body);
    if (!faulty) return answer(200, { ok: true, result });
    if (dice < busy + error) return answer(500, refusal(500, 'Internal Server Error'));
    setTimeout(() => response.destroy(), HANG_MS).unref();
  }

  #deliver(method: string, body: Json): Json {
    const chat = String(body['chat_id']);
    const text = String(body['text']);
    let message = this.#said.find(
      ({ id }) => method === 'editMessageText' && id === Number(body['message_id']),
    );
    if (message === undefined) {
      const reply = (body['reply_parameters'] as Json | undefined)?.['message_id'];
      message = { id: this.#next(), chat, text, repliesTo: reply === undefined ? undefined : String(reply) };
      this.#said.push(message);
    }
    message.text = text;
    return { message_id: message.id, date: 1, chat: { id: Number(chat), type: 'private' }, text };
  }

  /**
   * An empty poll is answered after the time that it asks for, at once if it asks for none: a gateway that hears nothing
   * then takes the platform for unreachable, and sends nothing until somebody writes.
   */
  #getUpdates(body: Json, answer: (status: number, body: Json) => void, response: ServerResponse): void {
    const offset = Number(body['offset'] ?? 0);
    const seconds = Math.min(Number(body['timeout'] ?? 0), LONGEST_POLL_SECONDS);
    this.#poll?.answer(409, refusal(409, 'Conflict: terminated by other getUpdates request'));
    this.#endPoll();
    this.#updates = this.#updates.filter(({ update_id }) => update_id >= offset);
    const poll = { answer, timer: setTimeout(() => this.#flush(true), seconds * 1000) };
    this.#poll = poll;
    response.on('close', () => {
      if (this.#poll === poll) this.#endPoll();
    });
    this.#flush();
  }

  #flush(over = false): void {
    if (this.#updates.length === 0 && !over) return;
    const poll = this.#poll;
    this.#endPoll();
    poll?.answer(200, { ok: true, result: this.#updates });
  }

  #endPoll(): void {
    clearTimeout(this.#poll?.timer);
    this.#poll = undefined;
  }
}

function refusal(code: number, description: string, parameters?: Json): Json {
  return { ok: false, error_code: code, description, ...defined({ parameters }) };
}

// People on a platform who write to the gateway, and the ledger of what they read.

/** What the bot has said in a chat. */
export interface BotMessage {
  readonly chat: string;
  readonly text: string;
  /** The message that it replies to. */
  readonly repliesTo: string | undefined;
}

/** A simulated platform, as the proof needs it. */
export interface Platform {
  readonly name: string;
  /** `gateways`: how many there are. Each has its own way to the platform. */
  start(gateways: number): Promise<void>;
  stop(): Promise<void>;
  /** What the configuration of a gateway says about the platform, below `platforms`. */
  settings(gateway: number): Readonly<Record<string, unknown>>;
  sentThrough(gateway: number): readonly Sent[];
  /** One of the people writes; the id of the message. */
  say(person: number, text: string): string;
  /** Oldest first. */
  said(): readonly BotMessage[];
  /** Whether a gateway has confirmed the message; where every one is delivered until it is, absent. */
  accepted?(id: string): boolean;
}

export interface PlatformLedger {
  readonly platform: string;
  readonly messages: number;
  /** Never confirmed by a gateway, and not delivered any longer. */
  readonly notAccepted: number;
  readonly answered: number;
  /** The bot has replied, to say what became of the message. */
  readonly reported: number;
  /** Neither. */
  readonly missing: readonly string[];
  readonly markedRepeats: number;
  readonly unmarkedRepeats: readonly string[];
}

/** A bot writes to a chat about once a second. */
const PEOPLE = 8;
const PAUSE_MS = [200, 700] as const;
const TOKEN = /token (\S+) end/u;
const MARK = /may be a repeat/u;
/** It quotes the message. What was said before, as a draft, is not said again by it. */
const REPORT = /^I was restarted while working on this/u;

export class People {
  readonly #platform: Platform;
  /** Id of the message by the token in it. */
  readonly #sent = new Map<string, { readonly id: string; readonly person: number }>();
  talking = true;

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  /** Writes until it is to stop, and every message has its outcome. */
  async run(deadline: Deadline): Promise<void> {
    while (this.talking && Date.now() < deadline.at) {
      const token = `${this.#platform.name}-${this.#sent.size}`;
      const text = `token ${token} end${Math.random() < 0.4 ? ` [sleep ${Math.round(Math.random() * 300)}]` : ''}`;
      const person = this.#sent.size % PEOPLE;
      this.#sent.set(token, { id: this.#platform.say(person, text), person });
      await pause(PAUSE_MS[0] + Math.random() * (PAUSE_MS[1] - PAUSE_MS[0]));
    }
    while (Date.now() < deadline.at) {
      await pause(500); // also for a late double, which would show up now
      if (this.ledger().missing.length === 0) return;
    }
  }

  ledger(): PlatformLedger {
    const said = this.#platform.said();
    const chats = Map.groupBy(said, ({ chat }) => chat);
    const answers = Map.groupBy(said, ({ text }) => (REPORT.test(text) ? undefined : TOKEN.exec(text)?.[1]));
    const replied = new Set(said.map(({ repliesTo }) => repliesTo));
    const reports = new Set(said.map(({ text }) => (REPORT.test(text) ? TOKEN.exec(text)?.[1] : undefined)));
    const missing: string[] = [];
    const unmarked: string[] = [];
    let [answered, reported, marked, notAccepted] = [0, 0, 0, 0];
    for (const [token, { id, person }] of this.#sent) {
      const all = answers.get(token) ?? [];
      if (all.length > 0) answered += 1;
      else if (replied.has(id) || reports.has(token)) reported += 1;
      else if (this.#platform.accepted?.(id) === false) notAccepted += 1;
      else missing.push(`${token}: no outcome; ${this.#shownTo(person, said, chats)}`);
      for (const again of all.slice(1)) {
        const chat = chats.get(again.chat) ?? [];
        if (MARK.test(chat[chat.indexOf(again) - 1]?.text ?? '')) marked += 1;
        else unmarked.push(`${token}: answered again without a mark: ${lastWords(chat, again)}`);
      }
    }
    return {
      platform: this.#platform.name,
      messages: this.#sent.size,
      notAccepted,
      answered,
      reported,
      missing,
      markedRepeats: marked,
      unmarkedRepeats: unmarked,
    };
  }

  /** What the chat of this person showed last: it tells a chat that stands still from a message that was lost. */
  #shownTo(
    person: number,
    said: readonly BotMessage[],
    chats: ReadonlyMap<string, readonly BotMessage[]>,
  ): string {
    const own = new Set<string>();
    for (const [token, sent] of this.#sent) if (sent.person === person) own.add(token).add(sent.id);
    // The platform has its own ids of chats: the chat is the one in which this person's messages were answered.
    const about = said.find(
      ({ text, repliesTo }) => own.has(TOKEN.exec(text)?.[1] ?? '') || own.has(repliesTo ?? ''),
    );
    const last = chats.get(about?.chat ?? '')?.at(-1);
    const who = `its chat is that of person ${person}`;
    return last === undefined
      ? `${who}, who has read nothing`
      : `${who}, who read last: ${JSON.stringify(last.text.slice(0, 100))}`;
  }
}

/** What a reader saw before. */
function lastWords(chat: readonly BotMessage[], message: BotMessage): string {
  const at = chat.indexOf(message);
  return JSON.stringify(chat.slice(Math.max(0, at - 4), at + 1).map(({ text }) => text.slice(0, 100)));
}
