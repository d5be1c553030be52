import { type Agent, type ClientRequest, Agent as HttpAgent, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { Telegram, TelegramError } from 'telegraf';
import type { Telegram as BotMethods, InlineKeyboardMarkup, Opts } from 'telegraf/types';
import { defined } from '../../base/defined.ts';
import { messageOf } from '../../base/errors.ts';
import type { Part } from '../../gateway/adapter.ts';
import type { PlatformsConfig } from '../../gateway/config/schema.ts';
import { checkGate } from '../../gateway/send/send-queue.ts';
import { type Scrub, scrubber } from '../kit/run-adapter.ts';
import { DIRECT, type Way } from '../kit/way.ts';

const TELEGRAM_API_ROOT = 'https://api.telegram.org';

/** `platforms.telegram` of the configuration, and how the platform is reached. */
export type TelegramSettings = NonNullable<PlatformsConfig['telegram']> & {
  readonly token: string;
  readonly mode: 'polling' | 'webhook';
  /** How the platform is reached; default: directly. */
  readonly way?: Way;
};

/**
 * Makes node-fetch 2 (telegraf's transport) notice a connection that is lost in the middle of an answer. On its own
 * it waits for ever for the rest, and leaves a timer of 500 s that keeps the process alive. The answer is ended
 * where it was cut; as JSON it is broken, which is an error that telegraf reports.
 */
function noticeCuts<A extends Agent>(agent: A): A {
  // Not part of the documented interface, but the method every agent hands its requests to.
  const original: unknown = Reflect.get(agent, 'addRequest');
  if (typeof original !== 'function') return agent;
  Object.defineProperty(agent, 'addRequest', {
    value: (request: ClientRequest, ...rest: unknown[]) => {
      request.once('response', (response: IncomingMessage) => {
        response.once('aborted', () => response.emit('end'));
      });
      return Reflect.apply(original, agent, [request, ...rest]);
    },
  });
  return agent;
}

/**
 * How a call to the Bot API failed.
 * - `refused`: the platform said no; `code` and the message say why
 * - `server`: a server error (5xx); the call may have had its effect
 * - `unsent`: no connection came about; the call had no effect
 * - `cut`: the connection was lost or the answer made no sense; the call may have had its effect
 * - `timeout`: no answer in time; the call may have had its effect
 * - `aborted`: the caller gave up
 */
export type FailureKind = 'refused' | 'server' | 'unsent' | 'cut' | 'timeout' | 'aborted';

/** A failed call. Its message and its properties never contain the token. */
export class TelegramFailure extends Error {
  override readonly name = 'TelegramFailure';
  readonly kind: FailureKind;
  readonly code: number | undefined;
  readonly retryAfterMs: number | undefined;
  readonly migrateToChatId: string | undefined;
  constructor(
    kind: FailureKind,
    message: string,
    facts: { readonly code?: number; readonly retryAfterMs?: number; readonly migrateToChatId?: string } = {},
  ) {
    super(message);
    this.kind = kind;
    this.code = facts.code;
    this.retryAfterMs = facts.retryAfterMs;
    this.migrateToChatId = facts.migrateToChatId;
  }

  /** The token is wrong or revoked: 401; 404 for one that is not even shaped like a token. */
  get unauthorised(): boolean {
    return this.kind === 'refused' && (this.code === 401 || this.code === 404);
  }
}

/** Errors of the network that come before a byte of the request has left. */
const UNSENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'ENETDOWN']);

/** How long an idle connection is kept for the next call; shorter than servers keep theirs. */
const IDLE_MS = 4000;

interface CallOptions {
  readonly signal: AbortSignal;
  /** Longest time for the answer; default 20 s. */
  readonly timeoutMs?: number;
}

/**
 * The Bot API through telegraf's client, with a deadline on every call (telegraf's own is 500 s), connections that
 * end with the adapter, and failures that are told apart and cannot leak the token: telegraf and node-fetch put
 * the whole URL into some of their errors.
 */
export class BotClient {
  readonly scrub: Scrub;
  readonly fetch: Way['fetch'];
  readonly #telegram: Telegram;
  readonly #agent: HttpAgent;
  readonly #fileRoot: string;

