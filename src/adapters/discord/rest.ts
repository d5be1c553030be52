import { DiscordAPIError, HTTPError, RateLimitError, REST, type RESTOptions } from 'discord.js';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { defined } from '../../base/defined.ts';
import { GatewayError, messageOf } from '../../base/errors.ts';
import type { PlatformsConfig } from '../../gateway/config/schema.ts';
import type { Attachment } from '../../gateway/model.ts';
import { checkGate } from '../../gateway/send/send-queue.ts';
import { type Scrub, scrubber } from '../kit/run-adapter.ts';
import { attachmentTooLarge, attachmentUnavailable, DIRECT, readLimited, type Way } from '../kit/way.ts';
import { AttachedFile } from './contents.ts';

export const DISCORD_API_URL = 'https://discord.com/api';

/** `platforms.discord` of the configuration, and how the platform is reached. */
export type DiscordSettings = NonNullable<PlatformsConfig['discord']> & {
  readonly botToken: string;
  /** How the platform is reached; default: directly. */
  readonly way?: Way;
};

/**
 * How a call to Discord failed.
 * - `refused`: Discord said no; `status` and `code` say why
 * - `rate-limited`: refused for now, or held back before it was sent
 * - `server`: a server error (5xx); the call may have had its effect
 * - `unsent`: no connection came about; the call had no effect
 * - `cut`: the connection was lost; the call may have had its effect
 * - `timeout`: no answer in time; the call may have had its effect
 * - `aborted`: the caller gave up
 */
export type FailureKind = 'refused' | 'rate-limited' | 'server' | 'unsent' | 'cut' | 'timeout' | 'aborted';

/** A failed call. Its message and its properties never contain the token. */
export class DiscordFailure extends Error {
  override readonly name = 'DiscordFailure';
  readonly kind: FailureKind;
  readonly status: number | undefined;
  /** Discord's own error code: https://discord.com/developers/docs/topics/opcodes-and-status-codes#json */
  readonly code: number | undefined;
  readonly retryAfterMs: number | undefined;
  constructor(
    kind: FailureKind,
    message: string,
    facts: { readonly status?: number; readonly code?: number; readonly retryAfterMs?: number } = {},
  ) {
    super(message);
    this.kind = kind;
    this.status = facts.status;
    this.code = facts.code;
    this.retryAfterMs = facts.retryAfterMs;
  }

  get unauthorised(): boolean {
    return this.kind === 'refused' && this.status === 401;
  }
}

export interface CallOptions {
  readonly body?: unknown;
  readonly files?: readonly {
    readonly name: string;
    readonly data: Uint8Array;
    readonly contentType: string;
  }[];
  readonly query?: URLSearchParams;
  /** False for calls that carry their own token in the path (interactions). */
  readonly auth?: boolean;
  readonly signal: AbortSignal;
  /** Longest time for the answer; default 15 s. */
  readonly timeoutMs?: number;
}

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

const VERBS = { GET: 'get', POST: 'post', PUT: 'put', PATCH: 'patch', DELETE: 'delete' } as const;

/** The REST options for a server: no retries of its own, so that the outbox decides what is sent twice. */
export function restOptions(apiUrl: string | undefined, way: Way = DIRECT): Partial<RESTOptions> {
  return {
    api: apiUrl === undefined || apiUrl === '' ? DISCORD_API_URL : apiUrl.replace(/\/$/, ''),
    version: '10',
    retries: 0,
    // Each call has its own deadline; this one only ends what nobody waits for any more.
    timeout: 300_000,
    rejectOnRateLimit: () => true,
    makeRequest: (url, init) => drainedRequest(way, url, init),
  };
}

/**
 * Discord's REST API through discord.js. Its own instance, apart from the gateway's client: messages can be sent
 * while the gateway reconnects.
 */
export class DiscordRest {
  readonly scrub: Scrub;
  readonly fetch: Way['fetch'];
  readonly #rest: REST;
  readonly #token: string;

  constructor(token: string, apiUrl?: string, way: Way = DIRECT) {
    this.fetch = way.fetch;
    this.scrub = scrubber(token);
    this.#token = token;
    this.#rest = new REST(restOptions(apiUrl, way));
  }

  /** Calls a route; rejects with DiscordFailure. The result is as Discord sent it: parse it. */
  async call(method: Method, route: `/${string}`, options: CallOptions): Promise<unknown> {
    checkGate();
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), options.timeoutMs ?? 15_000);
    // The library listens to the signal and never stops: one made with `AbortSignal.any` would be kept, with all that
    // belongs to the call, for as long as the caller's lives.
    const canceled = new AbortController();
    const cancel = (): void => canceled.abort();
    for (const signal of [options.signal, deadline.signal]) signal.addEventListener('abort', cancel);
    if (options.signal.aborted) cancel();
    const what = `${method} ${describedRoute(route)}`;
    try {
      // A refused call makes the library forget the token.
      this.#rest.setToken(this.#token);
      return await this.#rest[VERBS[method]](route, {
        ...defined({ body: options.body }),
        ...(options.files === undefined ? {} : { files: [...options.files] }),
        ...defined({ query: options.query }),
        auth: options.auth ?? true,
        signal: canceled.signal,
      });
    } catch (error) {
      if (options.signal.aborted) throw new DiscordFailure('aborted', `${what} was canceled`);
      if (deadline.signal.aborted) throw new DiscordFailure('timeout', `${what} got no answer in time`);
      throw failureOf(what, error, this.scrub);
    } finally {
      clearTimeout(timer);
      options.signal.removeEventListener('abort', cancel);
    }
  }

  /** Ends the library's timers. */
  close(): void {
    this.#rest.clearHashSweeper();
    this.#rest.clearHandlerSweeper();
  }
}