  constructor(token: string, apiRoot: string = TELEGRAM_API_ROOT, way: Way = DIRECT) {
    this.fetch = way.fetch;
    this.scrub = scrubber(token);
    // Method names are resolved against the root: without a slash at its end the last part of a path is lost.
    const root = apiRoot === '' ? TELEGRAM_API_ROOT : apiRoot;
    const base = root.endsWith('/') ? root : `${root}/`;
    const options = { keepAlive: true, timeout: IDLE_MS };
    this.#agent = noticeCuts(
      way.agent(base) ?? (base.startsWith('http://') ? new HttpAgent(options) : new HttpsAgent(options)),
    );
    this.#telegram = new Telegram(token, { apiRoot: base, agent: this.#agent, webhookReply: false });
    // telegraf drops the agent for http roots; its connections would outlive us in the global one.
    this.#telegram.options.agent = this.#agent;
    this.#fileRoot = new URL(`./file/bot${token}/`, base).href;
  }

  /** The address of a downloaded file. It contains the token: never log it. */
  fileUrl(path: string): string {
    return new URL(`./${path.split('/').map(encodeURIComponent).join('/')}`, this.#fileRoot).href;
  }

  /** Calls a method; rejects with TelegramFailure. The result is as the platform sent it: parse it. */
  async call<M extends keyof BotMethods>(
    method: M,
    payload: Opts<M>,
    options: CallOptions,
  ): Promise<unknown> {
    checkGate();
    // Not a composite signal: every message passes here, and one costs more than the rest of this call.
    const ended = new AbortController();
    const { signal } = ended;
    const cancel = (): void => ended.abort();
    const timer = setTimeout(cancel, options.timeoutMs ?? 20_000);
    if (options.signal.aborted) cancel();
    else options.signal.addEventListener('abort', cancel, { once: true });
    try {
      // The declared type is that of a polyfill; node-fetch takes every AbortSignal.
      return await this.#telegram.callApi(method, payload, { signal: signal as never });
    } catch (error) {
      if (options.signal.aborted) throw new TelegramFailure('aborted', `${method} was canceled`);
      if (signal.aborted) throw new TelegramFailure('timeout', `${method} got no answer in time`);
      throw this.#failure(method, error);
    } finally {
      clearTimeout(timer);
      options.signal.removeEventListener('abort', cancel);
    }
  }

  /** Ends idle and busy connections. */
  close(): void {
    this.#agent.destroy();
  }

  #failure(method: string, error: unknown): TelegramFailure {
    if (error instanceof TelegramError) {
      const text = this.scrub(`${method}: ${error.description}`);
      const { code } = error;
      if (code >= 500) return new TelegramFailure('server', `${text} (${code})`, { code });
      const seconds = error.parameters?.retry_after;
      const moved = error.parameters?.migrate_to_chat_id;
      return new TelegramFailure('refused', text, {
        code,
        ...(typeof seconds === 'number' ? { retryAfterMs: seconds * 1000 } : {}),
        ...(moved === undefined ? {} : { migrateToChatId: String(moved) }),
      });
    }
    const code = networkCode(error);
    const kind = code !== undefined && UNSENT.has(code) ? 'unsent' : 'cut';
    // The library's words contain the URL, and with it the token: only the code is safe to repeat.
    const text = code === undefined ? this.scrub(messageOf(error)) : code;
    return new TelegramFailure(kind, `${method}: ${text}`);
  }
}

function networkCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const code = 'code' in error ? error.code : undefined;
  if (typeof code === 'string') return code;
  const type = 'type' in error ? error.type : undefined;
  return type === 'invalid-json' ? 'the answer was not JSON' : undefined;
}

/**
 * Telegram turns every `@name` into a mention that notifies its owner; a bot cannot switch that off. As code, a name
 * is only a name, and the text keeps its length.
 */
const MENTION = /(?<![\w@/])@[a-zA-Z]\w{2,31}/g;
const TAG = /(<[^>]*>)/;
const USER_LINK = /<a href="tg:\/\/user[^"]*">([\s\S]*?)<\/a>/g;

interface CodeEntity {
  readonly type: 'code';
  /** UTF-16 units. */
  readonly offset: number;
  readonly length: number;
}

/** HTML whose mentions notify no one. */
function quietHtml(html: string): string {
  let code = 0;
  return html
    .replace(USER_LINK, '$1')
    .split(TAG)
    .map((piece) => {
      if (!piece.startsWith('<')) return code > 0 ? piece : piece.replace(MENTION, '<code>$&</code>');
      if (/^<(code|pre)\b/.test(piece)) code += 1;
      if (/^<\/(code|pre)\b/.test(piece)) code -= 1;
      return piece;
    })
    .join('');
}

/** The entities that keep the mentions of a plain text quiet. */
function quietEntities(text: string): readonly CodeEntity[] {
  return [...text.matchAll(MENTION)].map((match) => ({
    type: 'code',
    offset: match.index,
    length: match[0].length,
  }));
}

/** The most bytes Telegram keeps behind a button. */
const BUTTON_BYTES = 64;
const BUTTONS_PER_ROW = 2;

/** A text as the Bot API takes it. */
interface MarkedText {
  readonly text: string;
  readonly parse_mode?: 'HTML';
  readonly entities?: CodeEntity[];
}

/** The same as the caption of a file. */
export interface MarkedCaption {
  readonly caption: string;
  readonly parse_mode?: 'HTML';
  readonly caption_entities?: CodeEntity[];
}

const escapeHtml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

const fits = (button: { readonly command: string }): boolean =>
  Buffer.byteLength(button.command) <= BUTTON_BYTES;

/**
 * The text of a part. A part whose two texts are the same has no markup: sent as HTML, its `<` and `&` would be an
 * error. Commands too long for a button are listed below the text, to be typed. `quiet` keeps mentions from
 * notifying anybody.
 */
export function markedText(part: Part, quiet: boolean): MarkedText {
  const html = part.text !== part.plain;
  const typed = (part.buttons ?? [])
    .filter((button) => !fits(button))
    .map((button) => `\n${button.label}: ${button.command}`)
    .join('');
  const text = part.text + (html ? escapeHtml(typed) : typed);
  if (html) return { text: quiet ? quietHtml(text) : text, parse_mode: 'HTML' };
  const entities = quiet ? quietEntities(text) : [];
  return entities.length === 0 ? { text } : { text, entities: [...entities] };
}

export function asCaption({ text, parse_mode, entities }: MarkedText): MarkedCaption {
  return {
    caption: text,
    ...defined({ parse_mode, caption_entities: entities }),
  };
}

/** The buttons of a part as an inline keyboard; pressing one sends its command. */
export function keyboardOf(part: Part): InlineKeyboardMarkup | undefined {
  const buttons = (part.buttons ?? [])
    .filter(fits)
    .map((button) => ({ text: button.label, callback_data: button.command }));
  if (buttons.length === 0) return undefined;
  const rows = Array.from({ length: Math.ceil(buttons.length / BUTTONS_PER_ROW) }, (_, row) =>
    buttons.slice(row * BUTTONS_PER_ROW, (row + 1) * BUTTONS_PER_ROW),
  );
  return { inline_keyboard: rows };
}