/** Tells failures of discord.js apart. */
export function failureOf(what: string, error: unknown, scrub: Scrub): DiscordFailure {
  if (error instanceof RateLimitError) {
    const retryAfterMs = Math.max(1, Math.ceil(error.retryAfter || error.timeToReset));
    return new DiscordFailure('rate-limited', `${what}: too many requests`, { status: 429, retryAfterMs });
  }
  if (error instanceof DiscordAPIError) {
    const code = Number(error.code);
    return new DiscordFailure(
      'refused',
      scrub(`${what}: ${error.message} (${error.status}, ${error.code})`),
      {
        status: error.status,
        ...(Number.isNaN(code) ? {} : { code }),
      },
    );
  }
  if (error instanceof HTTPError)
    return new DiscordFailure('server', `${what}: server error ${error.status}`, { status: error.status });
  const code = networkCode(error);
  const kind = code !== undefined && UNSENT.has(code) ? 'unsent' : 'cut';
  return new DiscordFailure(kind, scrub(`${what}: ${code ?? messageOf(error)}`));
}

/** Errors of the network that come before a byte of the request has left. */
const UNSENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** The code of the error or of what caused it, at any depth (fetch wraps the socket's error). */
function networkCode(error: unknown): string | undefined {
  for (let depth = 0, e = error; depth < 5 && e instanceof Error; depth += 1, e = e.cause) {
    if ('code' in e && typeof e.code === 'string') return e.code;
    if (e instanceof AggregateError && e.errors.length > 0) return networkCode(e.errors[0]);
  }
  return undefined;
}

/** A route for people: interaction tokens are not for logs. */
function describedRoute(route: string): string {
  return route.replace(/^(\/(?:webhooks|interactions)\/\d+\/)[^/]+/, '$1…');
}

/** fetch, with bodies of server errors read away: the library leaves them, and their sockets would stay open. */
async function drainedRequest(
  way: Way,
  url: string,
  init: { method?: string; headers?: unknown; body?: unknown; signal?: AbortSignal | null },
): Promise<Response> {
  const response = await way.fetch(url, { ...init, redirect: 'error' } as RequestInit);
  if (response.status >= 500) await response.body?.cancel();
  return response;
}

const FileRef = Type.Object({
  channelId: Type.String(),
  messageId: Type.String(),
  attachmentId: Type.String(),
  url: Type.String(),
});
const Files = Type.Object({ attachments: Type.Optional(Type.Array(AttachedFile)) });
const Holder = Type.Object({
  ...Files.properties,
  message_snapshots: Type.Optional(Type.Array(Type.Object({ message: Files }))),
});

interface FileSource {
  readonly rest: DiscordRest;
  /** A local server serves its own files; otherwise only Discord's own hosts are asked. */
  readonly anyHost: boolean;
}

/** The bytes behind an attachment. Addresses are signed and expire after a day: then the message is asked again. */
export async function fetchFile(
  { rest, anyHost }: FileSource,
  attachment: Attachment,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const { name } = attachment;
  try {
    const ref = parsedRef(attachment.ref);
    if (ref === undefined) throw attachmentUnavailable(name, 'it is not a file of Discord');
    if ((attachment.sizeBytes ?? 0) > maxBytes) throw attachmentTooLarge(name, maxBytes);
    const get = (url: string): Promise<Response> => {
      if (!anyHost && !/^https:\/\/[^/]+\.(discordapp\.com|discordapp\.net|discord\.com)\//.test(url))
        throw attachmentUnavailable(name, 'its address does not belong to Discord');
      return rest.fetch(url, { signal, redirect: 'error' });
    };
    let response = await get(ref.url);
    if (response.status === 403 || response.status === 404) {
      await response.body?.cancel();
      const message = await rest.call('GET', `/channels/${ref.channelId}/messages/${ref.messageId}`, {
        signal,
      });
      const holders = Value.Check(Holder, message)
        ? [message, ...(message.message_snapshots ?? []).map((snapshot) => snapshot.message)]
        : [];
      const fresh = holders
        .flatMap((holder) => holder.attachments ?? [])
        .find((entry) => entry.id === ref.attachmentId);
      if (fresh === undefined) throw attachmentUnavailable(name, 'its message no longer has such a file');
      response = await get(fresh.url);
    }
    return await readLimited(response, name, maxBytes);
  } catch (error) {
    if (error instanceof GatewayError) throw error;
    throw attachmentUnavailable(name, rest.scrub(messageOf(error)));
  }
}

function parsedRef(text: string) {
  try {
    const ref: unknown = JSON.parse(text);
    return Value.Check(FileRef, ref) ? ref : undefined;
  } catch {
    // Not ours.
    return undefined;
  }
}
